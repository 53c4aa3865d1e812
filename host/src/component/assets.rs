//! Finds the files that are installed with the binary: the bridges and the playground.
//!
//! They are built separately, because the host does not depend on guests. In a checkout and in an
//! installation they are in `../share/arenaria`, relative to the binary's folder.

use std::path::PathBuf;

use anyhow::{Result, anyhow};

/// The path of an installed file or folder.
///
/// `ARENARIA_ASSETS` names the folder of assets. The default is `../share/arenaria`, relative to
/// the binary's folder.
///
/// # Errors
///
/// If it does not exist. The message names the path and the remedy.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("ARENARIA_ASSETS") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => {
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
