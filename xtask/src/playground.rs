//! Builds the playground with node into the folder of arenaria's assets, and tests it in a browser.
//!
//! npm installs packages beside a lock file, so the lock file is copied into the target directory first.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::registries::{lack_of_node, need_npm};
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};

/// The names of browsers that the tests can drive.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Builds the page. The components must have been built before.
///
/// # Errors
///
/// If node or npm is missing, or the page cannot be built or is too large.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    if let Some(reason) = lack_of_node() {
        anyhow::bail!("the playground cannot be built: {reason}");
    }
    need_packages(workspace)?;
    let mut node = script(workspace, "build.mjs");
    node.arg(workspace.component("transform")).arg(folder(workspace));
    succeed(&mut node)?;
    println!("built into {}", folder(workspace).display());
    Ok(())
}

/// Tests the page in a browser, against the server of the development build.
///
/// # Errors
///
/// If the page cannot be built, or a test fails.
pub(crate) fn test(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    const NAME: &str = "playground";
    if let Some(reason) = lack_of_node() {
        steps.leave_out(NAME, reason);
        return Ok(());
    }
    let Some(browser) = browser() else {
        steps.leave_out(NAME, "Chromium is missing");
        return Ok(());
    };
    steps.step(NAME, || build(workspace))?;
    let mut node = script(workspace, "test/main.mjs");
    node.arg(workspace.binary("arenaria")).arg(workspace.component("transform"));
    node.arg(browser).arg(packages(workspace).join("screenshots"));
    steps.tests("playground in a browser", &mut node)
}

/// Installs the packages that the page is built and tested with. Returns their folder.
///
/// # Errors
///
/// If they cannot be installed.
pub(crate) fn need_packages(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need_npm(&source(workspace), &packages(workspace))?;
    Ok(packages(workspace))
}

/// A script of the playground, run in the folder of npm's packages.
fn script(workspace: &Workspace, name: &str) -> Command {
    let mut node = Command::new("node");
    node.current_dir(packages(workspace)).arg(source(workspace).join(name));
    node
}

/// A browser that is installed.
pub(crate) fn browser() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| on_path(name))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn source(workspace: &Workspace) -> PathBuf {
    workspace.root().join("examples").join("playground")
}

fn packages(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("playground")
}

/// The folder of the page.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.asset("playground")
}
