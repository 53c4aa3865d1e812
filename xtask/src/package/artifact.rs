//! A component or a package of WIT as an OCI artifact, in the form that the CNCF's TAG Runtime describes for WebAssembly: a
//! configuration that lists what the component imports and exports, and one layer, the component.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, ensure};
use oci_spec::image::{
    ANNOTATION_AUTHORS, ANNOTATION_LICENSES, ANNOTATION_TITLE, ANNOTATION_VERSION, Digest,
    MediaType,
};
use serde_json::json;
use wit_component::{DecodedWasm, decode};
use wit_parser::{PackageId, Resolve};

use super::layout::Layout;
use crate::files::read;
use crate::metadata::annotations;

/// The media type of the configuration.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of the layer.
const LAYER: &str = "application/wasm";

/// What the form calls the system that a component runs on, whatever the component imports.
const OS: &str = "wasip2";

/// Packs a component, or a package of WIT in its binary form, as a layout in a folder that does not exist yet, and gives its digest. Where the
/// component has no name, licence or version of its own, it gets this name and the workspace's rest.
///
/// # Errors
///
/// If it is not a component, exports nothing, or the layout cannot be written.
pub(crate) fn pack(
    component: &Path,
    name: &str,
    folder: &Path,
    created: &str,
) -> anyhow::Result<Digest> {
    let wasm = read(component)?;
    let named = || component.display().to_string();
    let mut annotations = annotations(&wasm).with_context(named)?;
    for (key, default) in [
        (ANNOTATION_TITLE, name),
        (ANNOTATION_LICENSES, env!("CARGO_PKG_LICENSE")),
        (ANNOTATION_VERSION, env!("CARGO_PKG_VERSION")),
    ] {
        annotations.entry(key.to_owned()).or_insert_with(|| default.to_owned());
    }
    let Contents { imports, exports, version } = Contents::read(&wasm).with_context(named)?;
    ensure!(!exports.is_empty(), "{} exports nothing", named());
    if let Some(version) = version {
        annotations.insert(ANNOTATION_VERSION.to_owned(), version);
    }
    let version = annotations[ANNOTATION_VERSION].clone();

    let layout = Layout::begin(folder)?;
    let layer = layout.blob(MediaType::from(LAYER), &wasm)?;
    let config = json!({
        "created": created,
        "author": annotations.get(ANNOTATION_AUTHORS),
        "architecture": "wasm",
        "os": OS,
        "layerDigests": [layer.digest()],
        "component": { "imports": imports, "exports": exports },
    });
    let config = layout.document(MediaType::from(CONFIG), &config)?;
    layout.end(config, layer, annotations, &version)
}

/// What a component imports and exports: the names of interfaces and functions with their versions.
#[derive(Debug)]
struct Contents {
    imports: Vec<String>,
    exports: Vec<String>,
    /// The version of a package of WIT.
    version: Option<String>,
}

impl Contents {
    fn read(wasm: &[u8]) -> anyhow::Result<Self> {
        match decode(wasm).context("cannot be decoded")? {
            DecodedWasm::Component(resolve, id) => {
                let world = &resolve.worlds[id];
                let names = |keys: &mut dyn Iterator<Item = &_>| {
                    keys.map(|key| resolve.name_world_key(key)).collect()
                };
                let (imports, exports) =
                    (names(&mut world.imports.keys()), names(&mut world.exports.keys()));
                Ok(Self { imports, exports, version: None })
            }
            DecodedWasm::WitPackage(resolve, id) => Ok(Self::of_package(&resolve, id)),
        }
    }

    /// As other tools write it: a package exports its interfaces, its worlds, and what these export.
    fn of_package(resolve: &Resolve, id: PackageId) -> Self {
        let package = &resolve.packages[id];
        let mut exports: BTreeSet<_> =
            package.interfaces.values().filter_map(|interface| resolve.id_of(*interface)).collect();
        for (name, world) in &package.worlds {
            exports.insert(package.name.interface_id(name));
            let keys = resolve.worlds[*world].exports.keys();
            exports.extend(keys.map(|key| resolve.name_world_key(key)));
        }
        Self {
            imports: Vec::new(),
            exports: exports.into_iter().collect(),
            version: package.name.version.as_ref().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use oci_spec::image::ImageManifest;

    use super::super::layout::{Contents as Layers, digest, manifest};
    use super::*;
    use crate::metadata::Package;

    const GRAIN: &str = r#"(component (import "wind" (func)) (export "sand" (func 0)))"#;

    fn packed(wasm: &[u8]) -> anyhow::Result<(ImageManifest, Layers)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grain.wasm");
        fs::write(&file, wasm).unwrap();
        let layout = folder.path().join("layout");
        pack(&file, "sand", &layout, "1970-01-01T00:00:00Z")?;
        Ok((manifest(&layout)?, Layers::read(&layout)?))
    }

    #[track_caller]
    fn check_annotations(manifest: &ImageManifest, expected: &[(&str, &str)]) {
        let key = |key| format!("org.opencontainers.image.{key}");
        let expected: HashMap<_, _> =
            expected.iter().map(|(name, value)| (key(name), (*value).to_owned())).collect();
        assert_eq!(*manifest.annotations(), Some(expected));
    }

    #[test]
    fn a_component_is_packed_with_its_world_and_what_it_says_of_itself() {
        let package = Package::without_manifest("grain", "a grain");
        let wasm = package.write_into(&wat::parse_str(GRAIN).unwrap()).unwrap();
        let (manifest, contents) = packed(&wasm).unwrap();
        let expected = json!({
            "created": "1970-01-01T00:00:00Z",
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [digest(&wasm)],
            "component": { "imports": ["wind"], "exports": ["sand"] },
        });
        let config: serde_json::Value = serde_json::from_slice(&contents.config).unwrap();
        assert_eq!(config, expected);
        assert_eq!(manifest.config().media_type().as_ref(), CONFIG);
        assert_eq!(manifest.layers()[0].media_type().as_ref(), LAYER);
        assert_eq!(contents.layer, wasm);
        let version = env!("CARGO_PKG_VERSION");
        let all = [("title", "grain"), ("description", "a grain"), ("version", version)];
        check_annotations(&manifest, &[&all[..], &[("licenses", "MIT OR Apache-2.0")]].concat());
    }

    #[test]
    fn what_says_nothing_of_itself_is_named_by_its_file() {
        let (manifest, _) = packed(&wat::parse_str(GRAIN).unwrap()).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let all = [("title", "sand"), ("licenses", "MIT OR Apache-2.0"), ("version", version)];
        check_annotations(&manifest, &all);
    }

    #[test]
    fn a_package_of_wit_is_packed_with_its_version_and_its_worlds() {
        let mut resolve = Resolve::default();
        let text = "package sand:grain@1.2.3; interface i { f: func(); } world w { export i; }";
        let package = resolve.push_str("grain.wit", text).unwrap();
        let wasm = wit_component::encode(&resolve, package).unwrap();
        let (manifest, contents) = packed(&wasm).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&contents.config).unwrap();
        let exports = json!(["sand:grain/i@1.2.3", "sand:grain/w@1.2.3"]);
        assert_eq!(config["component"], json!({ "imports": [], "exports": exports }));
        let all = [("title", "sand"), ("licenses", "MIT OR Apache-2.0"), ("version", "1.2.3")];
        check_annotations(&manifest, &all);
    }

    #[test]
    fn what_exports_nothing_is_not_packed() {
        let error = packed(&wat::parse_str("(component)").unwrap()).unwrap_err();
        assert!(error.to_string().ends_with("grain.wasm exports nothing"), "{error}");
    }
}
