//! Composes a processor with a bridge into a component of `wasi:http`. The bridge imports what the
//! processor exports. Nothing is compiled or run.
//!
//! `assets` finds the bridges. Their source is in `guest/bridge`.

use anyhow::{Result, anyhow, bail, ensure};
use clap::ValueEnum;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

use crate::component::assets;
use crate::component::guest_text::GuestText;
use crate::component::info::ComponentInfo;
use crate::component::world::World;

/// The interface that the composed component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generation {
    /// `wasi:http/incoming-handler@0.2`
    P2,
    /// `wasi:http/handler@0.3`
    P3,
}

/// Where the composed component reads its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// In variables of its environment
    Environment,
    /// In wasi:config/store
    Config,
}

/// The installed bridge.
///
/// # Errors
///
/// If the bridge does not exist. The message names the path and the remedy.
pub(crate) fn find(generation: Generation, settings: Source) -> Result<Vec<u8>> {
    let name = match (generation, settings) {
        (Generation::P2, Source::Environment) => "bridge-p2.wasm",
        (Generation::P2, Source::Config) => "bridge-p2-config.wasm",
        (Generation::P3, Source::Environment) => "bridge-p3.wasm",
        (Generation::P3, Source::Config) => "bridge-p3-config.wasm",
    };
    assets::file(name)
}

/// Checks that a component is a processor that can be bridged. The composed component has the same
/// imports of WASI.
///
/// # Errors
///
/// If it cannot be bridged. The message says what was expected and what was found.
pub(crate) fn check(processor: &[u8]) -> Result<()> {
    let info = ComponentInfo::read(processor)?;
    match World::of(&info.exports) {
        Some(World::Processor) => {}
        Some(world) => {
            bail!(
                "expected a processor, got a component of the world {world}; hosts of wasi:http can serve it as it is"
            )
        }
        None => {
            let exports = match info.exports.as_slice() {
                [] => GuestText::new("nothing"),
                names => GuestText::names(names.iter().map(String::as_str)),
            };
            bail!(
                "expected a component of the world {}, got one that exports {exports}",
                World::Processor
            )
        }
    }
    let unknown: Vec<_> = info.imports.iter().filter(|name| !name.starts_with("wasi:")).collect();
    ensure!(
        unknown.is_empty(),
        "expected a processor that imports only WASI, got one that imports {}",
        GuestText::names(unknown.iter().map(|name| name.as_str()))
    );
    Ok(())
}

/// Composes a bridge and a processor. The result is a valid component without imports of arenaria.
///
/// # Errors
///
/// If the two do not match.
pub(crate) fn compose(bridge: Vec<u8>, processor: Vec<u8>) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: Vec<u8>| -> Result<_> {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())?;
        Ok(graph.register_package(package)?)
    };
    let processor = register("arenaria:processor", processor)?;
    let bridge = register("arenaria:bridge", bridge)?;
    plug(&mut graph, vec![processor], bridge)?;
    let component = graph.encode(EncodeOptions::default())?;
    let info = ComponentInfo::read(&component)?;
    let left = info.imports.iter().find(|name| name.starts_with("arenaria:"));
    ensure!(left.is_none(), "the bridge imports {left:?}, which the processor does not export");
    let exports = |name: &String| name.starts_with("wasi:http/");
    ensure!(info.exports.iter().any(exports), "the bridge does not export wasi:http");
    Ok(component)
}

/// Composes a processor with the installed bridge.
///
/// # Errors
///
/// If the bridge is missing, or the two do not match. The message names the remedy.
pub(crate) fn bridged(
    processor: Vec<u8>,
    generation: Generation,
    settings: Source,
) -> Result<Vec<u8>> {
    let bridge = find(generation, settings)?;
    compose(bridge, processor).map_err(|error| {
        anyhow!("the bridge and the processor do not match: {error:#}; rebuild both (cargo xtask guests)")
    })
}
