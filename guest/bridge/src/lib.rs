//! What the two bridges, for WASI 0.2 and 0.3, have in common: it makes a call of the processor
//! from a request, and a valid HTTP answer from the processor's response.
//!
//! A bridge is a component that imports a processor and exports `wasi:http`; `arenaria bridge`
//! composes the two into one component. It answers as arenaria does: with the same limits, header
//! fields and problem documents.
//!
//! Nothing here waits. A host of WASI 0.3 may run another request of the same instance whenever one
//! waits, and the processor's arena must be empty then. So the body is collected first, and
//! [`Bridge::answer`] does not wait.

#![forbid(unsafe_code)]

// From the inside out: each file uses only files above it in this list.
mod answer;
mod fields;
mod processor;
mod size;

mod problem;

mod body;
mod check;
mod settings;

mod bridge;

#[cfg(target_family = "wasm")]
mod imported;

#[cfg(target_family = "wasm")]
pub use imported::{Imported, config_store};

pub use answer::Answer;
pub use body::Body;
pub use bridge::Bridge;
pub use problem::Problem;
pub use processor::{Processor, Request, Response};
pub use settings::{ENVIRONMENT_PREFIX, from_environment};
