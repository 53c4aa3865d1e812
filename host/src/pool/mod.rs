//! The instances of a route: their slots, their replacement and their statistics.

mod actions;
pub(crate) mod body_budget;
pub(crate) mod clients;
mod contents;
pub(crate) mod idle;
pub(crate) mod lease;
pub(crate) mod policy;
pub(crate) mod reading;
pub(crate) mod route;
pub(crate) mod slots;
pub(crate) mod stats;
pub(crate) mod usage_schedule;
