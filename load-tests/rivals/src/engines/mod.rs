//! The engines. A new one implements the two traits and is named in [`all`].

mod engine;
mod jaq;
mod libjq;
mod ours;
mod qj;

pub(crate) use engine::{Compiled, Engine};

/// All engines. The first one is the one that the others are compared with.
///
/// The place for more: our component through wasmtime.
pub(crate) fn all() -> Vec<Box<dyn Engine>> {
    vec![Box::new(libjq::Libjq), Box::new(jaq::Jaq), Box::new(qj::Qj::default()), Box::new(ours::Ours)]
}
