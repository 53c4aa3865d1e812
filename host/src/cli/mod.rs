//! The commands: `serve`, `inspect`, `call`, `bridge`. Only this folder prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands print their results")]

pub mod args;
mod bridge;
mod call;
mod inspect;
mod serve;
mod variables;

use anyhow::Result;

pub use bridge::bridge;
pub use call::call;
pub use inspect::inspect;
pub use serve::serve;
pub use variables::{parse, variable};

use crate::cli::args::{Cli, Command};

/// Runs the command and returns the exit code.
///
/// # Errors
///
/// If the command fails. The message is for the user.
pub fn run(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Serve(args) => serve(&args),
        Command::Inspect(args) => inspect(&args),
        Command::Call(args) => call(&args),
        Command::Bridge(args) => bridge(&args),
    }
}

/// Prints the error.
pub fn report(error: &anyhow::Error) {
    eprintln!("arenaria: {error:#}");
}
