//! Random events against a plain model.

use proptest::prelude::*;

use super::*;

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
    /// Slots that are out of use.
    closed: Vec<SlotId>,
    waiting: VecDeque<(WaiterId, WaiterKind)>,
    /// Those of them that were told of an idle slot, and those that found none then.
    told: Vec<WaiterId>,
    lost: Vec<WaiterId>,
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
                    let lost = self.waiting.iter().find(|(id, _)| self.lost.contains(id));
                    assert_eq!(lost.expect("one found no slot").0, waiter, "not the first");
                    self.leave(waiter);
                    assert!(!self.in_use.contains(&slot), "granted twice");
                    assert!(self.full.contains(&slot), "granted an empty slot");
                    self.in_use.push(slot);
                }
                Action::Tell { waiter } => {
                    let untold = self.waiting.iter().find(|(id, _)| !self.told.contains(id));
                    assert_eq!(untold.expect("somebody waits").0, waiter, "not the first");
                    self.told.push(waiter);
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

    fn asked(&mut self, reply: Admission, kind: WaiterKind, queue_length: usize, is_full: bool) {
        match reply {
            Admission::Granted(slot) => {
                assert!(!self.in_use.contains(&slot), "granted twice");
                self.in_use.push(slot);
            }
            Admission::Queued(id) => {
                let has_place = self.queued() < queue_length + self.reading.len();
                assert!(kind == WaiterKind::Stream || has_place, "the queue was full");
                self.waiting.push_back((id, kind));
            }
            Admission::Shed => assert!(is_full && kind == WaiterKind::Request),
        }
    }

    fn retried(&mut self, waiter: WaiterId, is_idle: bool, slot: Option<SlotId>) {
        assert_eq!(slot.is_some(), is_idle, "it gets a slot if one is idle");
        let Some(slot) = slot else { return self.lost.push(waiter) };
        assert!(!self.in_use.contains(&slot), "granted twice");
        self.leave(waiter);
        self.in_use.push(slot);
    }

    fn leave(&mut self, waiter: WaiterId) {
        self.waiting.retain(|(id, _)| *id != waiter);
        self.told.retain(|id| *id != waiter);
        self.lost.retain(|id| *id != waiter);
    }

    /// How many requests wait.
    fn queued(&self) -> usize {
        self.waiting.iter().filter(|(_, kind)| *kind == WaiterKind::Request).count()
    }

    fn check(&self, policy: &Policy, slots: usize) {
        let instances = self.full.len() + self.starting.len() + self.ready.len();
        assert!(instances <= slots + 1, "{instances} instances for {slots} slots");
        let counts = policy.counts();
        let busy = self.in_use.len() - self.reading.len();
        assert_eq!(counts.busy, busy);
        assert_eq!(counts.idle, self.full.len() - busy);
        assert_eq!(counts.warming, self.starting.len());
        let could_serve = (counts.idle - self.reading.len()).min(self.waiting.len());
        assert!(self.told.len() >= could_serve, "waits untold while a slot is idle");
        let starts = |slot| self.starting.contains(&slot) || self.ready.contains(&slot);
        let is_used = |slot: &SlotId| self.full.contains(slot) || self.closed.contains(slot);
        let lost = (0..slots).find(|slot| !is_used(slot) && !starts(*slot));
        assert_eq!(lost, None, "a slot is empty and nothing starts for it");
    }
}

/// A step: what happens, and to which of those that it can happen to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire(bool),
    Retry(usize),
    Take(usize),
    Read(usize),
    Release(usize),
    Lose(usize),
    Retire(usize),
    Start(usize),
    Fail(usize),
    Leave(usize),
    Shrink(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(Step::Acquire),
        2 => any::<usize>().prop_map(Step::Retry),
        1 => any::<usize>().prop_map(Step::Take),
        1 => any::<usize>().prop_map(Step::Read),
        3 => any::<usize>().prop_map(Step::Release),
        2 => any::<usize>().prop_map(Step::Lose),
        2 => any::<usize>().prop_map(Step::Retire),
        3 => any::<usize>().prop_map(Step::Start),
        1 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::Shrink),
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
            model.asked(policy.acquire(kind), kind, queue_length, is_full);
        }
        Step::Retry(choice) => {
            let Some(waiter) = take_one(&mut model.told, choice) else { return };
            let is_idle = policy.counts().idle > model.reading.len();
            model.retried(waiter, is_idle, policy.retry(waiter));
        }
        Step::Take(choice) => {
            let slot = choice % slots;
            if policy.take_idle(slot) {
                assert!(model.full.contains(&slot) && !model.in_use.contains(&slot));
                model.in_use.push(slot);
                model.reading.push(slot);
            }
        }
        Step::Read(choice) => {
            let busy = |slot: &SlotId| !model.reading.contains(slot);
            let mut busy: Vec<_> = model.in_use.iter().copied().filter(busy).collect();
            let Some(slot) = take_one(&mut busy, choice) else { return };
            policy.read_before_release(slot);
            model.reading.push(slot);
        }
        Step::Release(choice) => {
            let Some(slot) = model.give_back(choice) else { return };
            model.apply(policy.on(Event::Released { slot, lost: None }));
        }
        Step::Lose(choice) => {
            let Some(slot) = model.give_back(choice) else { return };
            model.apply(policy.on(Event::Released { slot, lost: Some(Reason::Trap) }));
        }
        Step::Retire(choice) => model.apply(
            policy.on(Event::RetireAsked { slot: choice % slots, reason: Reason::MemoryGrown }),
        ),
        Step::Start(choice) => {
            let Some(slot) = take_one(&mut model.starting, choice) else { return };
            model.ready.push(slot);
            model.apply(policy.on(Event::Started { slot }));
        }
        Step::Fail(choice) => {
            let Some(slot) = take_one(&mut model.starting, choice) else { return };
            model.apply(policy.on(Event::StartFailed { slot }));
        }
        Step::Shrink(choice) => {
            let keep = choice % (slots + 1);
            let Some(slot) = policy.shrink(keep) else { return };
            assert!(!model.in_use.contains(&slot), "it is in use");
            remove(&mut model.full, &slot);
            model.closed.push(slot);
            assert!(slots - model.closed.len() >= keep, "fewer slots than those that were to stay");
        }
        Step::Leave(choice) => {
            if !model.waiting.is_empty() {
                let index = choice % model.waiting.len();
                let (waiter, _) = model.waiting[index];
                model.leave(waiter);
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
