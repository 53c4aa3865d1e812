//! An OCI image layout: a folder with an index, and blobs under the names of their digests.
//!
//! Nothing here depends on the time, the machine or an order that chance decides: the same content
//! gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of an index of manifests.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Says what a blob is, how long and what its digest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: &'static str,
    pub(crate) digest: String,
    size: usize,
}

/// A layout that is being written.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Begins a layout in a folder that does not exist yet.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub(crate) fn begin(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder.join("blobs/sha256"))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Adds a blob.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn blob(
        &self,
        media_type: &'static str,
        bytes: &[u8],
    ) -> anyhow::Result<Descriptor> {
        let digest = digest(bytes);
        write(&self.folder.join("blobs").join(digest.replace(':', "/")), bytes)?;
        Ok(Descriptor { media_type, digest, size: bytes.len() })
    }

    /// Ends the layout with a manifest of these blobs, under a name by which tools find it. Gives the
    /// digest of the manifest, which is the artefact's.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn end(
        self,
        config: &Descriptor,
        layers: &[Descriptor],
        annotations: &BTreeMap<String, String>,
        name: &str,
    ) -> anyhow::Result<String> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
            "annotations": annotations,
        });
        let manifest = self.blob(MANIFEST, &bytes(&manifest))?;
        let mut entry = serde_json::to_value(&manifest).context("cannot write a descriptor")?;
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
        write(&self.folder.join("index.json"), &bytes(&index))?;
        write(&self.folder.join("oci-layout"), &bytes(&json!({ "imageLayoutVersion": "1.0.0" })))?;
        Ok(manifest.digest)
    }
}

/// A document of a layout as bytes.
pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

/// The digest of a blob, as it stands in a descriptor.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
