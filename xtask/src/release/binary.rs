//! The server's binary as it is shipped: without its line tables, which are in a file beside it. A debugger and a
//! backtrace find them there by name and checksum.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::workspace::{printed, succeed};

/// The name of the file of tables, which the binary contains.
pub(super) const TABLES: &str = "arenaria.debug";

/// A function of the server, in the form of a mangled name.
const FUNCTION: &str = "8arenaria4main";

/// The reason why binaries cannot be separated on this machine, if any.
pub(super) fn lack_of_objcopy() -> Option<&'static str> {
    let works =
        Command::new("objcopy").arg("--version").output().is_ok_and(|it| it.status.success());
    (!works).then_some("objcopy (Debian: binutils) is missing")
}

/// Separates a binary from its tables in a folder: `arenaria` and `arenaria.debug`. The names of functions stay in the
/// binary, so that a backtrace without the tables has them.
///
/// # Errors
///
/// If objcopy is missing or fails, or the binary has no tables.
pub(super) fn split(binary: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    if let Some(reason) = lack_of_objcopy() {
        bail!("the line tables cannot be separated: {reason}; install it");
    }
    let stripped = folder.join("arenaria");
    let objcopy = |args: &[&str], from: &Path, to: &str| {
        let mut objcopy = Command::new("objcopy");
        succeed(objcopy.current_dir(folder).args(args).arg(from).arg(to))
    };
    objcopy(&["--only-keep-debug"], binary, TABLES)?;
    let link = format!("--add-gnu-debuglink={TABLES}");
    objcopy(&["--strip-debug", &link], binary, "arenaria")?;
    Ok(stripped)
}

/// Checks that the tables beside a binary are its own: a tool that is given the binary finds a line of the source.
///
/// # Errors
///
/// If it finds none.
pub(super) fn check_tables(binary: &Path) -> anyhow::Result<()> {
    let symbols = printed(Command::new("nm").arg(binary))?;
    let symbol = symbols.lines().find(|line| line.contains(FUNCTION));
    let address = symbol.and_then(|line| line.split_whitespace().next());
    let address = address.with_context(|| format!("expected a function {FUNCTION}, got none"))?;
    let mut addr2line = Command::new("addr2line");
    let line = printed(addr2line.arg("--exe").arg(binary).arg(address))?;
    let number = line.trim().split_once("src/main.rs:").map(|(_, number)| number);
    ensure!(
        number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit())),
        "expected a line of src/main.rs from the tables beside {}, got {}",
        binary.display(),
        line.trim()
    );
    Ok(())
}
