//! The program. Each keeps what is built once and answers a body with a body.

#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
pub(crate) use engine::Work;

#[cfg(feature = "hello")]
mod hello;
#[cfg(feature = "hello")]
pub(crate) use hello::Work;

#[cfg(feature = "jaq")]
mod jaq;
#[cfg(feature = "jaq")]
pub(crate) use jaq::Work;

#[cfg(feature = "markdown")]
mod markdown;
#[cfg(feature = "markdown")]
pub(crate) use markdown::Work;

#[cfg(feature = "probe")]
mod probe;
#[cfg(feature = "probe")]
pub(crate) use probe::Work;

#[cfg(feature = "templates")]
mod templates;
#[cfg(feature = "templates")]
pub(crate) use templates::Work;

#[cfg(any(feature = "engine", feature = "jaq"))]
mod jq_program;
