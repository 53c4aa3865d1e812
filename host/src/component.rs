//! From a file to something that can be instantiated: read, check, rewrite, compile, link.

use std::path::Path;

use anyhow::{Result, anyhow};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::ProcessorPre;
use crate::contract::{self, Outline};
use crate::instance::Guest;
use crate::units::Size;

/// Reads a component's file and checks that it is a processor.
///
/// # Errors
///
/// A sentence that names the file, what is wrong with it, and the remedy.
pub fn read(path: &Path, memory: Size) -> Result<Vec<u8>> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| anyhow!("cannot read the component {name}: {error}; check the path"))?;
    let checked = Outline::read(&bytes).and_then(|outline| outline.check(memory));
    checked.map_err(|refusal| anyhow!("cannot serve {name}: {refusal}"))?;
    Ok(bytes)
}

/// Gives the component its memory, compiles it and links it with nothing.
///
/// # Errors
///
/// A sentence that names the file, what is wrong with it, and the remedy.
pub fn load(
    engine: &Engine,
    path: &Path,
    bytes: &[u8],
    memory: Size,
) -> Result<ProcessorPre<Guest>> {
    let name = path.display();
    let bounded = contract::apply(bytes, memory)
        .map_err(|refusal| anyhow!("cannot serve {name}: {refusal}"))?;
    let refused = |error: wasmtime::Error| {
        anyhow!("cannot serve {name}: {}; rebuild it from its source", one_line(&error))
    };
    let component = Component::new(engine, bounded).map_err(refused)?;
    let pre = Linker::new(engine).instantiate_pre(&component).map_err(refused)?;
    ProcessorPre::new(pre).map_err(refused)
}

/// An error with its causes, as a sentence.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
