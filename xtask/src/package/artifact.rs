//! A component as an OCI artifact, in the form that the CNCF's TAG Runtime describes for WebAssembly: a
//! configuration that says what the component imports and exports, and one layer, the component.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::json;
use wit_component::{DecodedWasm, decode};

use super::layout::{Layout, bytes};
use crate::files::read;
use crate::metadata::annotations;

/// The media type of the configuration.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of the layer.
pub(crate) const LAYER: &str = "application/wasm";

/// What the form calls the system that a component runs on, whatever it imports.
pub(crate) const OS: &str = "wasip2";

/// What a component asks for and offers: names of interfaces and functions with their versions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl World {
    /// # Errors
    ///
    /// If it is no component.
    pub(crate) fn read(component: &[u8]) -> anyhow::Result<Self> {
        let DecodedWasm::Component(resolve, id) = decode(component).context("is no component")?
        else {
            anyhow::bail!("is a package of WIT, must be a component");
        };
        let world = &resolve.worlds[id];
        let names = |keys: &mut dyn Iterator<Item = &_>| {
            keys.map(|key| resolve.name_world_key(key)).collect()
        };
        Ok(Self {
            imports: names(&mut world.imports.keys()),
            exports: names(&mut world.exports.keys()),
        })
    }
}

/// Packs a component as a layout in a folder that does not exist yet, and gives its digest. What it does
/// not say of itself is its name here, and what holds for the whole workspace.
///
/// # Errors
///
/// If it is no component, exports nothing, or the layout cannot be written.
pub(crate) fn pack(
    component: &Path,
    name: &str,
    folder: &Path,
    created: &str,
) -> anyhow::Result<String> {
    let wasm = read(component)?;
    let named = || component.display().to_string();
    let mut said = annotations(&wasm).with_context(named)?;
    for (key, otherwise) in [
        ("title", name),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        said.entry(format!("org.opencontainers.image.{key}"))
            .or_insert_with(|| otherwise.to_owned());
    }
    let version = &said["org.opencontainers.image.version"];
    let World { imports, exports } = World::read(&wasm).with_context(named)?;
    ensure!(!exports.is_empty(), "{} exports nothing", named());

    let layout = Layout::begin(folder)?;
    let layer = layout.blob(LAYER, &wasm)?;
    let config = json!({
        "created": created,
        "author": said.get("org.opencontainers.image.authors"),
        "architecture": "wasm",
        "os": OS,
        "layerDigests": [layer.digest],
        "component": { "imports": imports, "exports": exports },
    });
    let config = layout.blob(CONFIG, &bytes(&config))?;
    layout.end(&config, &[layer], &said, version)
}
