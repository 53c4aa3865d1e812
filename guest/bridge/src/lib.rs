//! What the bridges to hosts of `wasi:http` have in common: from the parts of a request to a call of
//! the processor, and from what the processor says to an answer that HTTP has.
//!
//! A bridge is a component that imports a processor and exports `wasi:http`; `arenaria bridge` puts the
//! two into one. It answers as arenaria does: the same limits, the same header fields, the same
//! problems, byte for byte.
//!
//! Nothing here waits. Hosts of `wasi:http` 0.3 let requests of one instance overtake each other
//! wherever one of them waits, and a processor's arena must be empty whenever that happens: so a body
//! is collected first, and [`Bridge::answer`] is one piece.

#![forbid(unsafe_code)]

mod settings;

mod body;

mod answer;
mod problem;

mod bridge;

#[cfg(target_family = "wasm")]
mod imported;

#[cfg(target_family = "wasm")]
pub use imported::{Imported, config_store};

pub use answer::Answer;
pub use body::Body;
pub use bridge::{Bridge, Processor, Request, Response};
pub use problem::Problem;
pub use settings::{ENVIRONMENT_PREFIX, from_environment};
