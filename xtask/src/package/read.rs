//! Reads an OCI image layout, apart from how it was written: from the index to the manifest to the blobs,
//! each of which must have the length and the digest that are said of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::digest;
use crate::files::read;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: String,
    manifests: Vec<Descriptor>,
}

/// A manifest of an image or an artifact.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

/// The configuration of a container image, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct ImageConfig {
    pub(crate) architecture: String,
    pub(crate) os: String,
    pub(crate) config: Process,
    pub(crate) rootfs: RootFs,
}

/// What an engine starts, and as whom.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Process {
    pub(crate) user: String,
    pub(crate) env: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) cmd: Vec<String>,
    pub(crate) working_dir: String,
}

/// The layers of a root before they were compressed.
#[derive(Debug, Deserialize)]
pub(crate) struct RootFs {
    pub(crate) diff_ids: Vec<String>,
}

/// A layout that holds what it says.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Contents {
    /// Reads a layout of one manifest, whose configuration and only layer are of these media types.
    ///
    /// # Errors
    ///
    /// The first thing that is not right.
    pub(crate) fn read(folder: &Path, config: &str, layer: &str) -> anyhow::Result<Self> {
        let version: Version = document(&read(&folder.join("oci-layout"))?)?;
        ensure!(version.image_layout_version == "1.0.0", "it is of an unknown version");
        let index: Index = document(&read(&folder.join("index.json"))?)?;
        let [entry] = index.manifests.as_slice() else {
            anyhow::bail!("it has {} manifests, must have 1", index.manifests.len());
        };
        is("the index", &index.media_type, "application/vnd.oci.image.index.v1+json")?;
        let manifest: Manifest = document(&blob(folder, entry)?)?;
        for said in [&entry.media_type, &manifest.media_type] {
            is("the manifest", said, "application/vnd.oci.image.manifest.v1+json")?;
        }
        ensure!(
            (index.schema_version, manifest.schema_version) == (2, 2),
            "it is of an unknown schema"
        );
        is("the configuration", &manifest.config.media_type, config)?;
        let [only] = manifest.layers.as_slice() else {
            anyhow::bail!("it has {} layers, must have 1", manifest.layers.len());
        };
        is("the layer", &only.media_type, layer)?;

        let config = blob(folder, &manifest.config)?;
        let layers = vec![blob(folder, only)?];
        let blobs = fs::read_dir(folder.join("blobs/sha256"))?.count();
        ensure!(blobs == 3, "it has {blobs} blobs, names 3");
        Ok(Self { annotations: manifest.annotations, config, layers })
    }
}

/// A document of a layout.
///
/// # Errors
///
/// If it is not what it should be.
pub(crate) fn document<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(bytes)
        .with_context(|| format!("it cannot be read: {}", String::from_utf8_lossy(bytes)))
}

fn is(what: &str, said: &str, expected: &str) -> anyhow::Result<()> {
    ensure!(said == expected, "{what} is a {said}, must be {expected}");
    Ok(())
}

fn blob(folder: &Path, descriptor: &Descriptor) -> anyhow::Result<Vec<u8>> {
    let Descriptor { digest: said, size, .. } = descriptor;
    let bytes = read(&folder.join("blobs").join(said.replace(':', "/")))?;
    let (length, measured) = (bytes.len() as u64, digest(&bytes));
    ensure!(*size == length, "{said} has {length} bytes, not {size}");
    ensure!(measured == *said, "{said} has the digest {measured}");
    Ok(bytes)
}
