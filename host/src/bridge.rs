//! A processor made into a component of `wasi:http`: put together with a bridge, which imports what the
//! processor exports. It compiles nothing and runs nothing.
//!
//! Where the bridges come from is `share`'s affair; what they answer is theirs (`guest/bridge`).

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

use crate::contract::{Outline, PROCESSOR_EXPORTS, Refusal};
use crate::share;

/// What the component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum World {
    /// `wasi:http/incoming-handler@0.2`
    P2,
    /// `wasi:http/handler@0.3`
    P3,
}

/// Where the component finds its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// In variables of its environment
    Environment,
    /// In wasi:config/store
    Config,
}

/// The bridge that arenaria brings along.
///
/// # Errors
///
/// A sentence that names where it was looked for, and the remedy.
pub fn find(world: World, settings: Source) -> Result<Vec<u8>> {
    let name = match (world, settings) {
        (World::P2, Source::Environment) => "bridge-p2.wasm",
        (World::P2, Source::Config) => "bridge-p2-config.wasm",
        (World::P3, Source::Environment) => "bridge-p3.wasm",
        (World::P3, Source::Config) => "bridge-p3-config.wasm",
    };
    let path = share::find(name)?;
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether a component is a processor that a bridge can be put before.
///
/// # Errors
///
/// What stands against it, with what would be accepted.
pub fn check(processor: &[u8]) -> Result<(), Refusal> {
    let outline = Outline::read(processor)?;
    let lacks = |name: &&str| !outline.exports.iter().any(|export| export == name);
    let missing: Vec<_> = PROCESSOR_EXPORTS.into_iter().filter(|name| lacks(name)).collect();
    if !missing.is_empty() {
        return Err(Refusal::OtherWorld { missing, exports: outline.exports });
    }
    // The result would import it too, and the host of the result might not have it.
    if !outline.imports.is_empty() {
        return Err(Refusal::Imports(outline.imports));
    }
    Ok(())
}

/// Puts a bridge before a processor. The result is valid, and imports nothing of ours.
///
/// # Errors
///
/// If the two do not fit together.
pub fn compose(bridge: Vec<u8>, processor: Vec<u8>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: Vec<u8>| -> Result<_> {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())?;
        Ok(graph.register_package(package)?)
    };
    let processor = register("arenaria:processor", processor)?;
    let bridge = register("arenaria:bridge", bridge)?;
    plug(&mut graph, vec![processor], bridge)?;
    let component = graph.encode(EncodeOptions::default())?;
    let outline = Outline::read(&component)?;
    let left = outline.imports.iter().find(|name| name.starts_with("arenaria:"));
    ensure!(left.is_none(), "the bridge wants {left:?}, which the processor does not have");
    let exports = |name: &String| name.starts_with("wasi:http/");
    ensure!(outline.exports.iter().any(exports), "the bridge exports nothing of wasi:http");
    Ok(component)
}

/// As [`compose`], with the words for the person who asked.
pub(crate) fn bridged(processor: Vec<u8>, world: World, settings: Source) -> Result<Vec<u8>> {
    let bridge = find(world, settings)?;
    compose(bridge, processor).map_err(|error| {
        anyhow!("the bridge and the processor do not fit together: {error:#}; build both anew (cargo xtask guests)")
    })
}
