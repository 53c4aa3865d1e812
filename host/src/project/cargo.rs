//! Builds a project in Rust: runs cargo with what the contract needs, and encodes the module.

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Artifact, Message, Metadata as Workspace, MetadataCommand, Package};

use crate::component::encode::as_component;
use crate::component::refusal::Refusal;
use crate::project::build_error::BuildError;
use crate::project::listener::Listener;
use crate::project::metadata::Metadata;
use crate::project::mistakes::{self, Failure};
use crate::project::tool;

/// The target of a processor.
const PROCESSOR_TARGET: &str = "wasm32-unknown-unknown";

/// How a processor is linked: a memory of fixed size without `memory.grow`, and the stack below the data, so that an
/// overflow of it traps. The host sets the size. All hosts that we know have SIMD.
const PROCESSOR_FLAGS: &str = r#"target.wasm32-unknown-unknown.rustflags = [
    "-Ctarget-feature=+simd128",
    "-Clink-arg=--no-growable-memory",
    "-Clink-arg=--initial-memory=16777216",
    "-Clink-arg=--stack-first",
    "-Clink-arg=-zstack-size=524288",
]"#;

/// Variables that a shell may have set for native builds. They would replace the flags above.
const OVERRIDES: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
];

/// Builds the package in a folder: its name and its component. `arguments` are passed to `cargo build`.
///
/// # Errors
///
/// If it cannot be built.
pub(super) fn component(
    folder: &Path,
    arguments: &[String],
    listener: &mut Listener<'_>,
) -> Result<(String, Vec<u8>), BuildError> {
    let workspace = workspace(folder, listener)?;
    let package = package(folder, &workspace)?;
    let target = target(package)?;
    need_target(folder, target, listener)?;
    let file = compile(folder, &workspace, package, target, arguments, listener)?;
    let module = std::fs::read(&file)
        .map_err(|error| BuildError::new(format!("cannot read {}: {error}", file.display())))?;
    let component = as_component(module).map_err(|refusal| match &refusal {
        Refusal::CoreImports(imports) => mistakes::missing_functions(&workspace, package, imports),
        _ => BuildError::new(format!("the component is refused: {refusal}")),
    })?;
    let component = metadata(package).write_into(&component)?;
    Ok((package.name.to_string(), component))
}

/// The folders of all packages on this machine that cargo needs for this one: it, those that it names by a path, and
/// those of its workspace. None if cargo cannot read the project.
pub(super) fn source_folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(workspace) = metadata_command(folder).exec() else { return Vec::new() };
    let local = workspace.packages.iter().filter(|package| package.source.is_none());
    let folders = local.filter_map(|package| package.manifest_path.parent());
    folders.map(|folder| folder.as_std_path().to_owned()).collect()
}

fn metadata_command(folder: &Path) -> MetadataCommand {
    let mut cargo = MetadataCommand::new();
    cargo.current_dir(folder);
    if let Some(path) = std::env::var_os("CARGO") {
        cargo.cargo_path(path);
    }
    cargo
}

/// What cargo knows of the package and its dependencies.
fn workspace(folder: &Path, listener: &mut Listener<'_>) -> Result<Workspace, BuildError> {
    metadata_command(folder).exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            listener.say(stderr.trim_end());
            let sentence = "cargo cannot read the project; correct Cargo.toml";
            BuildError { sentence: sentence.to_owned(), output: stderr }
        }
        cargo_metadata::Error::Io(error) => BuildError::new(format!(
            "cannot start cargo: {error}; install Rust (https://rustup.rs), or add cargo to PATH"
        )),
        other => BuildError::new(format!("cannot read the project: {other}")),
    })
}

fn package<'a>(folder: &Path, workspace: &'a Workspace) -> Result<&'a Package, BuildError> {
    let manifest = folder.join("Cargo.toml").canonicalize().unwrap_or_default();
    let mut packages = workspace.workspace_packages().into_iter();
    packages.find(|package| package.manifest_path.as_std_path() == manifest).ok_or_else(|| {
        BuildError::new(format!(
            "expected a package in {}, got a workspace; name the folder of the package",
            folder.display()
        ))
    })
}

/// The target that `package.metadata.arenaria.target` names, or that of processors.
fn target(package: &Package) -> Result<&str, BuildError> {
    match package.metadata.get("arenaria").and_then(|ours| ours.get("target")) {
        None => Ok(PROCESSOR_TARGET),
        Some(target) => match target.as_str() {
            Some(target @ (PROCESSOR_TARGET | "wasm32-wasip2")) => Ok(target),
            _ => Err(BuildError::new(format!(
                "expected package.metadata.arenaria.target as \"{PROCESSOR_TARGET}\" or \"wasm32-wasip2\", got {target}; correct Cargo.toml"
            ))),
        },
    }
}

/// Installs the target's standard library if it is missing, through rustup.
fn need_target(folder: &Path, target: &str, listener: &mut Listener<'_>) -> Result<(), BuildError> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(folder).args(["--print", "target-libdir", "--target", target]);
    let printed = rustc.output().map_err(|error| {
        BuildError::new(format!(
            "cannot start rustc: {error}; install Rust (https://rustup.rs), or add rustc to PATH"
        ))
    })?;
    let library = PathBuf::from(String::from_utf8_lossy(&printed.stdout).trim());
    if printed.status.success() && library.is_dir() {
        return Ok(());
    }
    listener.say(&format!("installing the target {target}: rustup target add {target}"));
    let mut rustup = Command::new("rustup");
    rustup.current_dir(folder).args(["target", "add", target]);
    let ended = tool::run(&mut rustup, listener, |line, listener| listener.say(line))?;
    if ended.is_ok {
        return Ok(());
    }
    let sentence =
        format!("cannot install the target {target}; install it with rustup target add {target}");
    Err(BuildError { sentence, output: ended.stderr })
}

/// Runs `cargo build`: the file of the module.
fn compile(
    folder: &Path,
    workspace: &Workspace,
    package: &Package,
    target: &str,
    arguments: &[String],
    listener: &mut Listener<'_>,
) -> Result<PathBuf, BuildError> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in OVERRIDES {
        cargo.env_remove(name);
    }
    let format = if listener.has_colours() { "json-diagnostic-rendered-ansi" } else { "json" };
    if listener.has_colours() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo.current_dir(folder).args(["build", "--release", "--target", target]);
    cargo.args(["--package", &package.id.repr, "--message-format", format]);
    cargo.args(["--config", PROCESSOR_FLAGS]).args(arguments);

    let (mut failures, mut artifacts, mut compiled) =
        (Vec::new(), Vec::<Artifact>::new(), String::new());
    let ended = tool::run(&mut cargo, listener, |line, listener| {
        let Ok(message) = serde_json::from_str(line) else { return };
        match message {
            Message::CompilerMessage(message) => {
                let rendered = message.message.rendered.as_deref().unwrap_or_default().trim_end();
                listener.say(rendered);
                compiled += &anstream::adapter::strip_str(rendered).to_string();
                compiled += "\n\n";
                failures.extend(Failure::of(&message));
            }
            Message::CompilerArtifact(artifact) => artifacts.push(artifact),
            _ => {}
        }
    })?;
    if !ended.is_ok {
        let output = compiled + &ended.stderr;
        let sentence = mistakes::not_compiled(workspace, package, target, &failures, &ended.stderr);
        return Err(BuildError { sentence, output });
    }
    let modules = artifacts.iter().filter(|artifact| artifact.package_id == package.id);
    let mut modules = modules.flat_map(|artifact| &artifact.filenames);
    let module = modules.find(|file| file.extension() == Some("wasm")).ok_or_else(|| {
        BuildError::new(
            "expected a package that makes a .wasm file, got one without; add crate-type = [\"cdylib\"] to [lib] in Cargo.toml",
        )
    })?;
    Ok(module.clone().into_std_path_buf())
}

fn metadata(package: &Package) -> Metadata {
    Metadata {
        name: package.name.to_string(),
        version: Some(package.version.to_string()),
        description: package.description.clone(),
        license: package.license.clone(),
        repository: package.repository.clone(),
        authors: package.authors.clone(),
    }
}
