//! The WIT contract in Rust: requests are lowered by reference, responses are lifted once.

#![allow(unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit/processor",
    world: "processor",
    ownership: Borrowing { duplicate_if_necessary: false },
    exports: { default: async },
});

pub use exports::arenaria::processor::handler::{Request, Response};
pub use exports::arenaria::processor::memory::Reading;
