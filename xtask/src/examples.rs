//! Checks the examples in other languages. Each is copied into the target directory, gets its packages from
//! its registry in the versions of its lock file, and runs its own tests. An example that needs a missing
//! tool is left out, and the table says why.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::files::write_if_changed;
use crate::guests::{PROFILE, build_all};
use crate::registries::{lack_of_node, lack_of_python, need_npm, need_pip};
use crate::steps::Steps;
use crate::workspace::{COMPONENTS_VARIABLE, WASM, Workspace, printed, succeed};

const JAVASCRIPT: &str = "example in JavaScript";
const PYTHON: &str = "example in Python";

/// The example of a plain module.
pub(crate) const PLAIN_MODULE: &str = "words-module";

/// What an example leaves in its folder when a person runs it there.
const LEFT_BEHIND: [&str; 4] = ["node_modules", "build", "venv", "__pycache__"];

/// Checks only the examples, including those in Rust.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Steps::run(Vec::new(), |steps| {
        steps.step("guests", || build_all(workspace))?;
        steps.tests(
            "examples in Rust",
            workspace.cargo().args(["test", "-p", "words-service", "-p", "embed"]),
        )?;
        steps.step("bench", || {
            let build = ["build", "--quiet", "-p", "embed", "--bin", "bench"];
            succeed(workspace.cargo().args(build))
        })?;
        check(workspace, steps)
    })
}

/// Checks the examples in other languages. The program `bench` must have been built with the development
/// profile: this checks that the scripts work, not how fast they are.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn check(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    javascript(workspace, steps)?;
    python(workspace, steps)
}

fn javascript(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    if let Some(reason) = lack_of_node() {
        steps.leave_out(JAVASCRIPT, reason);
        return Ok(());
    }
    let folder = copy(workspace, "node")?;
    steps.step(JAVASCRIPT, || {
        need_npm(&workspace.root().join("examples/node"), &folder)?;
        for (script, rounds) in
            [("test", None), ("boundary", Some("1")), ("against-rust", Some("1"))]
        {
            let mut npm = Command::new("npm");
            npm.current_dir(&folder).args(["run", "--silent", script, "--"]).args(rounds);
            npm.env(COMPONENTS_VARIABLE, workspace.components());
            succeed(npm.env("ARENARIA_BENCH", workspace.binary("bench")))?;
        }
        plain_module(workspace)
    })
}

/// Lets the script of `examples/arena` call the plain module there.
fn plain_module(workspace: &Workspace) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo_for_guests();
    cargo.args(["build", "--quiet", "--profile", PROFILE, "--target", WASM]);
    succeed(cargo.args(["--package", PLAIN_MODULE]))?;
    let module = workspace.guests().join(WASM).join(PROFILE).join("words_module.wasm");
    let text = workspace.examples().join("words.txt");
    write_if_changed(&text, b"to be or not to be\n")?;
    let mut node = Command::new("node");
    node.arg(workspace.root().join("examples/arena/module/run.mjs")).arg(module);
    let counted = printed(node.stdin(fs::File::open(&text)?))?;
    ensure!(counted == "be 2\nnot 1\nor 1\nto 2\n", "expected the counts of words, got {counted}");
    Ok(())
}

fn python(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    if let Some(reason) = lack_of_python() {
        steps.leave_out(PYTHON, reason);
        return Ok(());
    }
    let folder = copy(workspace, "python")?;
    steps.step(PYTHON, || {
        // Installed beside the copy, so that it outlives the next copy.
        let environment = folder.join("venv");
        need_pip(&folder.join("requirements.txt"), &environment)?;
        let mut tests = Command::new(environment.join("bin/python"));
        tests.current_dir(&folder).args(["-m", "unittest"]);
        succeed(tests.env(COMPONENTS_VARIABLE, workspace.components()))
    })
}

/// Copies an example into the target directory, without what a person has left in it, and returns the path
/// of the copy. Packages that were installed there stay.
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
            // Otherwise a test that was removed would still run.
            let _ = fs::remove_dir_all(&target);
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
