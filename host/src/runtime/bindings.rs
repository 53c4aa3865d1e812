//! The WIT contract in Rust. Requests are lowered by reference, responses are lifted once.

#![allow(unreachable_pub, reason = "generated")]

use std::time::SystemTime;

wasmtime::component::bindgen!({
    path: "wit",
    world: "processor",
    ownership: Borrowing { duplicate_if_necessary: false },
    exports: { default: async },
});

pub use exports::arenaria::processor::handler::{Request, Response};
pub use exports::arenaria::processor::memory::{ArenaUsage, PhaseUsage};

/// A time in the form that WIT uses: nanoseconds since 1970.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
