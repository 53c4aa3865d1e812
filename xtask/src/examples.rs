//! The examples in other languages: each is copied below the target directory, given what it needs from
//! its own registry, in the versions of its own lock file, and checked by its own tests. What cannot be
//! had is left out, and the reason said.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::guests::build_all;
use crate::steps::Steps;
use crate::workspace::{COMPONENTS_VARIABLE, Workspace, succeed};

const JAVASCRIPT: &str = "example in JavaScript";
const PYTHON: &str = "example in Python";

/// The steps here, for who leaves them out.
pub(crate) const STEPS: [&str; 2] = [JAVASCRIPT, PYTHON];

/// What the examples leave in their own folder when a person runs them there.
const LEFT_BEHIND: [&str; 4] = ["node_modules", "build", "venv", "__pycache__"];

/// The oldest Node that the example is for.
const NODE_MAJOR_MIN: u32 = 20;

/// Checks the examples alone, those in Rust too.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.step("guests", || build_all(workspace))?;
    steps.tests("examples in Rust", workspace.cargo().args(["test", "-p", "embed"]))?;
    check(workspace, &mut steps)?;
    steps.summarise();
    Ok(())
}

/// Checks the examples in other languages.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn check(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    javascript(workspace, steps)?;
    python(workspace, steps)
}

fn javascript(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    if !has_node() {
        steps.leave_out(JAVASCRIPT, "there is no Node 20 or later with npm");
        return Ok(());
    }
    let folder = copy(workspace, "node")?;
    let install = ["ci", "--no-audit", "--no-fund"];
    if !installed(&folder, "package-lock.json", Command::new("npm").args(install)) {
        steps.leave_out(JAVASCRIPT, "npm cannot install what package-lock.json names");
        return Ok(());
    }
    steps.step(JAVASCRIPT, || {
        // A bench of the development profile: whether the scripts work is looked at here, not times.
        succeed(workspace.cargo().args(["build", "--quiet", "-p", "embed", "--bin", "bench"]))?;
        for (script, rounds) in
            [("test", None), ("boundary", Some("1")), ("against-rust", Some("1"))]
        {
            let mut npm = Command::new("npm");
            npm.current_dir(&folder).args(["run", "--silent", script, "--"]).args(rounds);
            npm.env(COMPONENTS_VARIABLE, workspace.components());
            succeed(npm.env("ARENARIA_BENCH", workspace.binary("bench")))?;
        }
        Ok(())
    })
}

fn python(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let folder = copy(workspace, "python")?;
    // What is installed lies beside the copy, so that a new copy keeps it.
    let environment = folder.join("venv");
    let interpreter = environment.join("bin/python");
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(&environment);
    if !interpreter.exists() && succeed(&mut create).is_err() {
        steps.leave_out(PYTHON, "there is no python3 with venv");
        return Ok(());
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    let mut pip = Command::new(&interpreter);
    if !installed(&folder, "requirements.txt", pip.args(install).arg("requirements.txt")) {
        steps.leave_out(PYTHON, "pip cannot install what requirements.txt names");
        return Ok(());
    }
    let mut tests = Command::new(&interpreter);
    tests.current_dir(&folder).args(["-m", "unittest"]);
    steps.command(PYTHON, tests.env(COMPONENTS_VARIABLE, workspace.components()))
}

fn has_node() -> bool {
    let prints = |program: &str| {
        let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
    };
    let major = prints("node").as_deref().and_then(node_major);
    major.is_some_and(|major| major >= NODE_MAJOR_MIN) && prints("npm").is_some()
}

/// What stands first in `v20.20.2`.
fn node_major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Copies an example below the target directory, without what a person has left in it, and gives where
/// it is now. What was installed there stays.
fn copy(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    let (from, to) =
        (workspace.root().join("examples").join(name), workspace.examples().join(name));
    copy_folder(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(to)
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    let is_left_behind = |name: &OsStr| LEFT_BEHIND.iter().any(|left| name == *left);
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if is_left_behind(&entry.file_name()) {
            continue;
        }
        if source.is_dir() {
            // Else a test that is gone would still run.
            let _ = fs::remove_dir_all(&target);
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Installs what the lock file names, unless that was done before. Says whether it is there.
fn installed(folder: &Path, lock: &str, install: &mut Command) -> bool {
    let (lock, stamp) = (folder.join(lock), folder.join("installed"));
    let Ok(wanted) = fs::read(lock) else { return false };
    if fs::read(&stamp).is_ok_and(|present| present == wanted) {
        return true;
    }
    let done = succeed(install.current_dir(folder));
    if let Err(error) = &done {
        println!("{error:#}");
    }
    done.is_ok() && fs::write(stamp, wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(node_major("v20.20.2\n"), Some(20));
        assert_eq!(node_major("20"), None);
    }

    #[test]
    fn what_a_person_left_behind_is_not_copied() {
        let folder = std::env::temp_dir().join(format!("arenaria-examples-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("test")).unwrap();
        fs::create_dir_all(from.join("node_modules")).unwrap();
        fs::create_dir_all(to.join("test")).unwrap();
        fs::create_dir_all(to.join("node_modules/jco")).unwrap();
        for file in ["from/a", "from/test/b", "from/node_modules/c", "to/test/gone", "to/installed"]
        {
            fs::write(folder.join(file), file).unwrap();
        }
        copy_folder(&from, &to).unwrap();
        let there = ["a", "test/b", "node_modules/jco", "installed"].map(|f| to.join(f).exists());
        let gone = ["node_modules/c", "test/gone"].map(|file| to.join(file).exists());
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((there, gone), ([true; 4], [false; 2]));
    }

    #[test]
    fn what_was_installed_is_not_installed_again() {
        let folder = std::env::temp_dir().join(format!("arenaria-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("lock"), "one").unwrap();
        let install = |program| installed(&folder, "lock", &mut Command::new(program));
        let before = [install("false"), install("true"), install("false")];
        fs::write(folder.join("lock"), "two").unwrap();
        let after = install("false");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((before, after), ([false, true, true], false));
    }
}
