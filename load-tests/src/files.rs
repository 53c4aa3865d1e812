//! Where things are: the binaries and components to measure, and the folder for logs and scripts.
//! Everything is derived from one target directory unless it is named.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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
        let path = match &self.arenaria {
            Some(path) => path.clone(),
            None => self.target()?.join("release/arenaria"),
        };
        existing(path, "build it with `cargo build --release`, or name it with --arenaria")
    }

    /// The component `name`.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    pub fn component(&self, name: &str) -> Result<PathBuf> {
        let folder = match &self.components {
            Some(folder) => folder.clone(),
            None => self.target()?.join("components"),
        };
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
        let target = own_path()?.ancestors().nth(2).map(Path::to_owned);
        target.context("this program is not in a target directory: name one with --target")
    }
}

/// The program `name` that was built together with this one.
pub(crate) fn sibling(name: &str) -> Result<PathBuf> {
    let path = own_path()?.with_file_name(name);
    existing(path, "build it with `cargo build --release -p load-tests`")
}

fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find the path of this program")
}

fn existing(path: PathBuf, remedy: &str) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} does not exist: {remedy}", path.display());
    Ok(path)
}

/// The last `count` lines of the log at `path`; what cannot be read is said instead.
pub(crate) fn tail(path: &Path, count: usize) -> String {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("({} cannot be read: {error})", path.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_the_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let check = |text: &str, expected: &str| {
            std::fs::write(&file, text).unwrap();
            assert_eq!(tail(file.path(), 2), expected);
        };
        check("a\nb\nc\n", "b\nc");
        check("a\n", "a");
        check("", "");
    }

    #[test]
    fn a_missing_file_is_named_with_its_remedy() {
        let error =
            existing("/nowhere/arenaria".into(), "build it").expect_err("the file does not exist");
        assert_eq!(error.to_string(), "/nowhere/arenaria does not exist: build it");
    }
}
