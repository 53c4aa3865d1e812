//! How a component is compiled, instantiated and called.

pub(crate) mod bindings;
pub(crate) mod clock;
pub(crate) mod compiled;
pub(crate) mod core_call;
mod cpu;
pub(crate) mod deadline;
pub(crate) mod engine;
pub(crate) mod fault;
pub(crate) mod guest_log;
pub(crate) mod guest_memory;
pub(crate) mod instance;
pub(crate) mod load;
pub(crate) mod loaded;
pub(crate) mod log_buffer;
pub(crate) mod log_stream;
pub(crate) mod memory;
pub(crate) mod phase_names;
pub(crate) mod remedy;
pub(crate) mod request_ids;
pub(crate) mod share;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod swap;
mod trusted_code;
pub(crate) mod wasi_http_call;
