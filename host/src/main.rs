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
    let named = arenaria::cli::variable("ARENARIA_LOG");
    let (filter, invalid) = match named.map(EnvFilter::try_new).transpose() {
        Ok(filter) => (filter.unwrap_or_else(|| EnvFilter::new("info")), None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    if let Some(error) = invalid {
        tracing::warn!("ARENARIA_LOG is invalid, so \"info\" is used: {error}");
    }
    match arenaria::cli::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            arenaria::cli::report(&error);
            ExitCode::FAILURE
        }
    }
}
