//! What was measured, by engine.

use crate::figures::Figures;

/// An engine, and what was measured in it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) version: String,
    pub(crate) figures: Figures,
}

/// All engines. Only a check may lack some.
#[derive(Debug)]
pub(crate) struct Engines {
    pub(crate) wasmtime: Engine,
    pub(crate) node: Option<Engine>,
    pub(crate) browser: Option<Engine>,
}

impl Engines {
    /// The one that is always there.
    pub(crate) fn wasmtime(&self) -> Option<&Engine> {
        Some(&self.wasmtime)
    }

    /// All three.
    pub(crate) fn columns(&self) -> [Option<&Engine>; 3] {
        [self.wasmtime(), self.node.as_ref(), self.browser.as_ref()]
    }

    /// Those of JavaScript.
    pub(crate) fn javascript(&self) -> [Option<&Engine>; 2] {
        [self.node.as_ref(), self.browser.as_ref()]
    }
}
