//! Finds what arenaria brings with it: the jq component, the bridges and the playground.
//!
//! They are built separately, because the host does not depend on guests. They are searched in the folder that
//! `ARENARIA_ASSETS` names; else inside the binary; else, as in a checkout, in `../share/arenaria`, relative to the
//! binary's folder.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};

use crate::component::embedded::{self, Files};

/// The files of a folder.
pub(crate) enum Folder {
    /// They are in this folder.
    Path(PathBuf),
    /// They are inside the binary.
    Embedded(Files),
}

/// The content of a file.
///
/// # Errors
///
/// If it does not exist. The message names the path and the remedy.
pub(crate) fn file(name: &str) -> Result<Vec<u8>> {
    let named = named_folder();
    if named.is_none()
        && let Some(content) = embedded::file(name)?
    {
        return Ok(content);
    }
    let path = existing(named, name)?;
    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// A folder.
///
/// # Errors
///
/// If it does not exist. The message names the path and the remedy.
pub(crate) fn folder(name: &str) -> Result<Folder> {
    let named = named_folder();
    if named.is_none()
        && let Some(files) = embedded::folder(name)?
    {
        return Ok(Folder::Embedded(files));
    }
    existing(named, name).map(Folder::Path)
}

/// The folder that the operator has named.
fn named_folder() -> Option<PathBuf> {
    std::env::var_os("ARENARIA_ASSETS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

fn existing(named: Option<PathBuf>, name: &str) -> Result<PathBuf> {
    let folder = match named {
        Some(folder) => folder,
        None => {
            let binary = std::env::current_exe().map_err(|error| {
                anyhow!("cannot locate the installation directory: {error}; set ARENARIA_ASSETS")
            })?;
            let prefix = binary.parent().and_then(|bin| bin.parent());
            prefix
                .ok_or_else(|| {
                    anyhow!("cannot locate the installation directory; set ARENARIA_ASSETS")
                })?
                .join("share/arenaria")
        }
    };
    let path = folder.join(name);
    if path.exists() {
        return Ok(path);
    }
    Err(anyhow!(
        "cannot find {}; build it (cargo xtask guests, cargo xtask playground) or set ARENARIA_ASSETS to the folder that contains it",
        path.display()
    ))
}
