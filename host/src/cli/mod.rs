//! The commands: `serve`, `inspect`, `call`, `bridge`. The only place that prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands talk to a person")]

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

/// Runs what was typed and gives the exit code.
///
/// # Errors
///
/// A sentence for the person who typed it.
pub fn run(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Serve(args) => serve(&args),
        Command::Inspect(args) => inspect(&args),
        Command::Call(args) => call(&args),
        Command::Bridge(args) => bridge(&args),
    }
}

/// Says why nothing was done.
pub fn report(error: &anyhow::Error) {
    eprintln!("arenaria: {error:#}");
}
