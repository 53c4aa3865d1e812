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

/// What both jq engines run: a filter and an aggregate, as gateways have them.
#[cfg(any(feature = "engine", feature = "jaq"))]
const PROGRAM: &str = "{orders: [.orders[] | select(.total > 100) | {id, customer: .customer.name, lines: (.lines | length)}], \
    sum: ([.orders[].total] | add)}";
