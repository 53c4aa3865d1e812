//! Checks what a release holds: every file is unpacked or read as its user would do it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use tar::Archive;

use super::binary::{TABLES, check_tables};
use super::sums;
use crate::archive::sorted;
use crate::files::read;
use crate::registries::{lack_of_python, need_pip};
use crate::whole;
use crate::workspace::{Workspace, printed, succeed};

/// Checks all files of a release. `unpacked` is a folder that may be emptied.
///
/// # Errors
///
/// The first thing that is wrong.
pub(super) fn all(workspace: &Workspace, release: &Path, unpacked: &Path) -> anyhow::Result<()> {
    sums::check(release)?;
    if unpacked.exists() {
        fs::remove_dir_all(unpacked)
            .with_context(|| format!("cannot empty {}", unpacked.display()))?;
    }
    let mut binaries = Vec::new();
    for file in sorted(release)? {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".tar.gz") {
            let bytes = read(&file)?;
            let unpacking = Archive::new(GzDecoder::new(&*bytes)).unpack(unpacked);
            unpacking.with_context(|| format!("{} cannot be unpacked", file.display()))?;
        } else if name.ends_with(".oci.tar") {
            oci(&file)?;
        } else if name.ends_with(".cdx.json") {
            bill(workspace, &file).with_context(|| file.display().to_string())?;
        }
    }
    for folder in sorted(unpacked)? {
        binaries.push(folder.join("arenaria"));
    }
    let [binary] = &*binaries else { bail!("expected one binary, got {binaries:?}") };
    runs(binary)
}

/// Checks the binary as it was unpacked.
fn runs(binary: &Path) -> anyhow::Result<()> {
    ensure!(binary.with_file_name(TABLES).is_file(), "{TABLES} is not beside the binary");
    check_tables(binary)?;
    let version = printed(Command::new(binary).arg("--version"))?;
    let expected = format!("arenaria {}", env!("CARGO_PKG_VERSION"));
    ensure!(version.starts_with(&expected), "expected {expected}, got {}", version.trim());
    whole::check(binary)
}

/// Lets skopeo read an archive, if it is installed.
fn oci(file: &Path) -> anyhow::Result<()> {
    if Command::new("skopeo").arg("--version").output().is_err() {
        println!("skopeo is not installed: it has not read {}", file.display());
        return Ok(());
    }
    let mut archive = std::ffi::OsString::from("oci-archive:");
    archive.push(file);
    let manifest = printed(Command::new("skopeo").args(["inspect", "--raw"]).arg(archive))?;
    let manifest: Value = serde_json::from_str(&manifest).context("skopeo printed no manifest")?;
    ensure!(manifest["layers"].as_array().is_some_and(|layers| layers.len() == 1), "{manifest}");
    Ok(())
}

/// Checks the bill of materials: that it names what must be in it, and, if Python is installed, against the schema.
fn bill(workspace: &Workspace, file: &Path) -> anyhow::Result<()> {
    let bill: Value = serde_json::from_slice(&read(file)?).context("it is not JSON")?;
    let components = bill["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    for name in ["wasmtime", "hyper", "transform", "arenaria-jq", "bridge-p3", "rust-std"] {
        ensure!(components.iter().any(|it| it["name"] == name), "expected {name} in it, got none");
    }
    if let Some(reason) = lack_of_python() {
        println!("the bill of materials was not checked against its schema: {reason}");
        return Ok(());
    }
    let tools = workspace.root().join("xtask/tools");
    let environment: PathBuf = workspace.tools().join("cyclonedx");
    need_pip(&tools.join("cyclonedx.txt"), &environment)?;
    let mut python = Command::new(environment.join("bin/python"));
    succeed(python.arg(tools.join("check_bom.py")).arg(file))
}
