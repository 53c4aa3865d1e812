//! Which slot serves next, and which instance starts or leaves: state × event → actions.
//!
//! Nothing here waits, reads a clock, or owns an instance. `slots` reports what happened and carries
//! out what the policy says; it never decides by a slot's state itself.
//!
//! ```text
//!              grant                   released, clean
//!   waiting ──────────▶ Idle ─▶ Busy ─────────────────▶ Idle
//!      │ queue full              │ released, lost
//!      ▼                         ▼            started
//!    shed                     Warming ────────────────▶ Idle ── shrink ─▶ Closed
//! ```
//!
//! Invariants, which `policy_random.rs` checks for random events:
//! - One request at a time has a slot. The slot that was used last is granted first.
//! - Requests wait in order of arrival. If a slot is idle, the first of them is told, and asks for it when it runs. A request
//!   that comes before that may have the slot, because most end before anybody else runs: a slot that only waits for a
//!   task would be lost for as long as all other tasks need. The one that was told then has the next slot for sure.
//! - After a fault, the old instance is dropped before the next one starts.
//! - An orderly replacement is warm before the old instance leaves, and there is at most one at a
//!   time. So there are at most slots + 1 instances, which is what the memory plan counts.
//!
//! When the component of a route is replaced, these slots go on for the requests that have them already. `shrink` takes
//! those out of use that are too many for that.

use std::collections::VecDeque;
use std::time::Duration;

use crate::pool::actions::{Action, Actions};
pub(crate) use crate::pool::actions::{SlotId, WaiterId};
use crate::pool::stats::Reason;

/// Why a request got no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// The queue is full.
    QueueLength,
    /// It waited for as long as the limit allows.
    QueueTime,
}

/// What a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotState {
    /// It can be granted.
    Idle,
    /// One request has it.
    Busy,
    /// It has no request, but for a moment the usage of its arena is read: for a scrape, or after a request.
    Reading,
    /// It is empty, and its next instance is being started for the `attempt`th time, from 0.
    Warming { attempt: u32 },
    /// It is empty and stays empty.
    Closed,
}

/// An orderly replacement: the old instance serves until the new one is warm.
#[derive(Clone, Copy, Debug)]
struct Replacement {
    slot: SlotId,
    reason: Reason,
    /// Whether the new instance is warm, and waits for the slot to be released.
    is_ready: bool,
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    id: WaiterId,
    kind: WaiterKind,
    /// Whether it knows that a slot is idle, and has not run since.
    is_told: bool,
    /// Whether it was told and found no slot.
    has_lost: bool,
}

/// Whether a request that waits takes a place of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaiterKind {
    /// A request of its own: at most `queue-length` of them wait.
    Request,
    /// A part of a stream, which was admitted before. It does not shed requests.
    Stream,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A request is done with its slot. `lost` says why its instance must not be used again.
    Released { slot: SlotId, lost: Option<Reason> },
    /// The instance of that slot should be replaced in an orderly way.
    RetireAsked { slot: SlotId, reason: Reason },
    /// The instance that was started for that slot is warm.
    Started { slot: SlotId },
    /// It could not be started.
    StartFailed { slot: SlotId },
    /// A request waits no longer: its time is over, or it was cancelled.
    WaiterLeft { waiter: WaiterId },
}

/// The reply to a request for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted(SlotId),
    Queued(WaiterId),
    Shed,
}

/// How many slots are in which state, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Slots without a request, also those that are being read.
    pub(crate) idle: usize,
    pub(crate) busy: usize,
    /// Instances that are being started: for empty slots, and an orderly replacement.
    pub(crate) warming: usize,
}

/// The slots of one route on one worker.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) slots: Vec<SlotState>,
    /// A stack: the slot that was used last has the warmest memory.
    idle: Vec<SlotId>,
    /// How many slots are `Warming`.
    empty: usize,
    /// How many slots are `Reading`.
    reading: usize,
    /// How many slots are `Closed`.
    closed: usize,
    waiters: VecDeque<Waiter>,
    /// Waiters of kind `Request`.
    queued: usize,
    queue_length: usize,
    replacement: Option<Replacement>,
    next_waiter: WaiterId,
    /// Whether instances outlive a request. If not, a slot is only a permit.
    keeps_instances: bool,
}

impl Policy {
    /// All slots are idle.
    pub(crate) fn new(slots: usize, queue_length: usize, keeps_instances: bool) -> Self {
        Self {
            slots: vec![SlotState::Idle; slots],
            idle: (0..slots).collect(),
            empty: 0,
            reading: 0,
            closed: 0,
            waiters: VecDeque::new(),
            queued: 0,
            queue_length,
            replacement: None,
            next_waiter: 0,
            keeps_instances,
        }
    }

    /// A request asks for a slot.
    #[inline]
    pub(crate) fn acquire(&mut self, kind: WaiterKind) -> Admission {
        if let Some(slot) = self.idle.pop() {
            self.slots[slot] = SlotState::Busy;
            return Admission::Granted(slot);
        }
        if kind == WaiterKind::Request {
            if self.is_full() {
                return Admission::Shed;
            }
            self.queued += 1;
        }
        let id = self.next_waiter;
        self.next_waiter += 1;
        self.waiters.push_back(Waiter { id, kind, is_told: false, has_lost: false });
        Admission::Queued(id)
    }

    /// A waiter that was told of an idle slot asks for it. If others were faster, it has the next slot that is released.
    pub(crate) fn retry(&mut self, waiter: WaiterId) -> Option<SlotId> {
        let index = self.index(waiter)?;
        let Some(slot) = self.idle.pop() else {
            (self.waiters[index].is_told, self.waiters[index].has_lost) = (false, true);
            return None;
        };
        self.leave(index);
        self.slots[slot] = SlotState::Busy;
        Some(slot)
    }

    /// Whether a request that asked now would be shed. A slot that is being read is as good as idle, so it
    /// lends the queue a place.
    pub(crate) fn is_full(&self) -> bool {
        self.idle.is_empty() && self.queued >= self.queue_length + self.reading
    }

    /// Takes that slot if it is idle: to ask an instance about its memory, which no request waits for.
    pub(crate) fn take_idle(&mut self, slot: SlotId) -> bool {
        let Some(index) = self.idle.iter().position(|idle| *idle == slot) else { return false };
        self.idle.remove(index);
        self.read(slot);
        true
    }

    /// The request of that slot is done, and its instance is asked about its memory before it is released.
    pub(crate) fn read_before_release(&mut self, slot: SlotId) {
        assert_eq!(self.slots[slot], SlotState::Busy, "only a slot in use is kept");
        self.read(slot);
    }

    fn read(&mut self, slot: SlotId) {
        self.slots[slot] = SlotState::Reading;
        self.reading += 1;
    }

    /// Takes an idle slot out of use, if more slots are in use than that. The slot that was used the longest ago is
    /// first. One with a replacement under way stays.
    pub(crate) fn shrink(&mut self, slots_max: usize) -> Option<SlotId> {
        if !self.keeps_instances || self.slots.len() - self.closed <= slots_max {
            return None;
        }
        let replaced = self.replacement.map(|replacement| replacement.slot);
        let index = self.idle.iter().position(|slot| Some(*slot) != replaced)?;
        let slot = self.idle.remove(index);
        self.slots[slot] = SlotState::Closed;
        self.closed += 1;
        Some(slot)
    }

    /// What follows from an event.
    #[inline]
    pub(crate) fn on(&mut self, event: Event) -> Actions {
        let mut actions = Actions::default();
        match event {
            Event::Released { slot, lost } => self.released(slot, lost, &mut actions),
            Event::RetireAsked { slot, reason } => self.retire_asked(slot, reason, &mut actions),
            Event::Started { slot } => self.started(slot, &mut actions),
            Event::StartFailed { slot } => self.start_failed(slot, &mut actions),
            Event::WaiterLeft { waiter } => self.waiter_left(waiter, &mut actions),
        }
        actions
    }

    pub(crate) fn counts(&self) -> Counts {
        let starting = self.replacement.is_some_and(|replacement| !replacement.is_ready);
        let idle = self.idle.len() + self.reading;
        Counts {
            idle,
            busy: self.slots.len() - idle - self.empty - self.closed,
            warming: self.empty + usize::from(starting),
        }
    }

    fn released(&mut self, slot: SlotId, lost: Option<Reason>, actions: &mut Actions) {
        match self.slots[slot] {
            SlotState::Busy => {}
            SlotState::Reading => self.reading -= 1,
            state => panic!("only a slot in use is released, got {state:?}"),
        }
        if let Some(reason) = lost {
            actions.push(Action::DropInstance { slot, reason });
        }
        let replacement = self.replacement.take_if(|replacement| replacement.slot == slot);
        match (replacement, lost) {
            (Some(Replacement { is_ready: true, reason, .. }), _) => {
                // One that was lost is counted as lost.
                let replaced = lost.is_none().then_some(reason);
                actions.push(Action::Install { slot, replaced });
                self.give_on(slot, actions);
            }
            // The start that is under way fills the empty slot.
            (Some(_), Some(_)) => self.set_warming(slot),
            (None, Some(_)) if self.keeps_instances => {
                self.set_warming(slot);
                actions.push(Action::StartInstance { slot, pause: Duration::ZERO });
            }
            (starting, _) => {
                self.replacement = self.replacement.or(starting);
                self.give_on(slot, actions);
            }
        }
    }

    /// If a replacement is under way already, nothing follows: the pool asks again after the next request.
    fn retire_asked(&mut self, slot: SlotId, reason: Reason, actions: &mut Actions) {
        let is_empty = matches!(self.slots[slot], SlotState::Warming { .. } | SlotState::Closed);
        if self.keeps_instances && self.replacement.is_none() && !is_empty {
            self.replacement = Some(Replacement { slot, reason, is_ready: false });
            actions.push(Action::StartInstance { slot, pause: Duration::ZERO });
        }
    }

    fn started(&mut self, slot: SlotId, actions: &mut Actions) {
        match self.slots[slot] {
            SlotState::Warming { .. } => {
                actions.push(Action::Install { slot, replaced: None });
                self.empty -= 1;
                self.give_on(slot, actions);
            }
            SlotState::Idle => {
                let replacement = self.replacement.take().expect("a full slot was to be replaced");
                actions.push(Action::Install { slot, replaced: Some(replacement.reason) });
            }
            SlotState::Busy | SlotState::Reading => {
                let replacement = self.replacement.as_mut();
                replacement.expect("a full slot was to be replaced").is_ready = true;
            }
            SlotState::Closed => panic!("nothing starts for a closed slot"),
        }
    }

    fn start_failed(&mut self, slot: SlotId, actions: &mut Actions) {
        if let SlotState::Warming { attempt } = &mut self.slots[slot] {
            actions.push(Action::StartInstance { slot, pause: pause(*attempt) });
            *attempt = attempt.saturating_add(1);
        } else {
            self.replacement = None;
            actions.push(Action::KeepOld { slot });
        }
    }

    /// A waiter that was granted a slot is not in the queue: it gives the slot back by `Released`.
    fn waiter_left(&mut self, waiter: WaiterId, actions: &mut Actions) {
        let Some(index) = self.index(waiter) else { return };
        let left = self.leave(index);
        if left.is_told && !self.idle.is_empty() {
            self.tell(actions);
        }
    }

    /// The place of a waiter in the queue. Their numbers ascend.
    fn index(&self, waiter: WaiterId) -> Option<usize> {
        self.waiters.binary_search_by_key(&waiter, |queued| queued.id).ok()
    }

    fn leave(&mut self, index: usize) -> Waiter {
        let left = self.waiters.remove(index).expect("the index was just found");
        self.queued -= usize::from(left.kind == WaiterKind::Request);
        left
    }

    /// To the first waiter that found no slot before, or on top of the idle ones, of which the next waiter is told.
    fn give_on(&mut self, slot: SlotId, actions: &mut Actions) {
        if let Some(index) = self.waiters.iter().position(|waiter| waiter.has_lost) {
            let waiter = self.leave(index).id;
            self.slots[slot] = SlotState::Busy;
            actions.push(Action::Grant { waiter, slot });
        } else {
            self.slots[slot] = SlotState::Idle;
            self.idle.push(slot);
            self.tell(actions);
        }
    }

    fn tell(&mut self, actions: &mut Actions) {
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| !waiter.is_told) {
            waiter.is_told = true;
            actions.push(Action::Tell { waiter: waiter.id });
        }
    }

    fn set_warming(&mut self, slot: SlotId) {
        self.slots[slot] = SlotState::Warming { attempt: 0 };
        self.empty += 1;
    }
}

/// How long to wait after the `attempt`th start in a row that failed, from 0.
fn pause(attempt: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(5);
    FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(MAX)
}

#[cfg(test)]
#[path = "policy_random.rs"]
mod random;
#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
