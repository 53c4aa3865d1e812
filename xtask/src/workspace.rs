//! The paths of the workspace and its output, and the commands of cargo.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, ensure};

/// The target that guests are built for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The target that the components for other hosts are built for. Its linker makes components.
pub(crate) const WASI: &str = "wasm32-wasip2";

/// The variable that tells the host's tests where the components are.
pub(crate) const COMPONENTS_VARIABLE: &str = "ARENARIA_COMPONENTS";

/// Variables that a shell may have set. They would override the guests' link arguments in
/// `.cargo/config.toml`, or move the output.
pub(crate) const OVERRIDES: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS",
    "RUSTFLAGS",
];

/// The workspace and its output.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// The output folder for this machine: `CARGO_TARGET_DIR`, or `target`.
    target: PathBuf,
}

impl Workspace {
    /// # Errors
    ///
    /// If the current directory cannot be read.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().expect("xtask is a folder of the workspace").to_owned();
        let current = std::env::current_dir().context("cannot read the current directory")?;
        let target = target_dir(&root, &current, std::env::var_os("CARGO_TARGET_DIR"));
        Ok(Self { root, target })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where guests are built. It is separate, so that builds of guests and host do not wait for each other.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Where components are put.
    pub(crate) fn components(&self) -> PathBuf {
        self.target.join("components")
    }

    /// The folder of arenaria's assets, which it finds relative to its binary
    /// (`host/src/component/assets.rs`).
    pub(crate) fn share(&self) -> PathBuf {
        self.target.join("share/arenaria")
    }

    /// One of the assets.
    pub(crate) fn asset(&self, name: &str) -> PathBuf {
        self.share().join(name)
    }

    /// Where tools that are not on `PATH` are installed.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where libjq's sources are downloaded.
    pub(crate) fn libjq(&self) -> PathBuf {
        self.target.join("libjq")
    }

    /// Where the comparison of jq engines is built, which is a workspace of its own.
    pub(crate) fn rivals(&self) -> PathBuf {
        self.target.join("rivals")
    }

    /// Where the components of the comparison of allocators are built.
    pub(crate) fn allocators(&self) -> PathBuf {
        self.target.join("allocators")
    }

    /// Where fuzz targets are built, and what fuzzing leaves behind.
    pub(crate) fn fuzz(&self) -> PathBuf {
        self.target.join("fuzz")
    }

    /// Where the arena is copied and changed, and the results of its tests with each change.
    pub(crate) fn mutants(&self) -> PathBuf {
        self.target.join("mutants")
    }

    /// Where the examples in other languages are copied.
    pub(crate) fn examples(&self) -> PathBuf {
        self.target.join("examples")
    }

    /// Where the site of the guide is built.
    pub(crate) fn guide(&self) -> PathBuf {
        self.target.join("guide")
    }

    /// What the commands of the guide compile and install, kept for the next run.
    pub(crate) fn guide_runs(&self) -> PathBuf {
        self.target.join("guide-runs")
    }

    /// What the measurements of starts compile.
    pub(crate) fn starts(&self) -> PathBuf {
        self.target.join("starts")
    }

    /// A program of the development profile.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.program("debug", name)
    }

    /// A program, in cargo's folder for its profile.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// Where components and the image are packed. Cargo uses `package` itself.
    pub(crate) fn packages(&self) -> PathBuf {
        self.target.join("artifacts")
    }

    /// Where packed assets are gathered.
    pub(crate) fn assets(&self) -> PathBuf {
        self.target.join("assets")
    }

    /// Where the packages for the registry are put, and the binary that was built of one.
    pub(crate) fn crates(&self) -> PathBuf {
        self.target.join("crates")
    }

    /// Where cargo unpacks a package to verify it.
    pub(crate) fn unpacked_package(&self, name: &str, version: &str) -> PathBuf {
        self.target.join("package").join(format!("{name}-{version}"))
    }

    /// Where a release is made.
    pub(crate) fn release(&self) -> PathBuf {
        self.target.join("release-files")
    }

    /// Where the parts of a release are prepared.
    pub(crate) fn release_parts(&self) -> PathBuf {
        self.target.join("release-parts")
    }

    /// A binary that was built with `--target`.
    pub(crate) fn built(&self, target: &str, profile: &str, name: &str) -> PathBuf {
        self.target.join(target).join(profile).join(name)
    }

    /// The component of a guest.
    pub(crate) fn component(&self, guest: &str) -> PathBuf {
        self.components().join(guest).with_extension("wasm")
    }

    /// Cargo, in the root of the workspace, for this machine.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env(COMPONENTS_VARIABLE, self.components());
        cargo
    }

    /// Cargo, in the root of the workspace, for everything that becomes a component. Without the variables
    /// that would override the link arguments in `.cargo/config.toml`.
    pub(crate) fn cargo_for_guests(&self) -> Command {
        let mut cargo = self.cargo();
        for name in OVERRIDES {
            cargo.env_remove(name);
        }
        cargo.env("CARGO_TARGET_DIR", self.guests());
        cargo
    }
}

fn target_dir(root: &Path, current: &Path, variable: Option<OsString>) -> PathBuf {
    match variable {
        Some(directory) if !directory.is_empty() => current.join(directory),
        _ => root.join("target"),
    }
}

/// Runs a command to its end.
///
/// # Errors
///
/// If it cannot be started or fails.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status: ExitStatus =
        command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    ensure!(status.success(), "{} failed: {status}", shown(command));
    Ok(())
}

/// Runs a command to its end and returns its output.
///
/// # Errors
///
/// If it cannot be started, fails, or prints invalid UTF-8.
pub(crate) fn printed(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    ensure!(output.status.success(), "{} failed: {}", shown(command), output.status);
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} did not print UTF-8", shown(command)))
}

/// Replaces this process with a command, so that the command gets Ctrl-C and its exit code is the one that
/// the shell sees.
///
/// # Errors
///
/// If it cannot be started.
pub(crate) fn become_command(command: &mut Command) -> anyhow::Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", shown(command)))
}

/// A command as a person would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_target(variable: Option<&str>, expected: &str) {
        let found = target_dir(Path::new("/w"), Path::new("/w/host"), variable.map(Into::into));
        assert_eq!(found, Path::new(expected));
    }

    #[test]
    fn the_target_directory_is_the_one_cargo_uses() {
        check_target(None, "/w/target");
        check_target(Some(""), "/w/target");
        check_target(Some("/cache/target"), "/cache/target");
        check_target(Some("out"), "/w/host/out");
    }

    #[test]
    fn guests_do_not_inherit_flags_that_would_replace_the_link_arguments() {
        let workspace = Workspace { root: "/w".into(), target: "/t".into() };
        let cargo = workspace.cargo_for_guests();
        let set = |name: &str| {
            let mut envs = cargo.get_envs();
            envs.find(|(key, _)| *key == name).map(|(_, value)| value.map(PathBuf::from))
        };
        assert_eq!(set("RUSTFLAGS"), Some(None));
        assert_eq!(set("CARGO_ENCODED_RUSTFLAGS"), Some(None));
        assert_eq!(set("CARGO_TARGET_DIR"), Some(Some("/t/guests".into())));
        assert_eq!(workspace.component("hello"), Path::new("/t/components/hello.wasm"));
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["build", "-p", "hello"]).env("A", "b");
        assert_eq!(shown(&command), "cargo build -p hello");
    }
}
