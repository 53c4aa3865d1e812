//! `cargo xtask mutants`: changes the core of the arena in each way that cargo-mutants knows, and runs its tests with each
//! change. A change that no test notices is an error, unless `.cargo/mutants.toml` says that it changes nothing.
//!
//! cargo-mutants leaves unsafe functions alone. Half of an allocator's are, so it works on a copy in which they are safe:
//! the bodies are the same. Only those of unsafe traits stay as they are, because their traits need it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::files::{put, read_text};
use crate::tools::need_mutants;
use crate::workspace::{Workspace, printed, succeed};

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many changes are tested at the same time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: u64,
    /// Only changes with a description that matches this, such as the name of a file or a function.
    #[arg(long, value_name = "REGEX")]
    only: Option<String>,
}

/// The folder with the functions that are made safe.
const SOURCES: &str = "guest/arena/src/";

/// Tests the changes.
///
/// # Errors
///
/// If a change is noticed by no test, or a tool cannot be installed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<()> {
    let program = need_mutants(workspace)?;
    let folder = workspace.mutants();
    let copy = folder.join("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot remove {}", copy.display()))?;
    }
    copy_sources(workspace, &copy)?;
    let mut mutants = Command::new(program);
    // It builds in copies of its own, not in a directory that they would share.
    mutants.current_dir(workspace.root()).env_remove("CARGO_TARGET_DIR").arg("mutants");
    mutants.arg("--dir").arg(&copy).arg("--output").arg(&folder);
    mutants.args(["--package", "phase-arena", "--jobs", &args.jobs.to_string()]);
    if let Some(only) = &args.only {
        mutants.args(["--re", only]);
    }
    succeed(&mut mutants)
}

/// Copies the files of the checkout, those that are not committed too.
fn copy_sources(workspace: &Workspace, copy: &Path) -> anyhow::Result<()> {
    let root = workspace.root();
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for name in printed(&mut git)?.lines().filter(|name| root.join(name).is_file()) {
        let to = copy.join(name);
        put(&root.join(name), &to)?;
        if name.starts_with(SOURCES) {
            let text = without_unsafe_functions(&read_text(&to)?);
            fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    Ok(())
}

fn without_unsafe_functions(source: &str) -> String {
    let mut is_in_trait = false;
    let lines = source.split_inclusive('\n').map(|line| {
        is_in_trait = line.starts_with("unsafe impl") || is_in_trait && !line.starts_with('}');
        if is_in_trait { line.to_owned() } else { line.replace("unsafe fn ", "fn ") }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_outside_of_traits_become_safe() {
        let source = |prefix: &str| {
            format!(
                "unsafe impl A for B {{\n    unsafe fn f() {{\n    }}\n}}\n\
                 pub(crate) {prefix}fn f() {{ unsafe {{ g() }} }}\n"
            )
        };
        assert_eq!(without_unsafe_functions(&source("unsafe ")), source(""));
    }
}
