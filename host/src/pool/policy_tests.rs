//! Each transition by itself, and random events against a plain model.

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::ZERO;

#[track_caller]
fn check(policy: &mut Policy, event: Event, expected: &[Action]) {
    let actions: Vec<Action> = policy.on(event).into_iter().collect();
    assert_eq!(actions, expected, "after {event:?}");
}

fn release(slot: SlotId) -> Event {
    Event::Released { slot, lost: None }
}

fn lose(slot: SlotId) -> Event {
    Event::Released { slot, lost: Some(Reason::Trap) }
}

fn retire(slot: SlotId) -> Event {
    Event::RetireAsked { slot, reason: Reason::MemoryGrown }
}

/// One slot, in use.
fn busy() -> Policy {
    let mut policy = Policy::new(1, 1, true);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    policy
}

#[test]
fn the_slot_that_was_used_last_is_granted_first() {
    let mut policy = Policy::new(3, 0, true);
    for expected in [2, 1, 0] {
        assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(expected));
    }
    check(&mut policy, release(1), &[]);
    check(&mut policy, release(2), &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(2));
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 2, warming: 0 });
}

#[test]
fn requests_wait_in_order_and_only_as_many_as_the_queue_holds() {
    let mut policy = busy();
    assert!(!policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    assert!(policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Shed);
    assert_eq!(policy.acquire(WaiterKind::Stream), Admission::Queued(1));
    check(&mut policy, release(0), &[Action::Grant { waiter: 0, slot: 0 }]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(2));
    check(&mut policy, release(0), &[Action::Grant { waiter: 1, slot: 0 }]);
    check(&mut policy, release(0), &[Action::Grant { waiter: 2, slot: 0 }]);
    check(&mut policy, release(0), &[]);
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 0, warming: 0 });
}

#[test]
fn a_waiter_that_left_gets_nothing_and_frees_its_place() {
    let mut policy = busy();
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check(&mut policy, Event::WaiterLeft { waiter: 0 }, &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(1));
    check(&mut policy, release(0), &[Action::Grant { waiter: 1, slot: 0 }]);
    // It was granted a slot already: only a release gives that back.
    check(&mut policy, Event::WaiterLeft { waiter: 1 }, &[]);
    assert_eq!(policy.counts().busy, 1);
}

#[test]
fn after_a_fault_the_old_instance_is_gone_before_the_next_starts() {
    let mut policy = busy();
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    let gone = Action::DropInstance { slot: 0, reason: Reason::Trap };
    check(&mut policy, lose(0), &[gone, Action::StartInstance { slot: 0, pause: NOW }]);
    assert_eq!(policy.counts(), Counts { idle: 0, busy: 0, warming: 1 });
    let install = Action::Install { slot: 0, replaced: None };
    let grant = Action::Grant { waiter: 0, slot: 0 };
    check(&mut policy, Event::Started { slot: 0 }, &[install, grant]);
}

#[test]
fn without_instances_to_keep_a_fault_costs_no_slot() {
    let mut policy = Policy::new(1, 1, false);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    check(&mut policy, retire(0), &[]);
    check(&mut policy, lose(0), &[Action::DropInstance { slot: 0, reason: Reason::Trap }]);
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 0, warming: 0 });
}

#[test]
fn a_start_that_fails_is_tried_again_after_longer_and_longer_pauses() {
    let mut policy = busy();
    policy.on(lose(0));
    for milliseconds in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let pause = Duration::from_millis(milliseconds);
        let again = Action::StartInstance { slot: 0, pause };
        check(&mut policy, Event::StartFailed { slot: 0 }, &[again]);
    }
    assert_eq!(pause(u32::MAX), Duration::from_secs(5));
    policy.on(Event::Started { slot: 0 });
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    policy.on(lose(0));
    let first = Action::StartInstance { slot: 0, pause: Duration::from_millis(50) };
    check(&mut policy, Event::StartFailed { slot: 0 }, &[first]);
}

#[test]
fn an_orderly_replacement_is_warm_before_the_old_instance_leaves() {
    let mut policy = busy();
    check(&mut policy, retire(0), &[Action::StartInstance { slot: 0, pause: NOW }]);
    check(&mut policy, Event::Started { slot: 0 }, &[]);
    let install = Action::Install { slot: 0, replaced: Some(Reason::MemoryGrown) };
    check(&mut policy, release(0), &[install]);
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 0, warming: 0 });
}

#[test]
fn an_idle_slot_is_replaced_where_it_is() {
    let mut policy = Policy::new(2, 1, true);
    policy.on(retire(0));
    assert_eq!(policy.counts(), Counts { idle: 2, busy: 0, warming: 1 });
    let install = Action::Install { slot: 0, replaced: Some(Reason::MemoryGrown) };
    check(&mut policy, Event::Started { slot: 0 }, &[install]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(1));
}

#[test]
fn there_is_one_orderly_replacement_at_a_time() {
    let mut policy = Policy::new(2, 1, true);
    check(&mut policy, retire(0), &[Action::StartInstance { slot: 0, pause: NOW }]);
    check(&mut policy, retire(1), &[]);
    check(&mut policy, Event::StartFailed { slot: 0 }, &[Action::KeepOld { slot: 0 }]);
    check(&mut policy, retire(1), &[Action::StartInstance { slot: 1, pause: NOW }]);
}

#[test]
fn a_slot_that_is_released_while_its_replacement_starts_is_used_on() {
    let mut policy = busy();
    policy.on(retire(0));
    check(&mut policy, release(0), &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    check(&mut policy, Event::Started { slot: 0 }, &[]);
    let gone = Action::DropInstance { slot: 0, reason: Reason::Trap };
    check(&mut policy, lose(0), &[gone, Action::Install { slot: 0, replaced: None }]);
}

#[test]
fn a_fault_during_a_replacement_starts_no_second_instance() {
    let mut policy = busy();
    policy.on(retire(0));
    check(&mut policy, lose(0), &[Action::DropInstance { slot: 0, reason: Reason::Trap }]);
    assert_eq!(policy.counts(), Counts { idle: 0, busy: 0, warming: 1 });
    let again = Action::StartInstance { slot: 0, pause: Duration::from_millis(50) };
    check(&mut policy, Event::StartFailed { slot: 0 }, &[again]);
    check(&mut policy, retire(0), &[]);
    check(&mut policy, Event::Started { slot: 0 }, &[Action::Install { slot: 0, replaced: None }]);
}

#[test]
fn a_reading_takes_an_idle_slot_only() {
    let mut policy = Policy::new(2, 1, true);
    assert!(policy.take_idle(0));
    assert!(!policy.take_idle(0));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(1));
    assert!(!policy.take_idle(1));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check(&mut policy, release(0), &[Action::Grant { waiter: 0, slot: 0 }]);
}

#[test]
fn a_reading_sheds_no_request() {
    let mut policy = Policy::new(1, 0, true);
    assert!(policy.take_idle(0));
    assert!(!policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Shed);
    check(&mut policy, release(0), &[Action::Grant { waiter: 0, slot: 0 }]);
    assert!(policy.is_full());
}

#[test]
fn a_reading_that_loses_the_instance_lends_no_place_afterwards() {
    let mut policy = Policy::new(1, 0, true);
    assert!(policy.take_idle(0));
    policy.on(lose(0));
    assert!(policy.is_full());
    policy.on(Event::Started { slot: 0 });
    assert!(!policy.is_full());
}

/// A plain model beside the policy: which slots are in use, and which waiters are queued.
#[derive(Default)]
struct Model {
    in_use: Vec<SlotId>,
    /// Those of the slots in use that a scrape has.
    reading: Vec<SlotId>,
    /// Starts under way, by slot.
    starting: Vec<SlotId>,
    /// Instances that are warm, and not yet in their slot.
    ready: Vec<SlotId>,
    /// Slots that hold an instance.
    full: Vec<SlotId>,
    waiting: VecDeque<Waiter>,
}

fn remove<T: PartialEq>(list: &mut Vec<T>, item: &T) {
    let index = list.iter().position(|other| other == item).expect("the model has it");
    list.swap_remove(index);
}

impl Model {
    fn apply(&mut self, actions: Actions) {
        for action in actions {
            match action {
                Action::Grant { waiter, slot } => {
                    let first = self.waiting.pop_front().expect("somebody waits");
                    assert_eq!(first.id, waiter, "granted in order of arrival");
                    assert!(!self.in_use.contains(&slot), "granted twice");
                    assert!(self.full.contains(&slot), "granted an empty slot");
                    self.in_use.push(slot);
                }
                Action::DropInstance { slot, .. } => remove(&mut self.full, &slot),
                Action::StartInstance { slot, .. } => {
                    assert!(!self.starting.contains(&slot), "started twice");
                    self.starting.push(slot);
                }
                Action::Install { slot, replaced } => {
                    assert_eq!(replaced.is_some(), self.full.contains(&slot));
                    assert!(!self.in_use.contains(&slot), "replaced while in use");
                    remove(&mut self.ready, &slot);
                    self.full.retain(|other| *other != slot);
                    self.full.push(slot);
                }
                Action::KeepOld { slot } => assert!(self.full.contains(&slot)),
            }
        }
    }

    /// One of the slots in use is released.
    fn give_back(&mut self, choice: usize) -> Option<SlotId> {
        let slot = take_one(&mut self.in_use, choice)?;
        self.reading.retain(|reading| *reading != slot);
        Some(slot)
    }

    /// How many requests wait.
    fn queued(&self) -> usize {
        self.waiting.iter().filter(|waiter| waiter.kind == WaiterKind::Request).count()
    }

    fn check(&self, policy: &Policy, slots: usize) {
        let instances = self.full.len() + self.starting.len() + self.ready.len();
        assert!(instances <= slots + 1, "{instances} instances for {slots} slots");
        let counts = policy.counts();
        assert_eq!(counts.busy, self.in_use.len());
        assert_eq!(counts.idle, self.full.len() - self.in_use.len());
        assert_eq!(counts.warming, self.starting.len());
        assert!(counts.idle == 0 || self.waiting.is_empty(), "waits while a slot is idle");
        let starts = |slot| self.starting.contains(&slot) || self.ready.contains(&slot);
        let lost = (0..slots).find(|slot| !self.full.contains(slot) && !starts(*slot));
        assert_eq!(lost, None, "a slot is empty and nothing starts for it");
    }
}

/// A step: what happens, and to which of those that it can happen to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire(bool),
    Take(usize),
    Release(usize),
    Lose(usize),
    Retire(usize),
    Start(usize),
    Fail(usize),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(Step::Acquire),
        1 => any::<usize>().prop_map(Step::Take),
        3 => any::<usize>().prop_map(Step::Release),
        2 => any::<usize>().prop_map(Step::Lose),
        2 => any::<usize>().prop_map(Step::Retire),
        3 => any::<usize>().prop_map(Step::Start),
        1 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..200)
}

fn take_one<T>(list: &mut Vec<T>, choice: usize) -> Option<T> {
    (!list.is_empty()).then(|| list.swap_remove(choice % list.len()))
}

fn run(policy: &mut Policy, model: &mut Model, [slots, queue_length]: [usize; 2], step: Step) {
    match step {
        Step::Acquire(is_stream) => {
            let kind = if is_stream { WaiterKind::Stream } else { WaiterKind::Request };
            let is_full = policy.is_full();
            match policy.acquire(kind) {
                Admission::Granted(slot) => {
                    assert!(!model.in_use.contains(&slot), "granted twice");
                    model.in_use.push(slot);
                }
                Admission::Queued(id) => {
                    let places = queue_length + model.reading.len();
                    assert!(is_stream || model.queued() < places, "the queue was full");
                    model.waiting.push_back(Waiter { id, kind });
                }
                Admission::Shed => assert!(is_full && kind == WaiterKind::Request),
            }
        }
        Step::Take(choice) => {
            let slot = choice % slots;
            if policy.take_idle(slot) {
                assert!(model.full.contains(&slot) && !model.in_use.contains(&slot));
                model.in_use.push(slot);
                model.reading.push(slot);
            }
        }
        Step::Release(choice) => {
            let Some(slot) = model.give_back(choice) else { return };
            model.apply(policy.on(release(slot)));
        }
        Step::Lose(choice) => {
            let Some(slot) = model.give_back(choice) else { return };
            model.apply(policy.on(lose(slot)));
        }
        Step::Retire(choice) => model.apply(policy.on(retire(choice % slots))),
        Step::Start(choice) => {
            let Some(slot) = take_one(&mut model.starting, choice) else { return };
            model.ready.push(slot);
            model.apply(policy.on(Event::Started { slot }));
        }
        Step::Fail(choice) => {
            let Some(slot) = take_one(&mut model.starting, choice) else { return };
            model.apply(policy.on(Event::StartFailed { slot }));
        }
        Step::Leave(choice) => {
            if !model.waiting.is_empty() {
                let index = choice % model.waiting.len();
                let waiter = model.waiting.remove(index).expect("the index is inside").id;
                model.apply(policy.on(Event::WaiterLeft { waiter }));
            }
        }
    }
}

proptest! {
    #[test]
    fn the_invariants_hold_whatever_happens(slots in 1..5_usize, queue in 0..4_usize, steps in steps()) {
        let mut policy = Policy::new(slots, queue, true);
        let mut model = Model { full: (0..slots).collect(), ..Model::default() };
        for step in steps {
            run(&mut policy, &mut model, [slots, queue], step);
            model.check(&policy, slots);
        }
    }
}
