//! Builds the guests: cargo makes core modules, and the encoder makes components of them. A component that
//! breaks the contract is removed.

use std::fs;

use anyhow::{Context, bail};
use wit_component::ComponentEncoder;

use crate::collector;
use crate::contract::{examine, with_libc};
use crate::files::{read, write_if_changed};
use crate::metadata::Package;
use crate::tools::need_target;
use crate::workspace::{WASI, WASM, Workspace, succeed};

/// The packages that become components.
pub(crate) const GUESTS: [&str; 6] = ["canary", "hello", "model", "probe", "transform", "words"];

/// A package that becomes a component with a libc.
pub(crate) const WITH_LIBC: &str = "wasi-probe";

/// The jq component among the assets.
pub(crate) const TRANSFORM: &str = "components/transform.wasm";

/// The libraries that are compiled into them.
pub(crate) const GUEST_LIBRARIES: [&str; 2] = ["phase-arena", "arenaria-guest"];

/// The cargo profile of guests.
pub(crate) const PROFILE: &str = "guest";

/// Builds all guests as components and prints their sizes.
///
/// # Errors
///
/// If one cannot be built or breaks the contract.
pub(crate) fn build_all(workspace: &Workspace) -> anyhow::Result<()> {
    need_target(workspace, WASM)?;
    need_target(workspace, WASI)?;
    println!("{:<12} {:>12} {:>12} {:>12}", "guest", "core", "component", "memory");
    let print = |guest, built: Built| {
        println!(
            "{guest:<12} {:>10} B {:>10} B {:>6} pages",
            built.core_bytes, built.component_bytes, built.pages
        );
    };
    for guest in GUESTS {
        print(guest, build(workspace, guest).with_context(|| format!("guest {guest}"))?);
    }
    build_with_libc(workspace).with_context(|| format!("guest {WITH_LIBC}"))?;
    // For `arenaria serve --jq` in a checkout.
    write_if_changed(&workspace.asset(TRANSFORM), &read(&workspace.component("transform"))?)?;
    let core = collector::core(workspace).context("guest collector")?;
    let package = Package::without_manifest("collector", collector::DESCRIPTION);
    print("collector", encode(workspace, &package, &core).context("guest collector")?);
    Ok(())
}

struct Built {
    core_bytes: usize,
    component_bytes: usize,
    pages: u64,
}

/// Builds one guest, in a cargo command of its own: guests built together would share features.
fn build(workspace: &Workspace, guest: &str) -> anyhow::Result<Built> {
    let mut cargo = workspace.cargo_for_guests();
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", WASM, "-p", guest]);
    succeed(&mut cargo)?;

    let core_file = workspace.guests().join(WASM).join(PROFILE).join(format!("{guest}.wasm"));
    encode(workspace, &Package::find(workspace, guest)?, &read(&core_file)?)
        .with_context(|| format!("built from {}", core_file.display()))
}

/// Builds the guest with a libc. The target's linker makes the component.
fn build_with_libc(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo_for_guests();
    succeed(cargo.args([
        "build",
        "--quiet",
        "--profile",
        PROFILE,
        "--target",
        WASI,
        "-p",
        WITH_LIBC,
    ]))?;
    let file = format!("{}.wasm", WITH_LIBC.replace('-', "_"));
    let linked = read(&workspace.guests().join(WASI).join(PROFILE).join(file))?;
    with_libc::check(&linked)?;
    let component = Package::find(workspace, WITH_LIBC)?.write_into(&linked)?;
    println!("{WITH_LIBC:<12} {:>27} B  with a libc", component.len());
    write_if_changed(&workspace.component(WITH_LIBC), &component)
}

/// Encodes a core module as the component of a package. The module names its world.
fn encode(workspace: &Workspace, package: &Package, core: &[u8]) -> anyhow::Result<Built> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(core)
        .and_then(|mut encoder| encoder.encode())
        .context("the core module cannot be encoded as a component")?;

    let component = package.write_into(&component)?;

    let component_file = workspace.component(&package.name);
    let findings = examine(&component)?;
    if !findings.breaches.is_empty() {
        // An earlier build must not be mistaken for this one.
        let _ = fs::remove_file(&component_file);
        let list: String = findings.breaches.iter().map(|breach| format!("\n  {breach}")).collect();
        bail!("the component breaks the contract:{list}");
    }
    write_if_changed(&component_file, &component)?;
    let (core_bytes, component_bytes) = (core.len(), component.len());
    Ok(Built { core_bytes, component_bytes, pages: findings.pages })
}
