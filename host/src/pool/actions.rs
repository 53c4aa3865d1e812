//! What the policy lets the pool do.

use std::time::Duration;

use crate::pool::stats::Reason;

/// The number of a slot, from 0.
pub(crate) type SlotId = usize;

/// The number of a request that waits.
pub(crate) type WaiterId = u64;

/// What the pool must do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Give that slot to that waiter.
    Grant { waiter: WaiterId, slot: SlotId },
    /// Tell that waiter that a slot is idle. It asks for one when it runs, unless another request was faster.
    Tell { waiter: WaiterId },
    /// Drop the instance, and count why.
    DropInstance { slot: SlotId, reason: Reason },
    /// Start an instance for that slot, after that pause.
    StartInstance { slot: SlotId, pause: Duration },
    /// Put the started instance into the slot. `replaced` says why the old one leaves, if there is one.
    Install { slot: SlotId, replaced: Option<Reason> },
    /// A replacement could not be started: the old instance goes on.
    KeepOld { slot: SlotId },
}

/// No event leads to more actions than this.
const ACTIONS_MAX: usize = 3;

/// What the pool must do, in order; without an allocation.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    list: [Option<Action>; ACTIONS_MAX],
    length: usize,
}

impl Actions {
    pub(super) fn push(&mut self, action: Action) {
        self.list[self.length] = Some(action);
        self.length += 1;
    }

    /// Whether nothing follows: the usual end of a request.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Action>, ACTIONS_MAX>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().flatten()
    }
}
