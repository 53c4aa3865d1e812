//! The page `docs/conformance.md`: the results of jq's own tests, of which the sources of libjq have the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::guests::build_all;
use crate::rivals::{need_libjq, need_program};
use crate::tools::cargo_with_lints;
use crate::workspace::{Workspace, succeed};

/// The page.
const PAGE: &str = "docs/conformance.md";

/// jq's own sources in the sdist of PyPI's package `jq`, as `load-tests/rivals/build.rs` unpacks them.
const SDIST: &str = "jq-1.13.0.tar.gz";
const JQ: &str = "jq-1.8.2";

/// The files of tests there.
const FILES: [&str; 7] = ["jq", "man", "manonig", "onig", "optional", "uri", "base64"];

/// Runs jq's tests, or the given files of tests, against the transform component and writes the page.
///
/// # Errors
///
/// If something cannot be built, or a file cannot be read.
pub(crate) fn write(workspace: &Workspace, files: Vec<PathBuf>) -> anyhow::Result<()> {
    let absolute = |file| std::path::absolute(file).context("cannot find the current directory");
    let files: Vec<PathBuf> = files.into_iter().map(absolute).collect::<Result<_, _>>()?;
    let files = if files.is_empty() { tests(workspace)? } else { files };
    run(workspace, &files, &workspace.root().join(PAGE))
}

/// Checks that the page is what [`write()`] would write.
///
/// # Errors
///
/// If it differs, with the first line that does, or something cannot be built.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let fresh = workspace.components().join("conformance.md");
    run(workspace, &tests(workspace)?, &fresh)?;
    let [written, fresh] = [workspace.root().join(PAGE), fresh].map(fs::read_to_string);
    let (written, fresh) = (written.context(PAGE)?, fresh?);
    let mut lines = written.lines().zip(fresh.lines());
    let (old, new) = lines.find(|(old, new)| old != new).unwrap_or_default();
    ensure!(
        written == fresh,
        "the results differ from {PAGE}: expected `{old}`, got `{new}`; `cargo xtask conformance` writes the page anew"
    );
    Ok(())
}

/// Builds the program as the tests are built, so that nothing is compiled twice, and runs it.
fn run(workspace: &Workspace, files: &[PathBuf], page: &Path) -> anyhow::Result<()> {
    build_all(workspace)?;
    let libjq = need_program(workspace)?;
    let build = ["build", "--quiet", "--workspace", "--example", "conformance"];
    succeed(cargo_with_lints(workspace)?.args(build))?;
    let mut conformance = Command::new(workspace.binary("examples/conformance"));
    succeed(conformance.arg(workspace.component("transform")).arg(libjq).arg(page).args(files))
}

/// Unpacks the files of tests.
fn tests(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let folder = need_libjq(workspace)?;
    let unpack = |archive: &str, path: &str| {
        succeed(Command::new("tar").current_dir(&folder).args([
            "xzf",
            archive,
            "--strip-components=2",
            path,
        ]))
    };
    unpack(SDIST, &format!("jq-1.13.0/deps/{JQ}.tar.gz"))?;
    unpack(&format!("{JQ}.tar.gz"), &format!("{JQ}/tests"))?;
    Ok(FILES.map(|name| folder.join(name).with_extension("test")).to_vec())
}
