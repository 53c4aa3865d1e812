//! The practices of `load-tests/practices`: builds the program that measures them, and runs it with Node and Chromium.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::playground::browser;
use crate::registries::lack_of_node;
use crate::rivals::pinned;
use crate::steps::Steps;
use crate::workspace::{Workspace, become_command, succeed};

/// What a machine without Chromium is told.
const NO_BROWSER: &str = "Chromium is missing";

/// The options of `cargo xtask practices`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only see that every experiment gives the right answer in each engine, and that the page has the blocks and no
    /// measured number outside of them.
    #[arg(long)]
    check: bool,
    /// The program of Node [default: that on PATH].
    #[arg(long, value_name = "FILE")]
    node: Option<PathBuf>,
    /// The program of Chromium [default: that on PATH].
    #[arg(long, value_name = "FILE")]
    browser: Option<PathBuf>,
    /// How many turns each contestant has.
    #[arg(long, default_value_t = 21, value_name = "N")]
    rounds: usize,
}

/// Measures in all engines and writes docs/practices.md, or only checks.
///
/// # Errors
///
/// If Node or Chromium is missing, or something cannot be built or measured.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let node = match (&args.node, lack_of_node()) {
        (Some(node), _) => node.clone(),
        (None, None) => PathBuf::from("node"),
        (None, Some(lack)) => bail!("{lack}: install it, or name it with --node"),
    };
    let browser = args.browser.clone().or_else(browser);
    let browser =
        browser.with_context(|| format!("{NO_BROWSER}: install it, or name it with --browser"))?;
    let program = built(workspace, !args.check)?;
    // On one core, with the engines that it starts.
    let mut command = if args.check { Command::new(program) } else { pinned(program) };
    command.arg("--page").arg(page(workspace)).arg("--node").arg(node);
    command.arg("--browser").arg(browser);
    if args.check {
        return succeed(command.arg("check"));
    }
    command.arg("report").arg("--plot").arg(workspace.root().join("docs/practices-growing.svg"));
    become_command(command.args(["--rounds", &args.rounds.to_string()]))
}

/// The steps of `cargo xtask test --all`: the same check, in the engines that this machine has.
///
/// # Errors
///
/// If an answer is wrong, or the page does not fit.
pub(crate) fn check(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let (lack, browser) = (lack_of_node(), browser());
    steps.step("practices", || {
        let mut command = Command::new(built(workspace, false)?);
        command.arg("--page").arg(page(workspace));
        if lack.is_none() {
            command.args(["--node", "node"]);
        }
        if let Some(browser) = &browser {
            command.arg("--browser").arg(browser);
        }
        succeed(command.arg("check"))
    })?;
    if let Some(lack) = lack {
        steps.leave_out("practices in Node", lack);
    }
    if browser.is_none() {
        steps.leave_out("practices in a browser", NO_BROWSER);
    }
    Ok(())
}

fn page(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/practices.md")
}

fn built(workspace: &Workspace, release: bool) -> anyhow::Result<PathBuf> {
    let mut cargo = workspace.cargo();
    // With the features that the server needs, so that wasmtime is not compiled once more.
    cargo.args(["build", "-p", "practices", "-p", "arenaria", "--bin", "practices"]);
    if release {
        cargo.arg("--release");
    }
    succeed(&mut cargo)?;
    Ok(workspace.program(if release { "release" } else { "debug" }, "practices"))
}
