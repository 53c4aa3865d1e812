//! All checks of the project, the cheap ones first. Each step sets up what it needs.
//!
//! Lints are part of the build: clippy compiles the code that the tests then run. Only components and the
//! documentation need a second pass over their dependencies. Components do because code from clippy is not
//! optimised like the code that is shipped.

use std::process::Command;

use crate::allocators;
use crate::benchmark_peers;
use crate::bridges;
use crate::conformance;
use crate::crates;
use crate::deploy;
use crate::examples;
use crate::guests::{GUEST_LIBRARIES, GUESTS, PROFILE, WITH_LIBC, build_all};
use crate::guide;
use crate::live_page;
use crate::other_hosts;
use crate::package;
use crate::playground;
use crate::practices;
use crate::release;
use crate::rivals;
use crate::steps::Steps;
use crate::test_components;
use crate::tidy;
use crate::tools::{cargo_with_lints, find_nightly, need_deny, need_miri, nightly};
use crate::workspace::{WASI, WASM, Workspace, succeed};

/// All targets except the examples in documentation: cargo runs these in a command of their own.
const TARGETS: [&str; 5] = ["--workspace", "--lib", "--bins", "--tests", "--examples"];

/// The programs for this machine.
const PROGRAMS: [&str; 7] = ["arenaria", "bare", "bench", "library", "load", "plain", "xtask"];

/// The targets for Miri: one with 64-bit addresses, and one with 32-bit addresses, as in WebAssembly.
const MIRI_TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "i686-unknown-linux-gnu"];

/// What Miri checks beyond its defaults: pointers made from integers, and code that is aligned only by
/// chance.
const MIRI_FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check";

/// Runs the checks of a change, or all checks, or only the named steps of all.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn run(workspace: &Workspace, all: bool, only: Vec<String>) -> anyhow::Result<()> {
    let all = all || !only.is_empty();
    Steps::run(only, |steps| {
        builds(workspace, steps)?;
        tests(workspace, steps)?;
        guide::steps(workspace, all, steps)?;
        if all {
            documentation(workspace, steps)?;
            steps.step("rivals", || rivals::check(workspace))?;
            steps.step("allocators", || allocators::check(workspace))?;
            practices::check(workspace, steps)?;
            steps.step("conformance", || conformance::check(workspace))?;
            playground::test(workspace, steps)?;
            live_page::test(workspace, steps)?;
            other_hosts::add_steps(workspace, steps)?;
            examples::check(workspace, steps)?;
            with_test_components(workspace, steps)?;
            templates(workspace, steps)?;
            packages(workspace, steps)?;
            licences(workspace, steps)?;
            miri(workspace, steps)?;
        }
        Ok(())
    })
}

fn builds(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    steps.command("format", workspace.cargo().args(["fmt", "--all", "--check"]))?;
    steps.step("tidy", || tidy::run(workspace, false))?;
    steps.step("guests", || build_all(workspace))?;
    steps.step("bridges", || bridges::build_all(workspace))?;
    steps.step("benchmark peers", || benchmark_peers::build_all(workspace))?;
    steps.step("lints of the guests", || {
        let packages = GUEST_LIBRARIES.iter().chain(&GUESTS).chain(&bridges::BRIDGE_PACKAGES);
        let packages = packages.chain([&examples::PLAIN_MODULE]);
        lint_components(workspace, WASM, packages)?;
        lint_components(workspace, WASI, GUEST_LIBRARIES.iter().chain([&WITH_LIBC]))
    })?;
    steps.step("build and lints", || {
        succeed(cargo_with_lints(workspace)?.args(["test", "--no-run"]).args(TARGETS))?;
        // The tests that `cargo test` does not run by itself.
        let apart = ["test_components", "other_hosts", "templates"].map(|name| ["--test", name]);
        let apart = [&["--workspace"], &apart.concat()[..]].concat();
        succeed(cargo_with_lints(workspace)?.args(["test", "--no-run"]).args(&apart))?;
        // The programs without their tests, so that code that only tests use is reported as dead. Built
        // together with a test, so that the dependencies have the same features.
        let programs = PROGRAMS.map(|name| format!("--bin={name}"));
        succeed(cargo_with_lints(workspace)?.arg("build").args(apart).args(programs))
    })
}

fn tests(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let mut test = cargo_with_lints(workspace)?;
    steps.tests("tests", test.args(["test", "--no-fail-fast"]).args(TARGETS))?;
    let mut test = cargo_with_lints(workspace)?;
    test.args(["test", "--no-fail-fast", "--workspace", "--doc"]);
    steps.tests("examples in documentation", &mut test)
}

fn documentation(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps"]);
    steps.command("documentation", doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Lints the packages that become components.
fn lint_components<'a>(
    workspace: &Workspace,
    target: &str,
    packages: impl Iterator<Item = &'a &'static str>,
) -> anyhow::Result<()> {
    let mut clippy = workspace.cargo_for_guests();
    clippy.args(["clippy", "--profile", PROFILE, "--target", target]);
    for package in packages {
        clippy.args(["-p", package]);
    }
    succeed(clippy.args(["--", "-D", "warnings"]))
}

/// Tests the host with components in several languages. The tests of languages that this machine has no
/// tools for are left out.
fn with_test_components(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("lints of test components and peers", || {
        lint_components(
            workspace,
            WASI,
            benchmark_peers::PEERS.iter().chain(&test_components::PACKAGES),
        )
    })?;
    let mut languages = Vec::new();
    let mut test = cargo_with_lints(workspace)?;
    // Built like the other tests, but named: the target is not part of `--tests`.
    test.args(["test", "--no-fail-fast", "--workspace", "--test", "test_components", "--"]);
    for language in test_components::Language::ALL {
        match language.lack() {
            None => languages.push(language),
            Some(reason) => {
                test.args(["--skip", language.name()]);
                steps.leave_out(language.name(), reason);
            }
        }
    }
    steps.step("test components", || test_components::build_all(workspace, &languages))?;
    steps.tests("tests with test components", &mut test)
}

/// Tests the templates of projects. Those of languages that this machine has no tools for are left out.
fn templates(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let mut test = cargo_with_lints(workspace)?;
    test.args(["test", "--no-fail-fast", "--workspace", "--test", "templates", "--"]);
    for language in test_components::Language::ALL {
        if language.lack().is_some() {
            test.args(["--skip", language.name()]);
        }
    }
    steps.tests("tests of templates", &mut test)
}

/// Makes the packages, with the binary that the tests have built.
fn packages(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let packages = package::step(workspace, steps)?;
    deploy::steps(workspace, packages.as_ref(), steps)?;
    let crates = crates::step(workspace, steps)?;
    release::step(workspace, packages.as_ref(), crates.as_deref(), steps)
}

fn licences(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("licences and sources", || {
        let mut deny = Command::new(need_deny(workspace)?);
        deny.current_dir(workspace.root()).args(["check", "bans", "licenses", "sources"]);
        succeed(&mut deny)
    })
}

fn miri(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    let lack = "a nightly toolchain is missing";
    steps.tests_with_tool("miri", lack, find_nightly, |()| {
        need_miri()?;
        // Miri runs on one core.
        Ok(MIRI_TARGETS.map(|target| miri_command(workspace, target)).into())
    })
}

fn miri_command(workspace: &Workspace, target: &str) -> Command {
    let mut miri = nightly(workspace);
    miri.args(["cargo", "miri", "test", "-p", "phase-arena", "-p", "arenaria-jq"])
        .args(["--lib", "--tests", "--target", target])
        // Always in the checkout: Miri's tests contain the path that they were built in and run there,
        // so a cache that several checkouts share cannot be used.
        .env("CARGO_TARGET_DIR", workspace.root().join("target").join("miri"))
        .env("MIRIFLAGS", MIRI_FLAGS);
    miri
}
