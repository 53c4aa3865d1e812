//! The components that are packed, and the folders of the packages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The guests that are packed. The others are for tests.
pub(super) const COMPONENTS: [&str; 2] = ["hello", "transform"];

/// The packages that were made.
#[derive(Debug)]
pub(crate) struct Packages {
    pub(super) out: PathBuf,
    /// The name of each component and package of WIT, in the folder of components.
    pub(super) components: Vec<String>,
}

impl Packages {
    /// The layout of a component.
    pub(super) fn component(&self, name: &str) -> PathBuf {
        self.out.join("components").join(name)
    }

    /// Every layout, with the name under which it is released.
    pub(crate) fn layouts(&self) -> Vec<(String, PathBuf)> {
        let name = |name: &String| {
            if name.starts_with("wit-") { name.clone() } else { format!("component-{name}") }
        };
        let components = self.components.iter().map(|it| (name(it), self.component(it)));
        components.chain([("image".to_owned(), self.image().join("layout"))]).collect()
    }

    /// The folder of the container image: its root, its layout and a file to build it from the root.
    pub(super) fn image(&self) -> PathBuf {
        self.out.join("image")
    }
}

/// The components in the folder beside the binary: the bridges, if they were built.
pub(super) fn shared_components(share: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !share.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(share).with_context(|| format!("cannot read {}", share.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
