//! Installs other hosts, wasmtime and jco, and tests bridged components in them.

use std::path::PathBuf;
use std::process::Command;

use crate::registries::need_npm;
use crate::steps::Steps;
use crate::tools::{cargo_with_lints, need_wasmtime};
use crate::workspace::Workspace;
use crate::{bridges, guests};

/// For each host the prefixes of its tests' names, and the variable that names its program.
const WASMTIME: [&str; 3] = ["wasmtime::", "interleaved::", "ARENARIA_WASMTIME"];
const JCO: [&str; 2] = ["jco::", "ARENARIA_JCO"];

/// Builds the components, installs the hosts, and runs the tests.
///
/// # Errors
///
/// If something cannot be built, or a test fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    Steps::run(Vec::new(), |steps| {
        steps.step("guests and bridges", || {
            guests::build_all(workspace)?;
            bridges::build_all(workspace)
        })?;
        add_steps(workspace, steps)
    })
}

/// Adds the tests as steps. The tests of a host that cannot be installed are left out, and the table says so.
///
/// # Errors
///
/// If a test fails.
pub(crate) fn add_steps(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let [tests, more, variable] = WASMTIME;
    steps.tests_with_tool(
        "under wasmtime serve",
        "wasmtime cannot be installed",
        || need_wasmtime(workspace),
        |program| Ok(vec![command(workspace, &[tests, more], variable, program)?]),
    )?;
    let [tests, variable] = JCO;
    steps.tests_with_tool(
        "under jco serve",
        "jco cannot be installed: it needs Node and npm",
        || need_jco(workspace),
        |program| Ok(vec![command(workspace, &[tests], variable, program)?]),
    )
}

/// The command of the tests. It names the whole workspace, so that nothing is built with other features.
fn command(
    workspace: &Workspace,
    tests: &[&str],
    variable: &str,
    program: PathBuf,
) -> anyhow::Result<Command> {
    let mut cargo = cargo_with_lints(workspace)?;
    cargo.args(["test", "--workspace", "--test", "other_hosts", "--"]).args(tests);
    cargo.env(variable, program);
    Ok(cargo)
}

/// The path of jco's program, which is installed into the target directory if it is missing.
fn need_jco(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.tools().join("jco");
    need_npm(&workspace.root().join("host/tests/jco"), &folder)?;
    Ok(folder.join("node_modules/@bytecodealliance/jco/dist/jco.js"))
}
