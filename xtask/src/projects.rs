//! Checks that projects of `arenaria new` work with the packages of our crates, as they will with the published ones. A
//! project names the version of the SDK, and cargo takes the unpacked packages for what the registry does not have yet.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::workspace::{Workspace, succeed};

/// The templates that depend on our crates alone, and on others too.
const TEMPLATES: [&str; 2] = ["hello", "json"];

/// Makes projects with a binary, builds their components, and runs their unit tests.
///
/// # Errors
///
/// If something fails.
pub(crate) fn check(workspace: &Workspace, binary: &Path, crates: &[&str]) -> anyhow::Result<()> {
    // Outside of the checkout, of which cargo would take a project for a member.
    let folder = std::env::temp_dir().join(format!("arenaria-projects-{}", std::process::id()));
    fs::create_dir_all(folder.join(".cargo")).context("cannot make a folder for projects")?;
    let checked = build_and_test(workspace, binary, crates, &folder);
    fs::remove_dir_all(&folder).context("cannot remove the folder of projects")?;
    checked
}

fn build_and_test(
    workspace: &Workspace,
    binary: &Path,
    crates: &[&str],
    folder: &Path,
) -> anyhow::Result<()> {
    let mut patch = "[patch.crates-io]\n".to_owned();
    for name in crates {
        let package = workspace.unpacked_package(name, env!("CARGO_PKG_VERSION"));
        ensure!(package.is_dir(), "expected the package in {}, got none", package.display());
        patch += &format!("{name} = {{ path = {:?} }}\n", package.display().to_string());
    }
    fs::write(folder.join(".cargo/config.toml"), patch).context("cannot write the patch")?;
    for template in TEMPLATES {
        let name = format!("my-{template}");
        let mut new = Command::new(binary);
        new.current_dir(folder).args(["new", &name, "--template", template]);
        succeed(&mut new)?;
        let project = folder.join(&name);
        let in_project = |mut command: Command| {
            // Shared, so that dependencies are compiled once.
            command.env("CARGO_TARGET_DIR", workspace.crates().join("projects"));
            command.current_dir(&project);
            command
        };
        let mut build = in_project(Command::new(binary));
        succeed(build.arg("build"))?;
        succeed(in_project(workspace.cargo()).args(["test", "--quiet"]))?;
        let component = project.join("target/components").join(&name).with_extension("wasm");
        ensure!(component.is_file(), "expected {}, got none", component.display());
    }
    Ok(())
}
