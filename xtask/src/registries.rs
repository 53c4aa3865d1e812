//! Installs packages from npm and PyPI into the target directory, in the versions of the repository's lock
//! files, and installs them again if a lock file has changed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::files::read;
use crate::workspace::succeed;

/// The oldest version of Node that the scripts and examples support.
const NODE_MAJOR_MIN: u32 = 20;

/// Written at the end of an installation with what was requested, so that an incomplete one is repeated.
const STAMP: &str = "installed";

/// The reason why npm cannot be used on this machine, if any.
pub(crate) fn lack_of_node() -> Option<&'static str> {
    if version("node").as_deref().and_then(major).is_none_or(|major| major < NODE_MAJOR_MIN) {
        Some("Node 20 or later is missing")
    } else if version("npm").is_none() {
        Some("npm is missing")
    } else {
        None
    }
}

/// The reason why PyPI cannot be used on this machine, if any.
pub(crate) fn lack_of_python() -> Option<&'static str> {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stderr(Stdio::null());
    let works = python.status().is_ok_and(|status| status.success());
    (!works).then_some("python3 with venv is missing")
}

/// Installs the packages of a folder's `package-lock.json` into `node_modules` of another folder.
///
/// # Errors
///
/// If they cannot be installed.
pub(crate) fn need_npm(source: &Path, folder: &Path) -> anyhow::Result<()> {
    let manifests = ["package.json", "package-lock.json"];
    let wanted = manifests.map(|name| read(&source.join(name)));
    let [package, lock] = wanted;
    let (package, lock) = (package?, lock?);
    let wanted = [package.clone(), lock.clone()].concat();
    if is_installed(folder, &wanted) {
        return Ok(());
    }
    println!("installing packages of npm into {}", folder.display());
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, bytes) in manifests.iter().zip([package, lock]) {
        fs::write(folder.join(name), bytes).with_context(|| format!("cannot write {name}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    succeed(npm.current_dir(folder))?;
    note_installed(folder, &wanted)
}

/// Makes a virtual environment with the packages of a requirements file.
///
/// # Errors
///
/// If they cannot be installed.
pub(crate) fn need_pip(requirements: &Path, environment: &Path) -> anyhow::Result<()> {
    let wanted = read(requirements)?;
    if is_installed(environment, &wanted) {
        return Ok(());
    }
    println!("installing packages of PyPI into {}", environment.display());
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    succeed(pip.arg("--requirement").arg(requirements))?;
    note_installed(environment, &wanted)
}

/// Downloads what a requirements file names, as the file says: it must have `--no-binary` for sources.
///
/// # Errors
///
/// If they cannot be downloaded.
pub(crate) fn need_sdist(requirements: &Path, folder: &Path) -> anyhow::Result<()> {
    let wanted = read(requirements)?;
    if is_installed(folder, &wanted) {
        return Ok(());
    }
    println!("downloading sources from PyPI into {}", folder.display());
    let environment = folder.join("python");
    succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--no-deps", "--require-hashes", "--dest"]).arg(folder);
    succeed(pip.arg("--requirement").arg(requirements))?;
    note_installed(folder, &wanted)
}

fn is_installed(folder: &Path, wanted: &[u8]) -> bool {
    fs::read(folder.join(STAMP)).is_ok_and(|present| present == wanted)
}

fn note_installed(folder: &Path, wanted: &[u8]) -> anyhow::Result<()> {
    fs::write(folder.join(STAMP), wanted)
        .context("cannot write the file that marks the installation as complete")
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
}

/// The first number of a version such as `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }

    #[test]
    fn what_is_installed_is_told_by_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_installed(folder.path(), b"one"));
        note_installed(folder.path(), b"one").unwrap();
        assert!(is_installed(folder.path(), b"one") && !is_installed(folder.path(), b"two"));
    }
}
