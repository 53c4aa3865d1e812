//! Each transition by itself.

use super::*;

const NOW: Duration = Duration::ZERO;

/// A slot is released, and the waiter that is told of it asks before anybody else.
#[track_caller]
fn check_gives(policy: &mut Policy, slot: SlotId, waiter: WaiterId) {
    check(policy, release(slot), &[Action::Tell { waiter }]);
    assert_eq!(policy.retry(waiter), Some(slot));
}

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
    check_gives(&mut policy, 0, 0);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(2));
    check_gives(&mut policy, 0, 1);
    check_gives(&mut policy, 0, 2);
    check(&mut policy, release(0), &[]);
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 0, warming: 0 });
}

#[test]
fn a_request_may_be_faster_than_one_that_waits_but_once() {
    let mut policy = busy();
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check(&mut policy, release(0), &[Action::Tell { waiter: 0 }]);
    assert!(!policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    check(&mut policy, release(0), &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    assert_eq!(policy.retry(0), None);
    check(&mut policy, release(0), &[Action::Grant { waiter: 0, slot: 0 }]);
    assert!(!policy.is_full() && policy.counts().busy == 1);
}

#[test]
fn a_waiter_that_was_told_and_leaves_tells_the_next_one() {
    let mut policy = Policy::new(1, 2, true);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(1));
    check(&mut policy, release(0), &[Action::Tell { waiter: 0 }]);
    check(&mut policy, Event::WaiterLeft { waiter: 0 }, &[Action::Tell { waiter: 1 }]);
    assert_eq!(policy.retry(1), Some(0));
}

#[test]
fn a_waiter_that_left_gets_nothing_and_frees_its_place() {
    let mut policy = busy();
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check(&mut policy, Event::WaiterLeft { waiter: 0 }, &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(1));
    check_gives(&mut policy, 0, 1);
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
    check(&mut policy, Event::Started { slot: 0 }, &[install, Action::Tell { waiter: 0 }]);
    assert_eq!(policy.retry(0), Some(0));
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
    check_gives(&mut policy, 0, 0);
}

#[test]
fn a_reading_sheds_no_request() {
    let mut policy = Policy::new(1, 0, true);
    assert!(policy.take_idle(0));
    assert!(!policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Shed);
    check_gives(&mut policy, 0, 0);
    assert!(policy.is_full());
}

#[test]
fn a_reading_before_the_release_sheds_no_request() {
    let mut policy = Policy::new(1, 0, true);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(0));
    assert!(policy.is_full());
    policy.read_before_release(0);
    assert_eq!(policy.counts(), Counts { idle: 1, busy: 0, warming: 0 });
    assert!(!policy.is_full());
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check_gives(&mut policy, 0, 0);
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

#[test]
fn shrinking_takes_idle_slots_and_leaves_those_in_use() {
    let mut policy = Policy::new(3, 1, true);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(2));
    assert_eq!(policy.shrink(3), None);
    assert_eq!(policy.shrink(1), Some(0));
    assert_eq!(policy.shrink(1), Some(1));
    assert_eq!(policy.shrink(1), None);
    assert_eq!(policy.counts(), Counts { idle: 0, busy: 1, warming: 0 });
    check(&mut policy, retire(0), &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Queued(0));
    check_gives(&mut policy, 2, 0);
    check(&mut policy, release(2), &[]);
    assert_eq!(policy.acquire(WaiterKind::Request), Admission::Granted(2));
    // A slot without instances costs nothing.
    assert_eq!(Policy::new(3, 1, false).shrink(1), None);
}

#[test]
fn shrinking_leaves_a_slot_with_a_replacement_under_way() {
    let mut policy = Policy::new(2, 1, true);
    policy.on(retire(0));
    assert_eq!((policy.shrink(0), policy.shrink(0)), (Some(1), None));
    let install = Action::Install { slot: 0, replaced: Some(Reason::MemoryGrown) };
    check(&mut policy, Event::Started { slot: 0 }, &[install]);
    assert_eq!(policy.shrink(0), Some(0));
}
