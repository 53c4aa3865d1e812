//! The comparison of allocators in `load-tests/allocators`: builds its components, and runs it.
//!
//! The components are a workspace of their own, so that no allocator that is only compared gets into the product's lock
//! file. Ours is linked as `.cargo/config.toml` says. The others get a memory that may grow, because they need one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use wit_component::ComponentEncoder;

use crate::files::{read, write_if_changed};
use crate::tools::need_target;
use crate::workspace::{WASM, Workspace, become_command, succeed};

/// Where the guest stands.
const GUEST: &str = "load-tests/allocators/guest";

/// The programs; features of the guest.
const PROGRAMS: [&str; 6] = ["hello", "probe", "jaq", "markdown", "templates", "engine"];

/// The target with a libc.
const WASI: &str = "wasm32-wasip2";

/// What every build has in common: the host's SIMD, and the shadow stack of the product.
const COMMON: [&str; 3] =
    ["-Ctarget-feature=+simd128", "-Clink-arg=--stack-first", "-Clink-arg=-zstack-size=524288"];

/// The memory of the product's kind, large enough for every document of the comparison.
const FIXED: [&str; 2] =
    ["-Clink-arg=--no-growable-memory", "-Clink-arg=--initial-memory=67108864"];

/// Another allocator than the SDK's.
const DETACHED: [&str; 1] = ["--cfg=phase_arena_detached"];

/// How an allocator's components are built.
struct Build {
    name: &'static str,
    /// The feature that chooses it, if there is one.
    feature: Option<&'static str>,
    target: &'static str,
    flags: &'static [&'static str],
}

const BUILDS: [Build; 8] = [
    Build { name: "arena", feature: None, target: WASM, flags: &FIXED },
    Build { name: "libc", feature: None, target: WASI, flags: &DETACHED },
    Build { name: "std", feature: Some("std"), target: WASM, flags: &DETACHED },
    Build { name: "talc", feature: Some("talc"), target: WASM, flags: &DETACHED },
    Build { name: "rlsf", feature: Some("rlsf"), target: WASM, flags: &DETACHED },
    Build { name: "lol_alloc", feature: Some("lol_alloc"), target: WASM, flags: &DETACHED },
    Build { name: "wee_alloc", feature: Some("wee_alloc"), target: WASM, flags: &DETACHED },
    Build { name: "bump", feature: Some("bump"), target: WASM, flags: &DETACHED },
];

/// The options of `cargo xtask allocators`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only see that all components give the same answers, those of this program.
    #[arg(long, value_name = "PROGRAM")]
    check: Option<String>,
    /// How many turns each component has.
    #[arg(long, default_value_t = 15, value_name = "N")]
    rounds: usize,
    /// How many requests the churn has.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    churn: u32,
}

/// Builds everything, measures, and writes docs/allocators.md; or only checks.
///
/// # Errors
///
/// If something cannot be built or measured, or two components give different answers.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let components = workspace.allocators().join("components");
    let release = args.check.is_none();
    let programs = match &args.check {
        Some(program) => vec![program.as_str()],
        None => PROGRAMS.to_vec(),
    };
    for build in BUILDS {
        need_target(workspace, build.target)?;
        for program in &programs {
            build_one(workspace, &components, &build, program)
                .with_context(|| format!("{program} with {}", build.name))?;
        }
    }
    let mut cargo = workspace.cargo();
    // Together with the server, so that wasmtime is not compiled once more with fewer features.
    cargo.args(["build", "-p", "allocators", "-p", "arenaria"]);
    if release {
        cargo.arg("--release");
    }
    succeed(&mut cargo)?;
    let profile = if release { "release" } else { "debug" };
    let mut command = Command::new(workspace.program(profile, "allocators"));
    command.arg("--components").arg(&components);
    if let Some(program) = &args.check {
        return succeed(command.args(["check", program]));
    }
    command.arg("report").arg("--page").arg(workspace.root().join("docs/allocators.md"));
    command.arg("--plots").arg(workspace.root().join("docs"));
    command.args(["--rounds", &args.rounds.to_string(), "--churn", &args.churn.to_string()]);
    become_command(&mut command)
}

/// The step of `cargo xtask test --all`: the lints of the guest, and the same answers of the program that does the most
/// with an allocator.
///
/// # Errors
///
/// If something is not formatted, has a lint, cannot be built or answers differently.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    succeed(guest(workspace, &BUILDS[0]).args(["fmt", "--check"]))?;
    let bump =
        BUILDS.iter().find(|build| build.feature == Some("bump")).expect("it is in the list");
    let mut clippy = guest(workspace, bump);
    clippy.args([
        "clippy",
        "--quiet",
        "--locked",
        "--target",
        bump.target,
        "--features",
        "probe,bump",
    ]);
    succeed(clippy.args(["--", "-D", "warnings"]))?;
    run(workspace, &Args { check: Some("probe".into()), rounds: 0, churn: 0 })
}

/// Cargo in the guest's own workspace, with the flags of a build.
fn guest(workspace: &Workspace, build: &Build) -> Command {
    let flags: Vec<&str> = COMMON.iter().chain(build.flags).copied().collect();
    let mut cargo = workspace.cargo_for_guests();
    cargo
        .current_dir(workspace.root().join(GUEST))
        .env("CARGO_TARGET_DIR", target(workspace, build));
    // Instead of the link arguments in .cargo/config.toml.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

/// A folder for each set of flags.
fn target(workspace: &Workspace, build: &Build) -> PathBuf {
    workspace.allocators().join(if build.feature.is_some() { "other" } else { build.name })
}

fn build_one(
    workspace: &Workspace,
    components: &Path,
    build: &Build,
    program: &str,
) -> anyhow::Result<()> {
    let features = build.feature.map_or(program.into(), |feature| format!("{program},{feature}"));
    let mut cargo = guest(workspace, build);
    cargo.args(["build", "--locked", "--quiet", "--profile", "guest", "--target", build.target]);
    succeed(cargo.args(["--features", &features]))?;
    let built = target(workspace, build).join(build.target).join("guest/allocators_guest.wasm");
    let component = if build.target == WASI { read(&built)? } else { encoded(&read(&built)?)? };
    let file = components.join(format!("{program}-{}.wasm", build.name));
    fs::create_dir_all(components).context("cannot make the folder of components")?;
    write_if_changed(&file, &component)
}

fn encoded(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(core)
        .and_then(|mut encoder| encoder.encode())
        .context("the core module cannot be encoded as a component")
}
