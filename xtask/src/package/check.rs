//! Looks at what was packed as a stranger would: every blob is measured again, what is said of a component
//! is compared with it, the container's root is unpacked from its layer, and skopeo, where there is
//! one, copies the layouts. Then the server runs in that root as a container would run it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use serde::Deserialize;
use tar::Archive;

use super::artifact::{self, World};
use super::contents::Packages;
use super::image;
use super::layout::digest;
use super::read::{Contents, ImageConfig, document};
use super::sandbox::{Sandbox, Server};
use crate::files::read;
use crate::workspace::{printed, succeed};

/// Checks everything but that it runs.
///
/// # Errors
///
/// The first thing that is not right.
pub(crate) fn all(packages: &Packages) -> anyhow::Result<()> {
    for name in &packages.components {
        let layout = packages.component(name);
        component(&layout).with_context(|| format!("the layout {}", layout.display()))?;
    }
    let folder = packages.image();
    container(&folder).with_context(|| format!("the image {}", folder.display()))?;
    if Command::new("skopeo").arg("--version").output().is_err() {
        println!("no other tool was asked: there is no skopeo");
        return Ok(());
    }
    for name in &packages.components {
        copied_by_skopeo(&packages.component(name))?;
    }
    copied_by_skopeo(&folder.join("layout"))?;
    succeed(Command::new("skopeo").arg("inspect").arg("--config").arg(oci(&folder.join("layout"))))
}

/// Checks that two packages are the same to the byte.
///
/// # Errors
///
/// The first layout that differs.
pub(crate) fn same(one: &Packages, two: &Packages) -> anyhow::Result<()> {
    let layouts = one.components.iter().map(|name| (one.component(name), two.component(name)));
    let image = (one.image().join("layout"), two.image().join("layout"));
    for (one, two) in layouts.chain([image]) {
        // The index names the manifest by its digest, which names everything else.
        let (one, two) = (one.join("index.json"), two.join("index.json"));
        ensure!(
            read(&one)? == read(&two)?,
            "{} and {} differ, though they were made of the same files",
            one.display(),
            two.display()
        );
    }
    Ok(())
}

/// Runs the server in the root that was unpacked from the image, asks it, and ends it.
///
/// # Errors
///
/// If it does not start, answer, or end as it should.
pub(crate) fn runs(packages: &Packages, sandbox: &Sandbox) -> anyhow::Result<()> {
    let image = packages.image();
    let config: ImageConfig = document(&read(&image.join("config.json"))?)?;
    let root = image.join("unpacked");
    let address = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let mut server = Server::start(sandbox.command(&root, &config, &address, None)?)?;
    let body = r#"{"grains":[1,2,3]}"#;
    let answer = server.ask("POST", "/", body)?;
    ensure!(answer.ends_with(body), "the image answers {answer:?}, expected {body}");
    let ready = server.ask_operator("GET", "/readyz")?;
    ensure!(ready.starts_with("HTTP/1.1 200 "), "the image is not ready: {ready:?}");
    server.end()?;
    println!("served from the unpacked image: user 65532, nothing writable, process 1, SIGTERM");
    Ok(())
}

/// Lets the server in the image read a configuration that is mounted where the image has its own.
///
/// # Errors
///
/// If it is refused.
pub(crate) fn checked_by_the_image(
    packages: &Packages,
    sandbox: &Sandbox,
    configuration: &str,
) -> anyhow::Result<()> {
    let image = packages.image();
    let file = image.join("mounted.toml");
    fs::write(&file, configuration).context("cannot write the configuration")?;
    let config: ImageConfig = document(&read(&image.join("config.json"))?)?;
    let mounted = Some((file.as_path(), image::CONFIGURATION));
    succeed(&mut sandbox.command(&image.join("unpacked"), &config, &["--check-config"], mounted)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ComponentConfig {
    architecture: String,
    os: String,
    layer_digests: Vec<String>,
    component: Names,
}

#[derive(Deserialize)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn component(folder: &Path) -> anyhow::Result<()> {
    let layout = Contents::read(folder, artifact::CONFIG, artifact::LAYER)?;
    let ComponentConfig { architecture, os, layer_digests, component } = document(&layout.config)?;
    ensure!(
        (architecture.as_str(), os.as_str()) == ("wasm", artifact::OS),
        "it is for {architecture} and {os}"
    );
    let digests: Vec<_> = layout.layers.iter().map(|layer| digest(layer)).collect();
    ensure!(layer_digests == digests, "layerDigests are {layer_digests:?}, must be {digests:?}");
    let said = World { imports: component.imports, exports: component.exports };
    let is = World::read(&layout.layers[0])?;
    ensure!(said == is, "it says {said:?}, is {is:?}");
    let annotations = layout.annotations;
    for key in ["title", "licenses", "version"] {
        let is_there = annotations.contains_key(&format!("org.opencontainers.image.{key}"));
        ensure!(is_there, "it has no {key} among {annotations:?}");
    }
    Ok(())
}

/// Checks the image's layout, and unpacks it beside the root that it was made of.
fn container(folder: &Path) -> anyhow::Result<()> {
    let layout = Contents::read(&folder.join("layout"), image::CONFIG, image::LAYER)?;
    let config: ImageConfig = document(&layout.config)?;
    ensure!(config.os == "linux", "it is for {} on {}", config.os, config.architecture);
    let mut tar = Vec::new();
    GzDecoder::new(&*layout.layers[0]).read_to_end(&mut tar).context("the layer is no gzip")?;
    let (said, is) = (config.rootfs.diff_ids, [digest(&tar)]);
    ensure!(said == is, "diff_ids are {said:?}, must be {is:?}");

    let mut entries = Archive::new(&*tar);
    for entry in entries.entries()? {
        let entry = entry?;
        let (path, header) = (entry.path()?, entry.header());
        let (uid, mode) = (header.uid()?, header.mode()?);
        ensure!(uid == 0, "{} belongs to {uid}, must belong to root", path.display());
        ensure!(mode & 0o7022 == 0, "{} has the mode {mode:o}", path.display());
    }
    let unpacked = folder.join("unpacked");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    Archive::new(&*tar).unpack(&unpacked).context("the layer cannot be unpacked")?;
    let (one, two) = (files(&folder.join("rootfs"))?, files(&unpacked)?);
    ensure!(one == two, "the root has {one:?}, the layer {two:?}");

    let config = layout.config;
    fs::write(folder.join("config.json"), config).context("cannot write the configuration")
}

/// All files below a folder, with digest and mode.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, (String, u32)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = fs::metadata(&path)?.permissions().mode();
            let name = path.strip_prefix(folder).expect("it was found in this folder").to_owned();
            found.insert(name, (digest(&read(&path)?), mode));
        }
    }
    Ok(found)
}

/// Lets skopeo copy a layout, and checks that it is still the same.
fn copied_by_skopeo(layout: &Path) -> anyhow::Result<()> {
    let copy = layout.with_extension("copy");
    let mut skopeo = Command::new("skopeo");
    // Whose signatures are asked for is the machine's policy, which there may be none of.
    skopeo.args(["--insecure-policy", "copy", "--quiet"]).arg(oci(layout)).arg(oci(&copy));
    succeed(&mut skopeo)?;
    let raw =
        |layout: &Path| printed(Command::new("skopeo").args(["inspect", "--raw"]).arg(oci(layout)));
    let (one, two) = (raw(layout)?, raw(&copy)?);
    ensure!(one == two, "skopeo makes {two} of {one}");
    fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))
}

fn oci(layout: &Path) -> String {
    format!("oci:{}", layout.display())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::layout;
    use super::*;

    /// A layout of a small component, of which the test breaks something.
    struct Packed(tempfile::TempDir);

    impl Packed {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let wasm = folder.path().join("grain.wasm");
            fs::write(&wasm, grain()).unwrap();
            let layout = folder.path().join("layout");
            artifact::pack(&wasm, "sand", &layout, "1970-01-01T00:00:00Z").unwrap();
            Self(folder)
        }

        fn folder(&self) -> PathBuf {
            self.0.path().join("layout")
        }

        #[track_caller]
        fn check(&self, expected: &str) {
            let error = format!("{:#}", component(&self.folder()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }

        /// The blob whose content has these bytes.
        fn blob_with(&self, part: &[u8]) -> PathBuf {
            let entries = fs::read_dir(self.folder().join("blobs/sha256")).unwrap();
            let mut paths = entries.map(|entry| entry.unwrap().path());
            paths
                .find(|path| fs::read(path).unwrap().windows(part.len()).any(|it| it == part))
                .unwrap()
        }
    }

    fn grain() -> Vec<u8> {
        let module = wat::parse_str(
            r#"(component (type (func)) (import "wind" (func (type 0))) (export "sand" (func 0)))"#,
        )
        .unwrap();
        let mut add = wasm_metadata::AddMetadata::default();
        add.name = wasm_metadata::AddMetadataField::Set("grain".to_owned());
        add.version =
            wasm_metadata::AddMetadataField::Set(wasm_metadata::Version::new("1.2.3".to_owned()));
        add.description = wasm_metadata::AddMetadataField::Set(wasm_metadata::Description::new(
            "sand".to_owned(),
        ));
        add.licenses =
            wasm_metadata::AddMetadataField::Set(wasm_metadata::Licenses::new("MIT").unwrap());
        add.to_wasm(&module).unwrap()
    }

    #[test]
    fn a_component_is_packed_with_its_world() {
        let packed = Packed::new();
        component(&packed.folder()).unwrap();
        let layout = Contents::read(&packed.folder(), artifact::CONFIG, artifact::LAYER).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&layout.config).unwrap();
        assert_eq!(config["component"], json!({ "imports": ["wind"], "exports": ["sand"] }));
        assert_eq!(layout.layers, [grain()]);
        let index: serde_json::Value =
            serde_json::from_slice(&fs::read(packed.folder().join("index.json")).unwrap()).unwrap();
        let name = &index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"];
        assert_eq!(name, "1.2.3");
    }

    #[test]
    fn a_changed_blob_is_found() {
        let packed = Packed::new();
        let blob = packed.blob_with(b"\0asm");
        let mut bytes = fs::read(&blob).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&blob, &bytes).unwrap();
        packed.check("has the digest sha256:");
        bytes.push(0);
        fs::write(&blob, &bytes).unwrap();
        packed.check("bytes, not");
    }

    #[test]
    fn a_blob_that_nothing_names_is_found() {
        let packed = Packed::new();
        fs::write(packed.folder().join("blobs/sha256/stray"), "").unwrap();
        packed.check("it has 4 blobs, names 3");
    }

    #[test]
    fn a_configuration_of_another_component_is_found() {
        let packed = Packed::new();
        let folder = packed.0.path().join("other");
        let other = layout::Layout::begin(&folder).unwrap();
        let layer = other.blob(artifact::LAYER, &grain()).unwrap();
        let config = json!({
            "architecture": "wasm", "os": "wasip2", "layerDigests": [layer.digest],
            "component": { "imports": [], "exports": ["sand"] },
        });
        let config = other.blob(artifact::CONFIG, &layout::bytes(&config)).unwrap();
        other.end(&config, &[layer], &BTreeMap::new(), "1").unwrap();
        let error = component(&folder).unwrap_err().to_string();
        assert!(error.contains("it says World { imports: []"), "{error}");
    }

    #[test]
    fn what_says_nothing_of_itself_is_named_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("grain.wasm");
        let text = r#"(component (import "wind" (func)) (export "sand" (func 0)))"#;
        fs::write(&wasm, wat::parse_str(text).unwrap()).unwrap();
        let packed = folder.path().join("layout");
        artifact::pack(&wasm, "sand", &packed, "").unwrap();
        let layout = Contents::read(&packed, artifact::CONFIG, artifact::LAYER).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected = [("title", "sand"), ("licenses", "MIT OR Apache-2.0"), ("version", version)];
        let expected = expected
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()));
        assert_eq!(layout.annotations, BTreeMap::from(expected));
    }

    #[test]
    fn what_offers_nothing_is_not_packed() {
        let folder = tempfile::tempdir().unwrap();
        let wasm = folder.path().join("grain.wasm");
        fs::write(&wasm, wat::parse_str("(component)").unwrap()).unwrap();
        let error = artifact::pack(&wasm, "grain", &folder.path().join("layout"), "").unwrap_err();
        assert!(error.to_string().ends_with("grain.wasm exports nothing"), "{error}");
    }
}
