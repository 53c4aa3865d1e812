//! The `arenaria` binary: exit codes and the log. Everything else is the library's.

#![forbid(unsafe_code)]

use std::io::IsTerminal as _;
use std::process::ExitCode;

use arenaria::cli::args::Cli;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

/// Bodies of all sizes come and go for ever. ARCHITECTURE.md says what the choice does to the resident
/// memory of a long run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap ends the process with code 2 for what cannot be understood.
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("ARENARIA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match arenaria::cli::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            arenaria::cli::report(&error);
            ExitCode::FAILURE
        }
    }
}
