//! All checks of the project in one row, the cheap ones first. What a check needs is set up by its
//! own step.

use std::process::Command;

use crate::bridges;
use crate::deploy;
use crate::examples;
use crate::foreign;
use crate::guests::{GUEST_LIBRARIES, GUESTS, PROFILE, build_all};
use crate::others;
use crate::package;
use crate::peers;
use crate::playground;
use crate::steps::Steps;
use crate::tools::{need_deny, need_miri};
use crate::wit;
use crate::workspace::{WASI, WASM, Workspace, succeed};

/// How much is checked and said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Without packages, Miri and licences.
    pub(crate) quick: bool,
    /// Cargo reports errors alone.
    pub(crate) quiet: bool,
}

/// The targets for Miri: one with 64-bit addresses, and one with 32, as in the sandbox.
const MIRI_TARGETS: [(&str, &str); 2] =
    [("miri, 64 bits", "x86_64-unknown-linux-gnu"), ("miri, 32 bits", "i686-unknown-linux-gnu")];

/// What Miri looks for beyond its defaults: addresses made out of thin air, and luck with
/// alignment.
const MIRI_FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check";

/// Runs the checks.
///
/// # Errors
///
/// The first check that fails, with its name.
pub(crate) fn run(workspace: &Workspace, extent: Extent) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    lints(workspace, extent, &mut steps)?;
    tests(workspace, extent, &mut steps)?;
    playground::test(workspace, &mut steps)?;
    if extent.quick {
        for name in examples::STEPS.into_iter().chain(MIRI_TARGETS.map(|(name, _)| name)) {
            steps.leave_out(name, "--quick");
        }
        steps.leave_out("under wasmtime serve", "--quick");
        steps.leave_out("under jco serve", "--quick");
        steps.leave_out("packages", "--quick");
        steps.leave_out("licences and sources", "--quick");
        steps.leave_out("foreign components", "--quick");
    } else {
        others::add_steps(workspace, &mut steps)?;
        examples::check(workspace, &mut steps)?;
        foreign(workspace, extent, &mut steps)?;
        packages(workspace, &mut steps)?;
        licences(workspace, &mut steps)?;
        miri(workspace, extent, &mut steps)?;
    }
    steps.summarise();
    Ok(())
}

fn lints(workspace: &Workspace, extent: Extent, steps: &mut Steps) -> anyhow::Result<()> {
    steps.command("format", workspace.cargo().args(["fmt", "--all", "--check"]))?;
    steps.step("guests", || build_all(workspace))?;
    steps.step("bridges", || bridges::build_all(workspace))?;
    steps.step("components for other hosts", || peers::build_all(workspace))?;

    let mut clippy = workspace.cargo();
    clippy.arg("clippy").args(extent.quiet()).args(["--workspace", "--all-targets"]);
    steps.command("lints", clippy.args(["--", "-D", "warnings"]))?;
    // The tests that are not run by themselves.
    let mut clippy = workspace.cargo();
    clippy.arg("clippy").args(extent.quiet()).arg("--workspace");
    clippy.args(["--test", "foreign", "--test", "others"]);
    steps.command("lints of tests apart", clippy.args(["--", "-D", "warnings"]))?;

    let mut clippy = workspace.cargo_for_guests();
    clippy.arg("clippy").args(extent.quiet()).args(["--profile", PROFILE, "--target", WASM]);
    for package in GUEST_LIBRARIES.iter().chain(&GUESTS).chain(&bridges::BRIDGE_PACKAGES) {
        clippy.args(["-p", package]);
    }
    steps.command("lints of the guests", clippy.args(["--", "-D", "warnings"]))?;

    let mut clippy = workspace.cargo_for_guests();
    clippy.arg("clippy").args(extent.quiet()).args(["--profile", PROFILE, "--target", WASI]);
    for package in peers::PEERS.iter().chain(&foreign::PACKAGES) {
        clippy.args(["-p", package]);
    }
    steps.command("lints for other hosts", clippy.args(["--", "-D", "warnings"]))?;

    let mut doc = workspace.cargo();
    doc.arg("doc").args(extent.quiet()).args(["--workspace", "--no-deps"]);
    steps.command("documentation", doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn tests(workspace: &Workspace, extent: Extent, steps: &mut Steps) -> anyhow::Result<()> {
    // All targets but the documentation's examples, of which cargo runs either these or those.
    let targets = ["--workspace", "--lib", "--bins", "--tests", "--examples"];
    let mut build = workspace.cargo();
    steps.command("build", build.args(["test", "--no-run"]).args(extent.quiet()).args(targets))?;
    let test = |more: &[&str]| {
        let mut test = workspace.cargo();
        test.args(["test", "--no-fail-fast"]).args(extent.quiet()).args(more);
        test
    };
    steps.tests("tests", &mut test(&targets))?;
    steps.tests("examples in documentation", &mut test(&["--workspace", "--doc"]))
}

/// The host with components in other languages and worlds. Of those that this machine cannot make,
/// the tests are left out.
fn foreign(workspace: &Workspace, extent: Extent, steps: &mut Steps) -> anyhow::Result<()> {
    let mut languages = Vec::new();
    let mut test = workspace.cargo();
    // As the other tests are built, and their target is named: it is not part of `--tests`.
    test.args(["test", "--no-fail-fast", "--workspace", "--test", "foreign"]).args(extent.quiet());
    test.arg("--");
    for language in foreign::Language::ALL {
        match language.lack() {
            None => languages.push(language),
            Some(reason) => {
                test.args(["--skip", language.name()]);
                steps.leave_out(language.name(), reason);
            }
        }
    }
    steps.step("foreign components", || foreign::build_all(workspace, &languages))?;
    steps.tests("tests of foreign components", &mut test)
}

/// What is handed on, made with the binary that the tests have built.
fn packages(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("packages of WIT", || wit::build_all(workspace))?;
    let packages = package::step(workspace, steps)?;
    deploy::steps(workspace, &packages, steps)
}

fn licences(workspace: &Workspace, steps: &mut Steps) -> anyhow::Result<()> {
    steps.step("licences and sources", || {
        let mut deny = Command::new(need_deny(workspace)?);
        deny.current_dir(workspace.root()).args(["check", "bans", "licenses", "sources"]);
        succeed(&mut deny)
    })
}

fn miri(workspace: &Workspace, extent: Extent, steps: &mut Steps) -> anyhow::Result<()> {
    if !need_miri()? {
        for (name, _) in MIRI_TARGETS {
            steps.leave_out(name, "there is no nightly toolchain");
        }
        return Ok(());
    }
    for (name, target) in MIRI_TARGETS {
        let mut miri = Command::new("rustup");
        // This process was started by a cargo that has told it which toolchain it is.
        for inherited in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
            miri.env_remove(inherited);
        }
        miri.current_dir(workspace.root())
            .args(["run", "nightly", "cargo", "miri", "test", "-p", "phase-arena"])
            .args(["--lib", "--tests", "--target", target])
            .args(extent.quiet())
            // In the checkout, whatever cache the rest uses: Miri's tests remember the folder that
            // they were built in and run there, so another checkout's cannot be used.
            .env("CARGO_TARGET_DIR", workspace.root().join("target").join("miri"))
            .env("MIRIFLAGS", MIRI_FLAGS);
        steps.tests(name, &mut miri)?;
    }
    Ok(())
}

impl Extent {
    fn quiet(self) -> Option<&'static str> {
        self.quiet.then_some("--quiet")
    }
}
