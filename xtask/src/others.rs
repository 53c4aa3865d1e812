//! Hosts that are not ours, and the tests of bridged components in them.

use std::path::PathBuf;
use std::process::Command;

use crate::registries::need_npm;
use crate::steps::Steps;
use crate::tools::need_wasmtime;
use crate::workspace::Workspace;
use crate::{bridges, guests};

/// What one test binary has for each host: the beginning of its tests' names, and the variable that
/// names the program.
const WASMTIME: [&str; 3] = ["wasmtime::", "interleaved::", "ARENARIA_WASMTIME"];
const JCO: [&str; 2] = ["jco::", "ARENARIA_JCO"];

/// Builds what is served, installs the hosts, and runs their tests.
///
/// # Errors
///
/// If something cannot be built, or a test fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.step("guests and bridges", || {
        guests::build_all(workspace)?;
        bridges::build_all(workspace)
    })?;
    add_steps(workspace, &mut steps)?;
    steps.summarise();
    Ok(())
}

/// The tests, as steps among others. A host that cannot be had is left out by name.
///
/// # Errors
///
/// If a test fails.
pub(crate) fn add_steps(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    match need_wasmtime(workspace) {
        Ok(program) => {
            let [tests, more, variable] = WASMTIME;
            let mut command = command(workspace, &[tests, more]);
            steps.tests("under wasmtime serve", command.env(variable, program))?;
        }
        Err(error) => {
            println!("{error:#}");
            steps.leave_out("under wasmtime serve", "wasmtime cannot be installed");
        }
    }
    match need_jco(workspace) {
        Ok(program) => {
            let [tests, variable] = JCO;
            let mut command = command(workspace, &[tests]);
            steps.tests("under jco serve", command.env(variable, program))?;
        }
        Err(error) => {
            println!("{error:#}");
            steps.leave_out("under jco serve", "jco cannot be installed: it needs Node and npm");
        }
    }
    Ok(())
}

/// The test runner, of the whole workspace so that nothing is built with other features.
fn command(workspace: &Workspace, tests: &[&str]) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--test", "others", "--"]).args(tests);
    cargo
}

/// The path of jco's program, installed into the target directory unless it is there.
fn need_jco(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.tools().join("jco");
    need_npm(&workspace.root().join("host/tests/jco"), &folder)?;
    Ok(folder.join("node_modules/@bytecodealliance/jco/dist/jco.js"))
}
