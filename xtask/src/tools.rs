//! The tools that cargo does not bring along, and how they are got when they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::workspace::{WASM, Workspace, succeed};

/// The version of cargo-deny that is installed: one that builds with the workspace's Rust.
const DENY_VERSION: &str = "0.20.2";

/// What Miri needs of a nightly toolchain.
const MIRI_COMPONENTS: [&str; 2] = ["miri", "rust-src"];

/// Adds the WebAssembly target to the toolchain, if it is missing.
///
/// # Errors
///
/// If it is missing and `rustup` cannot add it.
pub(crate) fn need_wasm_target(workspace: &Workspace) -> anyhow::Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot =
        output(Command::new(rustc).current_dir(workspace.root()).args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    println!("adding the target {WASM}");
    succeed(Command::new("rustup").current_dir(workspace.root()).args(["target", "add", WASM]))
        .with_context(|| format!("the toolchain has no target {WASM}; guests need it"))
}

/// Sees to it that there is a nightly toolchain with Miri, and gives `false` if there is no nightly
/// toolchain at all: it is for the developer to decide on another toolchain.
///
/// # Errors
///
/// If there is one without Miri, and `rustup` cannot add it.
pub(crate) fn need_miri() -> anyhow::Result<bool> {
    let Ok(toolchains) = output(Command::new("rustup").args(["toolchain", "list"])) else {
        return Ok(false);
    };
    if !toolchains.lines().any(|line| line.starts_with("nightly")) {
        return Ok(false);
    }
    let list = ["component", "list", "--toolchain", "nightly", "--installed"];
    let installed = output(Command::new("rustup").args(list))?;
    let is_missing = |name: &&str| !installed.lines().any(|line| line.starts_with(name));
    let missing: Vec<_> = MIRI_COMPONENTS.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        let add = ["component", "add", "--toolchain", "nightly"];
        succeed(Command::new("rustup").args(add).args(missing))?;
    }
    Ok(true)
}

/// The path of cargo-deny: the one on `PATH`, or one that is installed into the target directory.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_deny(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    if output(Command::new("cargo-deny").arg("--version")).is_ok() {
        return Ok("cargo-deny".into());
    }
    let tools = workspace.target().join("tools");
    let deny = tools.join("bin").join("cargo-deny");
    if !deny.is_file() {
        println!("installing cargo-deny {DENY_VERSION} into {}", tools.display());
        let install = ["install", "cargo-deny", "--locked", "--version", DENY_VERSION, "--root"];
        succeed(workspace.cargo().args(install).arg(&tools))?;
    }
    Ok(deny)
}

/// What a command prints.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{} failed: {}", program.display(), output.status);
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} did not print UTF-8", program.display()))
}
