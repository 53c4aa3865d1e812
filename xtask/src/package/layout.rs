//! An OCI image layout of one manifest: a folder with an index, and blobs under the names of their digests.
//!
//! What is written depends only on the content, not on the time, the machine or an order by chance. What is
//! read is measured again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use oci_spec::image::{
    ANNOTATION_REF_NAME, Descriptor, Digest, ImageIndex, ImageIndexBuilder, ImageManifest,
    ImageManifestBuilder, MediaType, OciLayoutBuilder, SCHEMA_VERSION,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::files::read;

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
    /// If the folder cannot be made.
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
    pub(crate) fn blob(&self, media_type: MediaType, bytes: &[u8]) -> anyhow::Result<Descriptor> {
        let digest = digest(bytes);
        write(&place(&self.folder, &digest), bytes)?;
        Ok(Descriptor::new(media_type, bytes.len() as u64, digest))
    }

    /// Adds a document.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn document(
        &self,
        media_type: MediaType,
        document: &impl Serialize,
    ) -> anyhow::Result<Descriptor> {
        self.blob(media_type, &bytes(document)?)
    }

    /// Ends the layout with a manifest of these blobs, under a name by which tools find it. Gives the
    /// digest of the manifest, which is the digest of the image or artifact.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn end(
        self,
        config: Descriptor,
        layer: Descriptor,
        annotations: BTreeMap<String, String>,
        name: &str,
    ) -> anyhow::Result<Digest> {
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers([layer])
            .annotations(annotations.into_iter().collect::<HashMap<_, _>>())
            .build()?;
        let mut manifest = self.document(MediaType::ImageManifest, &manifest)?;
        let digest = manifest.digest().clone();
        manifest.set_annotations(Some([(ANNOTATION_REF_NAME.to_owned(), name.to_owned())].into()));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest])
            .build()?;
        write(&self.folder.join("index.json"), &bytes(&index)?)?;
        let version = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
        write(&self.folder.join("oci-layout"), &bytes(&version)?)?;
        Ok(digest)
    }
}

/// What a layout contains. Its blobs have the lengths and digests that the manifest states.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
}

impl Contents {
    /// Reads a layout.
    ///
    /// # Errors
    ///
    /// If a file is missing or cannot be read, or a blob has another length or digest than is stated.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let manifest = manifest(folder)?;
        let config = blob(folder, manifest.config())?;
        let layer = blob(folder, only(manifest.layers(), "layer")?)?;
        Ok(Self { config, layer })
    }
}

/// Reads the manifest of a layout.
///
/// # Errors
///
/// If it cannot be read, or has another length or digest than is stated.
pub(crate) fn manifest(folder: &Path) -> anyhow::Result<ImageManifest> {
    let index = ImageIndex::from_reader(&*read(&folder.join("index.json"))?)?;
    let bytes = blob(folder, only(index.manifests(), "manifest")?)?;
    Ok(ImageManifest::from_reader(&*bytes)?)
}

/// The digest of a blob.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::try_from(format!("sha256:{hex}")).expect("this is how a digest is written")
}

/// A document as bytes. Sorted: oci-spec keeps annotations in a hash map, and its order is random.
fn bytes(document: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut value = serde_json::to_value(document).context("cannot write a document")?;
    value.sort_all_objects();
    Ok(value.to_string().into_bytes())
}

fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.algorithm().as_ref()).join(digest.digest())
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn only<'a>(list: &'a [Descriptor], what: &str) -> anyhow::Result<&'a Descriptor> {
    ensure!(list.len() == 1, "expected one {what}, got {}", list.len());
    Ok(&list[0])
}

fn blob(folder: &Path, descriptor: &Descriptor) -> anyhow::Result<Vec<u8>> {
    let (stated, size) = (descriptor.digest(), descriptor.size());
    let bytes = read(&place(folder, stated))?;
    let (measured, length) = (digest(&bytes), bytes.len() as u64);
    ensure!(size == length, "{stated}: expected {size} bytes, got {length}");
    ensure!(*stated == measured, "{stated}: expected this digest, got {measured}");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> Digest {
        let layout = Layout::begin(folder).unwrap();
        let config = layout.document(MediaType::EmptyJSON, &serde_json::json!({})).unwrap();
        let layer = layout.blob(MediaType::ImageLayer, b"sand").unwrap();
        let annotations = (0..20).map(|number| (format!("key {number}"), "grain".to_owned()));
        layout.end(config, layer, annotations.collect(), "1.2.3").unwrap()
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let digests: Vec<_> =
            ["one", "two", "three"].map(|name| written(&folder.path().join(name))).into();
        assert_eq!(digests, [digests[0].clone(), digests[0].clone(), digests[0].clone()]);
    }

    #[test]
    fn a_layout_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let digest = written(folder.path());
        let contents = Contents::read(folder.path()).unwrap();
        assert_eq!((&*contents.config, &*contents.layer), (&b"{}"[..], &b"sand"[..]));
        assert_eq!(
            manifest(folder.path()).unwrap().annotations().as_ref().unwrap()["key 7"],
            "grain"
        );
        let index = ImageIndex::from_file(folder.path().join("index.json")).unwrap();
        let entry = &index.manifests()[0];
        assert_eq!(*entry.digest(), digest);
        assert_eq!(entry.annotations().as_ref().unwrap()[ANNOTATION_REF_NAME], "1.2.3");
    }

    #[test]
    fn a_changed_blob_is_found() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let layer = place(folder.path(), &digest(b"sand"));
        let error = |text: &str| {
            fs::write(&layer, text).unwrap();
            Contents::read(folder.path()).unwrap_err().to_string()
        };
        assert!(error("salt").contains("expected this digest, got sha256:"));
        assert!(error("sands").ends_with("expected 4 bytes, got 5"));
    }
}
