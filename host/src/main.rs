//! The `arenaria` binary: exit codes and the log. Everything else is the library's.

#![forbid(unsafe_code)]

use std::io::IsTerminal as _;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Bodies of all sizes come and go for ever. ARCHITECTURE.md says what the choice does to the resident
/// memory of a long run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Clap ends the process with code 2 for what cannot be understood.
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
