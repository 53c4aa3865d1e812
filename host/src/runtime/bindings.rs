//! The WIT contract in Rust: requests are lowered by reference, responses are lifted once.

#![allow(unreachable_pub, reason = "generated")]

use std::time::SystemTime;

wasmtime::component::bindgen!({
    path: "../wit/processor",
    world: "processor",
    ownership: Borrowing { duplicate_if_necessary: false },
    exports: { default: async },
});

pub use exports::arenaria::processor::handler::{Request, Response};
pub use exports::arenaria::processor::memory::Reading;

/// A moment as WIT has it: nanoseconds since 1970.
pub(crate) fn nanoseconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
