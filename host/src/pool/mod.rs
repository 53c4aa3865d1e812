//! The instances of a route: who is idle, busy or being replaced, and what is counted.

pub(crate) mod lease;
pub(crate) mod policy;
pub(crate) mod route;
pub(crate) mod slots;
pub(crate) mod stats;
pub(crate) mod usage_schedule;
