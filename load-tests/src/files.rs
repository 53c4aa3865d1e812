//! Where things are: the binaries and components to measure, and the folder for logs and scripts.
//! Everything is derived from one target directory unless it is named.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The paths that every measuring program takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Paths {
    /// Cargo's target directory [default: the one this program was built in]
    #[arg(long, global = true, value_name = "DIR", env = "CARGO_TARGET_DIR")]
    target: Option<PathBuf>,
    /// The server's binary [default: TARGET/release/arenaria]
    #[arg(long, global = true, value_name = "FILE")]
    arenaria: Option<PathBuf>,
    /// The folder of the components [default: TARGET/components]
    #[arg(long, global = true, value_name = "DIR")]
    components: Option<PathBuf>,
}

impl Paths {
    /// The server's binary.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    pub fn arenaria(&self) -> Result<PathBuf> {
        let path = self
            .arenaria
            .clone()
            .map_or_else(|| Ok(self.target()?.join("release/arenaria")), anyhow::Ok)?;
        existing(
            path,
            "build it with `cargo build --release -p arenaria`, or name it with --arenaria",
        )
    }

    /// The component `name`.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    pub fn component(&self, name: &str) -> Result<PathBuf> {
        let folder = self
            .components
            .clone()
            .map_or_else(|| Ok(self.target()?.join("components")), anyhow::Ok)?;
        existing(
            folder.join(name).with_extension("wasm"),
            "build it with `cargo xtask guests`, or `peers`; or name the folder with --components",
        )
    }

    /// The tool `name`: the one that `cargo xtask benchmark-peers` has installed, or the one on `PATH`; `None` if
    /// there is neither.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        let own = self.target().ok().map(|target| target.join("tools/bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = own.into_iter().chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| program.is_file())
    }

    /// The folder for logs, documents and wrk's script; created if it is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn workspace(&self) -> Result<PathBuf> {
        let folder = self.target()?.join("load-tests");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    fn target(&self) -> Result<PathBuf> {
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        // TARGET/PROFILE/PROGRAM
        let program = own_path()?;
        match program.ancestors().nth(2) {
            Some(target) => Ok(target.to_owned()),
            None => {
                bail!("{} is not in a target directory: name one with --target", program.display())
            }
        }
    }
}

/// The program `name` that was built together with this one.
///
/// # Errors
///
/// If it does not exist.
pub fn sibling(name: &str) -> Result<PathBuf> {
    existing(
        own_path()?.with_file_name(name),
        "build it with `cargo build --release -p load-tests`",
    )
}

fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find the path of this program")
}

fn existing(path: PathBuf, remedy: &str) -> Result<PathBuf> {
    if !path.is_file() {
        bail!("{} does not exist: {remedy}", path.display());
    }
    Ok(path)
}

/// The last `count` lines of the log at `path`; what cannot be read is said instead.
#[must_use]
pub fn tail(path: &Path, count: usize) -> String {
    match std::fs::read(path) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), count),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_the_text() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }

    #[test]
    fn a_missing_file_is_named_with_its_remedy() {
        let error =
            existing("/nowhere/arenaria".into(), "build it").expect_err("the file does not exist");
        assert_eq!(error.to_string(), "/nowhere/arenaria does not exist: build it");
    }
}
