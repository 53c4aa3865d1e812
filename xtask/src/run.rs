//! Commands that build and then start a program in the foreground: the server, the load tests.

use crate::benchmark_peers;
use crate::bridges;
use crate::guests::build_all;
use crate::playground;
use crate::tools::cargo_with_lints;
use crate::workspace::{Workspace, become_command, succeed};

/// The default address of `serve`.
const LISTEN: &str = "127.0.0.1:8080";

/// Serves the transform component, in the foreground.
///
/// # Errors
///
/// If something cannot be built, or the server fails.
pub(crate) fn serve(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    build_all(workspace)?;
    if names_option(args, "--playground") {
        playground::build(workspace)?;
    }
    let mut cargo = workspace.cargo();
    // Not those that `cargo xtask assets` may have packed before.
    cargo.env("ARENARIA_ASSETS", workspace.share());
    cargo.args(["run", "--release", "-p", "arenaria", "--", "serve"]);
    cargo.arg(workspace.component("transform")).args(["--set", "ad-hoc=true"]);
    if !names_option(args, "--listen") {
        cargo.args(["--listen", LISTEN]);
        println!("serving on the loopback interface only, {LISTEN}");
    }
    println!(
        "programs in requests are allowed (ad-hoc=true): everyone who can reach this address may run jq"
    );
    become_command(cargo.args(args))
}

/// Runs a load test against the release build, in the foreground.
///
/// # Errors
///
/// If something cannot be built, or the load tests cannot be started.
pub(crate) fn load(workspace: &Workspace, args: &[String]) -> anyhow::Result<()> {
    build_all(workspace)?;
    bridges::build_all(workspace)?;
    benchmark_peers::build_all(workspace)?;
    // One at a time: packages built together would share features.
    for package in ["arenaria", "load-tests"] {
        succeed(workspace.cargo().args(["build", "--release", "-p", package]))?;
    }
    let load = ["run", "--release", "--quiet", "-p", "load-tests", "--bin", "load", "--"];
    become_command(workspace.cargo().args(load).args(args))
}

/// Runs the tests with mutated components and configurations, more of them than usual.
///
/// # Errors
///
/// If something cannot be built, or a test fails.
pub(crate) fn mutations(workspace: &Workspace, count: u64, seed: u64) -> anyhow::Result<()> {
    build_all(workspace)?;
    let mut test = cargo_with_lints(workspace)?;
    test.env("ARENARIA_MUTATIONS", count.to_string());
    test.env("ARENARIA_MUTATIONS_SEED", seed.to_string());
    // All of the workspace, as other tests are built, so that nothing is compiled again.
    succeed(test.args(["test", "--workspace", "--test", "it", "--", "mutations::"]))
}

/// Runs a test with another number of what it repeats, which it reads from a variable.
///
/// # Errors
///
/// If something cannot be built, or the test fails.
pub(crate) fn repeated(
    workspace: &Workspace,
    test_name: &str,
    variable: &str,
    count: u64,
) -> anyhow::Result<()> {
    build_all(workspace)?;
    let mut test = cargo_with_lints(workspace)?;
    test.env(variable, count.to_string());
    succeed(test.args(["test", "--workspace", "--test", "it", "--", test_name]))
}

fn names_option(args: &[String], option: &str) -> bool {
    args.iter().any(|arg| {
        arg.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: bool) {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        assert_eq!(names_option(&args, "--listen"), expected);
    }

    #[test]
    fn an_address_that_is_given_is_not_given_twice() {
        check(&[], false);
        check(&["--listen", "127.0.0.1:0"], true);
        check(&["--workers", "1", "--listen=127.0.0.1:0"], true);
        check(&["--operator-listen", "off"], false);
        check(&["--listener=x"], false);
    }
}
