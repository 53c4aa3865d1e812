//! The `arenaria` binary: exit codes and the log. Everything else is in the library.

#![forbid(unsafe_code)]

use std::io::IsTerminal as _;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Bodies of all sizes are allocated and freed for as long as the server runs. ARCHITECTURE.md
/// describes how the allocator affects the resident memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap ends the process with code 2 if the arguments are invalid.
    let cli = arenaria::cli::parse();
    let filter =
        arenaria::cli::variable("ARENARIA_LOG").and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
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
