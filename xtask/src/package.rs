//! Packs each component as an OCI artifact and the server as a container image. Both are layouts, which any
//! tool can load or push to a registry. Nothing is pushed from here.
//!
//! The same source and binary give the same bytes. The only date in them is `SOURCE_DATE_EPOCH`, or 1970.

mod artifact;
mod check;
mod contents;
mod image;
mod layout;
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, ensure};

pub(crate) use self::check::checked_by_the_image;
pub(crate) use self::contents::Packages;
use self::contents::{COMPONENTS, shared_components};
pub(crate) use self::sandbox::Sandbox;
use crate::bridges;
use crate::guests::build_all;
use crate::steps::Steps;
use crate::tools::need_target;
use crate::wit;
use crate::workspace::{Workspace, succeed};

/// The file that marks a folder that this command made and may empty.
const MARK: &str = ".made-by-arenaria";

/// Builds guests and server, packs them, and checks the packages.
///
/// # Errors
///
/// If something cannot be built or written, or a check fails.
pub(crate) fn run(
    workspace: &Workspace,
    out: Option<PathBuf>,
    binary: Option<PathBuf>,
) -> anyhow::Result<()> {
    build_all(workspace)?;
    bridges::build_all(workspace)?;
    let binary = binary.map_or_else(|| build_static(workspace, Tables::Stripped), Ok)?;
    checked(workspace, out.unwrap_or_else(|| workspace.packages()), &binary).map(drop)
}

/// Packs the components, which are built, and this binary, and checks the packages.
///
/// # Errors
///
/// If something cannot be written, or a check fails.
pub(crate) fn checked(
    workspace: &Workspace,
    out: PathBuf,
    binary: &Path,
) -> anyhow::Result<Packages> {
    let wit = wit::build_all(workspace)?;
    let packages = make(workspace, out, binary, &wit)?;
    check::all(&packages)?;
    match Sandbox::find() {
        Some(sandbox) => check::runs(&packages, &sandbox)?,
        None => println!("the image was not run: bwrap (Debian: bubblewrap) is missing"),
    }
    Ok(packages)
}

/// The same as a step of the tests, with the binary that they have built. It packs into two folders, which
/// must not differ. Returns `None` if the step was not run.
///
/// # Errors
///
/// If something cannot be written, or a check fails.
pub(crate) fn step(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<Option<Packages>> {
    let mut wit = Vec::new();
    steps.step("packages of WIT", || {
        wit = wit::build_all(workspace)?;
        Ok(())
    })?;
    let binary = workspace.binary("arenaria");
    let folder = workspace.packages().with_extension("check");
    let mut made = None;
    steps.step("packages", || {
        let first = make(workspace, folder.join("first"), &binary, &wit)?;
        let second = make(workspace, folder.join("second"), &binary, &wit)?;
        check::all(&first)?;
        check::same(&first, &second)?;
        made = Some(first);
        Ok(())
    })?;
    let Some(packages) = made else {
        steps.leave_out("container image, run", "the packages were not made");
        return Ok(None);
    };
    match Sandbox::find() {
        Some(sandbox) => {
            steps.step("container image, run", || check::runs(&packages, &sandbox))?;
        }
        None => steps.leave_out("container image, run", "bwrap (Debian: bubblewrap) is missing"),
    }
    Ok(Some(packages))
}

/// Packs the components, the packages of WIT and the server into a folder.
fn make(
    workspace: &Workspace,
    out: PathBuf,
    binary: &Path,
    wit: &[PathBuf],
) -> anyhow::Result<Packages> {
    ensure!(binary.is_file(), "{} is missing; build it first", binary.display());
    empty(&out)?;
    let created = date()?;
    let mut packages = Packages { out, components: Vec::new() };
    let mut files: Vec<_> = COMPONENTS.iter().map(|name| workspace.component(name)).collect();
    let bridges = shared_components(&workspace.share())?;
    if !bridges.is_empty() {
        files.extend(bridged(workspace, binary, &packages.out)?);
    }
    files.extend(bridges);
    let named = files.iter().map(|file| ("", file)).chain(wit.iter().map(|file| ("wit-", file)));
    for (prefix, file) in named {
        let name = file.file_stem().and_then(|stem| stem.to_str());
        let name = name.with_context(|| format!("{} has no name", file.display()))?;
        let name = format!("{prefix}{name}");
        let digest = artifact::pack(file, &name, &packages.component(&name), &created)?;
        println!("{name:<20} {digest}");
        packages.components.push(name);
    }
    let digest = image::pack(workspace, binary, &packages.image(), &created)?;
    println!("{:<20} {digest}", "container image");
    println!("in {}", packages.out.display());
    Ok(packages)
}

/// The flagship for hosts of `wasi:http`, bridged by the packed binary to both versions.
fn bridged(workspace: &Workspace, binary: &Path, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = out.join("bridged");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for world in ["p2", "p3"] {
        let file = folder.join(format!("transform-{world}.wasm"));
        let mut bridge = Command::new(binary);
        bridge.env("ARENARIA_ASSETS", workspace.share()).arg("bridge");
        bridge.arg(workspace.component("transform")).arg("-o").arg(&file);
        succeed(bridge.args(["--world", world]))?;
        files.push(file);
    }
    Ok(files)
}

/// Empties a folder that this program made, or makes it. Other folders are not touched.
///
/// # Errors
///
/// If it has other things in it, or cannot be made.
pub(crate) fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        ensure!(
            is_empty || folder.join(MARK).exists(),
            "{} is not empty; choose an empty folder",
            folder.display()
        );
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join(MARK), ""))
        .with_context(|| format!("cannot make {}", folder.display()))
}

/// The date in the packages.
///
/// # Errors
///
/// If `SOURCE_DATE_EPOCH` is set and does not say one.
pub(crate) fn date() -> anyhow::Result<String> {
    created(std::env::var("SOURCE_DATE_EPOCH").ok().as_deref())
}

fn created(source_date_epoch: Option<&str>) -> anyhow::Result<String> {
    let seconds = match source_date_epoch {
        None => 0,
        Some(text) => text.parse().with_context(|| {
            format!("SOURCE_DATE_EPOCH: expected a number of seconds, got {text:?}")
        })?,
    };
    let date = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let date = date.with_context(|| {
        format!("SOURCE_DATE_EPOCH: expected a date that can be represented, got {seconds}")
    })?;
    Ok(humantime::format_rfc3339_seconds(date).to_string())
}

/// Whether a binary keeps its line tables, which are larger than everything else in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    Kept,
    /// The names of functions stay, for backtraces.
    Stripped,
}

/// The target of a static binary for machines like this one.
pub(crate) fn static_target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Builds the server as a static binary.
///
/// # Errors
///
/// If the target or its C compiler is missing, or the build fails.
pub(crate) fn build_static(workspace: &Workspace, tables: Tables) -> anyhow::Result<PathBuf> {
    let target = static_target();
    need_target(workspace, &target)?;
    ensure!(
        Command::new("musl-gcc").arg("--version").output().is_ok_and(|it| it.status.success()),
        "musl-gcc, which compiles C code, is missing (Debian: musl-tools); install it or pass --binary"
    );
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "-p", "arenaria", "--target", &target]);
    if tables == Tables::Stripped {
        cargo.args(["--config", "profile.release.strip='debuginfo'"]);
    }
    succeed(&mut cargo)?;
    Ok(workspace.built(&target, "release", "arenaria"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        fs::write(&mine, "precious").unwrap();
        let error = empty(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("is not empty; choose an empty folder"));
        assert_eq!(fs::read(&mine).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_of_ours_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        empty(&out).unwrap();
        fs::write(out.join("old"), "").unwrap();
        empty(&out).unwrap();
        assert!(!out.join("old").exists() && out.join(MARK).exists());
    }

    #[test]
    fn the_date_is_what_was_asked_for() {
        assert_eq!(created(None).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(created(Some("1800000000")).unwrap(), "2027-01-15T08:00:00Z");
        let error = created(Some("today")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SOURCE_DATE_EPOCH: expected a number of seconds, got \"today\""
        );
    }
}
