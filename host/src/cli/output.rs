//! What the commands print. A full disk or a reader that left is an error, never a panic.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context as _, Error, Result};

/// Prints a result: a line on standard output.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn line(text: impl fmt::Display) -> Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints a result as it is.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// Prints what is not the result: a line on standard error. If nobody can read it, nothing is lost.
pub(super) fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether a command ended because its reader has read enough, such as `head`.
pub(super) fn has_no_reader(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
