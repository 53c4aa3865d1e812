//! What arenaria brings along beside its binary: the bridges, the playground.
//!
//! They are WebAssembly and pages, built apart from the host, which depends on no guest. One rule finds
//! them in a checkout and where arenaria is installed: `../share/arenaria` from the binary's folder.

use std::path::PathBuf;

use anyhow::{Result, anyhow};

/// The path of a file or folder that arenaria brings along.
///
/// `ARENARIA_ASSETS` names the folder; without it, it is `../share/arenaria` from the binary's.
///
/// # Errors
///
/// A sentence that names where it was looked for, and the remedy.
pub(crate) fn find(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("ARENARIA_ASSETS") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => {
            let binary = std::env::current_exe()
                .map_err(|error| anyhow!("cannot tell where arenaria is installed: {error}"))?;
            let prefix = binary.parent().and_then(|bin| bin.parent());
            prefix.ok_or_else(|| anyhow!("arenaria lies in no folder"))?.join("share/arenaria")
        }
    };
    let path = folder.join(name);
    if path.exists() {
        return Ok(path);
    }
    Err(anyhow!(
        "there is no {}; build it (cargo xtask guests, cargo xtask playground) or set ARENARIA_ASSETS to the folder that has it",
        path.display()
    ))
}
