//! What a slot has.

use crate::pool::reading::InstanceReading;
use crate::pool::usage_schedule::UsageSchedule;
use crate::runtime::instance::Instance;

/// The instance in a slot, and what is known of it.
#[derive(Default)]
pub(crate) struct SlotContents {
    /// None after a fault, and in `fresh` isolation, where every request starts its own instance.
    pub(crate) instance: Option<Instance>,
    pub(crate) served: u64,
    pub(crate) usage_schedule: UsageSchedule,
    /// How many handles the instance held after its first request.
    pub(crate) handles: usize,
}

impl SlotContents {
    pub(crate) fn new(instance: Option<Instance>) -> Option<Box<Self>> {
        Some(Box::new(Self { instance, ..Self::default() }))
    }

    /// What is known of its instance without a call, if it has one.
    pub(crate) fn reading(&self) -> Option<InstanceReading> {
        let (served, linear_memory) = (self.served, self.instance.as_ref()?.linear_memory());
        Some(InstanceReading { served, linear_memory, arena: None })
    }
}
