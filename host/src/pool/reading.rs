//! What the operator is told of slots.

use crate::config::isolation::Isolation;
use crate::pool::policy::SlotState;
use crate::runtime::bindings::ArenaUsage;

/// The slots of one route on one worker.
#[derive(Debug)]
pub(crate) struct RouteReading {
    /// The path of the route.
    pub(crate) path: String,
    pub(crate) isolation: Isolation,
    /// Whether its instances have an arena that outlives a request.
    pub(crate) has_arenas: bool,
    /// By number.
    pub(crate) slots: Vec<SlotReading>,
}

/// One slot.
#[derive(Debug)]
pub(crate) struct SlotReading {
    pub(crate) state: State,
    /// None in `fresh` isolation, and before the first reading of an instance.
    pub(crate) instance: Option<InstanceReading>,
}

/// What a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for a request.
    Idle,
    /// A request has it.
    Busy,
    /// Its instance is being started.
    Warming,
    /// It is not used any more: the component of its route was replaced.
    Closed,
}

impl From<SlotState> for State {
    fn from(state: SlotState) -> Self {
        match state {
            SlotState::Idle | SlotState::Reading => Self::Idle,
            SlotState::Busy => Self::Busy,
            SlotState::Warming { .. } => Self::Warming,
            SlotState::Closed => Self::Closed,
        }
    }
}

/// An instance, as it was when it was last read. A request that has it is not disturbed.
#[derive(Clone, Debug)]
pub(crate) struct InstanceReading {
    /// How many requests it has served.
    pub(crate) served: u64,
    /// Bytes of its linear memory.
    pub(crate) linear_memory: u64,
    pub(crate) arena: Option<ArenaUsage>,
}
