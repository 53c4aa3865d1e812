//! The comparison of jq engines in `load-tests/rivals`, a workspace of its own, and the sources of libjq that it needs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::guests::build_all;
use crate::registries::{lack_of_python, need_sdist};
use crate::tools::output;
use crate::workspace::{Workspace, become_command, succeed};

/// Where it stands.
const FOLDER: &str = "load-tests/rivals";

/// A build with libjq and our engine only, which does not compile wasmtime once more.
const TWO_ENGINES: [&str; 2] = ["--profile=answers", "--no-default-features"];

/// How many random programs the step of `cargo xtask test --all` compares, and the first one's seed.
const DIFFER: [&str; 5] = ["differ", "--seed", "1", "--count", "20000"];

/// The folder with libjq's sources, which are downloaded if they are missing.
///
/// # Errors
///
/// If they cannot be had.
pub(crate) fn need_libjq(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    if let Some(lack) = lack_of_python() {
        bail!("{lack}: it downloads the sources of libjq");
    }
    let folder = workspace.libjq();
    need_sdist(&workspace.root().join(FOLDER).join("libjq.txt"), &folder)?;
    Ok(folder)
}

/// Builds everything and runs the comparison, on one core if that is possible.
///
/// # Errors
///
/// If something cannot be built, or the comparison cannot be started.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    build_all(workspace)?;
    succeed(cargo(workspace, "build")?.arg("--release"))?;
    let mut command = pinned(workspace.rivals().join("release/rivals"));
    command.env("ARENARIA_COMPONENTS", workspace.components());
    become_command(command.args(args))
}

/// Checks that our engine gives libjq's answers: to the programs of the comparison, to random ones, and as to what
/// builtins there are.
///
/// # Errors
///
/// If an answer differs, or something cannot be built.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    succeed(cargo(workspace, "fmt")?.arg("--check"))?;
    let lints = ["--all-targets", "--", "-D", "warnings"];
    succeed(cargo(workspace, "clippy")?.args(TWO_ENGINES).args(lints))?;
    let program = need_program(workspace)?;
    succeed(Command::new(&program).arg("check"))?;
    succeed(Command::new(&program).arg("builtins"))?;
    succeed(Command::new(&program).args(DIFFER))
}

/// Builds the program that knows what jq prints, and gives its path.
///
/// # Errors
///
/// If it cannot be built.
pub(crate) fn need_program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    succeed(cargo(workspace, "build")?.args(TWO_ENGINES))?;
    Ok(workspace.rivals().join("answers/rivals"))
}

/// Cargo in the comparison's own workspace.
fn cargo(workspace: &Workspace, command: &str) -> anyhow::Result<Command> {
    let mut cargo = workspace.cargo();
    cargo.arg(command).current_dir(workspace.root().join(FOLDER));
    if command != "fmt" {
        cargo.arg("--locked");
    }
    cargo.env("CARGO_TARGET_DIR", workspace.rivals()).env("LIBJQ_DIR", need_libjq(workspace)?);
    Ok(cargo)
}

/// A program on the last core that this process may use, or on any without `taskset`.
pub(crate) fn pinned(program: PathBuf) -> Command {
    let this = std::process::id().to_string();
    let Ok(list) = output(Command::new("taskset").args(["-c", "-p", &this])) else {
        return Command::new(program);
    };
    let core = list.trim().rsplit([' ', ',', '-']).next().unwrap_or("0").to_owned();
    let mut taskset = Command::new("taskset");
    taskset.args(["-c", &core]).arg(program);
    taskset
}
