//! The playground: built by node into the folder of what arenaria brings along, tested in a browser.
//!
//! npm's packages go below the target directory, where the lock file is copied first: npm installs
//! beside it, and nothing of that belongs into the tree.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::guests::read;
use crate::steps::Steps;
use crate::workspace::{Workspace, succeed};

/// The oldest node that the scripts run on.
const NODE_MAJOR_MIN: u32 = 20;

/// The browsers that can be driven, by the names that systems give them.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Builds the page. The components must have been built.
///
/// # Errors
///
/// If node or npm is missing, or the page cannot be built or is too large.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    if let Some(reason) = missing_node() {
        anyhow::bail!("the playground cannot be built: {reason}");
    }
    install(workspace)?;
    let mut node = script(workspace, "build.mjs");
    node.arg(workspace.component("transform")).arg(folder(workspace));
    succeed(&mut node)?;
    println!("it is in {}", folder(workspace).display());
    Ok(())
}

/// Tests the page in a browser, against the server that the tests have been built with.
///
/// # Errors
///
/// If the page cannot be built, or a test fails.
pub(crate) fn test(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    const NAME: &str = "playground";
    if let Some(reason) = missing_node() {
        steps.leave_out(NAME, reason);
        return Ok(());
    }
    let Some(browser) = BROWSERS.iter().find_map(|name| on_path(name)) else {
        steps.leave_out(NAME, "there is no Chromium");
        return Ok(());
    };
    steps.step("playground", || build(workspace))?;
    let mut node = script(workspace, "test/main.mjs");
    node.arg(workspace.binary("arenaria")).arg(workspace.component("transform"));
    node.arg(browser).arg(packages(workspace).join("screenshots"));
    steps.tests("playground in a browser", &mut node)
}

/// A script of the playground's, in the folder where npm has put the packages.
fn script(workspace: &Workspace, name: &str) -> Command {
    let mut node = Command::new("node");
    node.current_dir(packages(workspace)).arg(source(workspace).join(name));
    node
}

/// Installs what the lock file says, if that is not what is there.
fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let (source, packages) = (source(workspace), packages(workspace));
    let installed = packages.join("installed.json");
    let lock = read(&source.join(MANIFESTS[1]))?;
    if fs::read(&installed).is_ok_and(|present| present == lock) {
        return Ok(());
    }
    let cannot = || format!("cannot write to {}", packages.display());
    fs::create_dir_all(&packages).with_context(cannot)?;
    for name in MANIFESTS {
        fs::copy(source.join(name), packages.join(name)).with_context(cannot)?;
    }
    println!("installing what {} names into {}", MANIFESTS[1], packages.display());
    let mut npm = Command::new("npm");
    npm.current_dir(&packages).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    succeed(&mut npm)?;
    // Last, so that an installation that ended half way is made again.
    fs::write(&installed, lock).with_context(cannot)
}

/// Why no script can be run, if so.
fn missing_node() -> Option<&'static str> {
    let version = Command::new("node").arg("--version").stderr(Stdio::null()).output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok());
    if version.as_deref().and_then(major).is_none_or(|major| major < NODE_MAJOR_MIN) {
        return Some("there is no node of version 20 or later");
    }
    on_path("npm").is_none().then_some("there is no npm")
}

/// The first part of a version like `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn source(workspace: &Workspace) -> PathBuf {
    workspace.root().join("examples").join("playground")
}

fn packages(workspace: &Workspace) -> PathBuf {
    workspace.npm("playground")
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.share().join("playground")
}
