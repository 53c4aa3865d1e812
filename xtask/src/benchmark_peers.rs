//! Builds the components that other hosts serve in load tests, and installs those hosts: arenaria is
//! compared with them.
//!
//! These components are built the usual way and import what std needs of WASI. arenaria's contract for
//! processors does not apply to them.

use anyhow::Context;

use crate::files::{read, write_if_changed};
use crate::guests::PROFILE;
use crate::tools::{need_oha, need_target, need_wasmtime};
use crate::workspace::{WASI, Workspace, succeed};

/// The packages that become components.
pub(crate) const PEERS: [&str; 2] = ["peer-p2", "peer-p3"];

/// Builds the components, and installs wasmtime, which serves them, if it is missing.
///
/// # Errors
///
/// If something cannot be built or installed.
pub(crate) fn get(workspace: &Workspace, oha: bool) -> anyhow::Result<()> {
    build_all(workspace)?;
    println!("{}", need_wasmtime(workspace)?.display());
    if oha {
        println!("{}", need_oha(workspace)?.display());
    }
    Ok(())
}

/// Builds the components and prints their sizes.
///
/// # Errors
///
/// If one cannot be built.
pub(crate) fn build_all(workspace: &Workspace) -> anyhow::Result<()> {
    need_target(workspace, WASI)?;
    println!("{:<12} {:>12}", "peer", "component");
    for peer in PEERS {
        let bytes = build(workspace, peer).with_context(|| format!("peer {peer}"))?;
        println!("{peer:<12} {bytes:>10} B");
    }
    Ok(())
}

/// Builds one, in a cargo command of its own: packages built together would share features.
fn build(workspace: &Workspace, peer: &str) -> anyhow::Result<usize> {
    let mut cargo = workspace.cargo_for_guests();
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", WASI, "-p", peer]);
    succeed(&mut cargo)?;
    let file = peer.replace('-', "_");
    let built = workspace.guests().join(WASI).join(PROFILE).join(file).with_extension("wasm");
    let component = read(&built)?;
    write_if_changed(&workspace.component(peer), &component)?;
    Ok(component.len())
}
