//! Reads a component: from its file, or one that arenaria brings with it.

use std::fmt;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::component::assets;
use crate::component::guest_text::GuestText;
use crate::config::built_in::{TRANSFORM, built_in};

/// The SHA-256 of a file, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::from(&Sha256::digest(bytes))
    }

    pub(crate) fn from(digest: &[u8]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of a component, or of what stands in its place.
///
/// # Errors
///
/// If it cannot be read. The message names the file and the remedy.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let name = path.display();
    match built_in(path) {
        None => std::fs::read(path).map_err(|error| {
            anyhow!(
                "cannot read the component {name}: {error}; check the path, or build it (arenaria build)"
            )
        }),
        Some("transform") => assets::file("components/transform.wasm"),
        Some(_) => bail!(
            "expected {TRANSFORM}, the only component that arenaria brings with it, got {}; write ./ before the name of a file",
            GuestText::new(name)
        ),
    }
}
