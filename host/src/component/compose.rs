//! A processor made into a component of `wasi:http`: put together with a bridge, which imports what the
//! processor exports. It compiles nothing and runs nothing.
//!
//! Where the bridges come from is `share`'s affair; what they answer is theirs (`guest/bridge`).

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};

use crate::component::assets;
use crate::component::info::ComponentInfo;
use crate::component::world::World;

/// What the component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generation {
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
pub(crate) fn find(generation: Generation, settings: Source) -> Result<Vec<u8>> {
    let name = match (generation, settings) {
        (Generation::P2, Source::Environment) => "bridge-p2.wasm",
        (Generation::P2, Source::Config) => "bridge-p2-config.wasm",
        (Generation::P3, Source::Environment) => "bridge-p3.wasm",
        (Generation::P3, Source::Config) => "bridge-p3-config.wasm",
    };
    let path = assets::find(name)?;
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Checks that a component is a processor, which a bridge can be put before. What it imports of WASI,
/// the component that comes out imports too.
///
/// # Errors
///
/// A sentence that names what it is instead, and what would be accepted.
pub(crate) fn check(processor: &[u8]) -> Result<()> {
    let info = ComponentInfo::read(processor)?;
    match World::of(&info.exports) {
        Some(World::Processor) => {}
        Some(world) => {
            bail!("it is of the world {world} already; hosts of wasi:http serve it as it is")
        }
        None => {
            let exports = match info.exports.as_slice() {
                [] => "nothing".to_owned(),
                names => names.join(", "),
            };
            bail!("it exports {exports}; bridge a component of the world {}", World::Processor)
        }
    }
    let strangers: Vec<_> =
        info.imports.iter().filter(|name| !name.starts_with("wasi:")).cloned().collect();
    ensure!(
        strangers.is_empty(),
        "it imports {}, which hosts of wasi:http do not have; bridge a processor that imports WASI at most",
        strangers.join(", ")
    );
    Ok(())
}

/// Puts a bridge before a processor. The result is valid, and imports nothing of ours.
///
/// # Errors
///
/// If the two do not fit together.
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
    ensure!(left.is_none(), "the bridge wants {left:?}, which the processor does not have");
    let exports = |name: &String| name.starts_with("wasi:http/");
    ensure!(info.exports.iter().any(exports), "the bridge exports nothing of wasi:http");
    Ok(component)
}

/// As [`compose`], with the words for the person who asked.
pub(crate) fn bridged(
    processor: Vec<u8>,
    generation: Generation,
    settings: Source,
) -> Result<Vec<u8>> {
    let bridge = find(generation, settings)?;
    compose(bridge, processor).map_err(|error| {
        anyhow!("the bridge and the processor do not fit together: {error:#}; build both anew (cargo xtask guests)")
    })
}
