//! The engines. A new one implements the two traits and is named in [`all`].

#[cfg(feature = "sandbox")]
pub(crate) mod component;
mod engine;
#[cfg(feature = "natives")]
mod jaq;
pub(crate) mod libjq;
mod ours;
#[cfg(feature = "natives")]
mod qj;

pub(crate) use engine::{Compiled, Engine};

/// The names of our engine: natively, and as the component in the sandbox.
pub(crate) const OURS: [&str; 2] = ["arenaria", SANDBOX];

/// The name of the component.
pub(crate) const SANDBOX: &str = "sandbox";

/// All native engines. The first one is the one that the others are compared with.
pub(crate) fn native() -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(libjq::Libjq),
        #[cfg(feature = "natives")]
        Box::new(jaq::Jaq),
        #[cfg(feature = "natives")]
        Box::new(qj::Qj::default()),
        Box::new(ours::Ours),
    ]
}
