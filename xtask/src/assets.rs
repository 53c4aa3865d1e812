//! Packs what arenaria brings with it, the jq component, the bridges and the playground, into one archive in the
//! host's folder. The build of the host embeds it, and the host's package contains it. It is not kept in git.
//!
//! The same files give the same bytes.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::archive::{archive, sorted};
use crate::bridges::{self, BRIDGES};
use crate::files::{put, write_if_changed};
use crate::guests::{self, TRANSFORM};
use crate::playground;
use crate::workspace::Workspace;

/// Higher levels take longer and save nothing.
const LEVEL: i32 = 19;

/// Builds the assets and packs them.
///
/// # Errors
///
/// If something cannot be built or written.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    guests::build_all(workspace)?;
    bridges::build_all(workspace)?;
    playground::build(workspace)?;
    pack(workspace)
}

/// Packs the assets that are built.
fn pack(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.assets();
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let share = workspace.share();
    let bridges = BRIDGES.iter().map(|(name, ..)| workspace.asset(name).with_extension("wasm"));
    let pages = sorted(&playground::folder(workspace))?;
    for file in bridges.chain([workspace.asset(TRANSFORM)]).chain(pages) {
        put(&file, &folder.join(file.strip_prefix(&share).expect("it is one of the assets")))?;
    }
    let tar = archive(&folder)?;
    let packed = zstd::encode_all(&*tar, LEVEL).context("the assets cannot be compressed")?;
    write_if_changed(&place(workspace), &packed)?;
    println!("assets: {} B, packed {} B", tar.len(), packed.len());
    Ok(())
}

/// The archive, where the build of the host finds it.
fn place(workspace: &Workspace) -> PathBuf {
    workspace.root().join("host/assets/assets.tar.zst")
}

/// The archive for as long as a package is made. If it was not there before, it is removed, so that later builds of the
/// checkout do not embed what has changed since.
#[derive(Debug)]
pub(crate) struct Packed {
    remove: Option<PathBuf>,
}

impl Packed {
    /// Builds the assets and packs them.
    ///
    /// # Errors
    ///
    /// If something cannot be built or written.
    pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<Self> {
        let place = place(workspace);
        let packed = Self { remove: (!place.exists()).then_some(place) };
        build(workspace)?;
        Ok(packed)
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        // If it stays, the next build of the host embeds it.
        let _ = self.remove.as_ref().map(fs::remove_file);
    }
}
