//! The `arenaria` binary: the allocator and the exit code. Everything else is in the library.

#![deny(unsafe_code)]

use std::process::ExitCode;

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// Bodies of all sizes are allocated and freed for as long as the server runs. ARCHITECTURE.md
/// describes how the allocator affects the resident memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    return_free_memory();
    // Clap ends the process with code 2 if the arguments are invalid.
    let cli = arenaria::cli::parse();
    let log = arenaria::cli::Log::start(cli.log_filter());
    ExitCode::from(arenaria::cli::run(cli, &log))
}

/// Free memory goes back to the system at once, not at some later allocation. So the resident memory is what is
/// allocated. It is not rounded up to huge pages either: that is the feature `no_thp` of the allocator's crate.
fn return_free_memory() {
    /// `mi_option_purge_delay` of `mimalloc.h`, in milliseconds, which the crate does not name.
    const PURGE_DELAY: mi_option_t = 15;
    #[expect(unsafe_code, reason = "the allocator's settings are a C interface")]
    // SAFETY: mimalloc checks the option's number, and any thread may set it at any time.
    unsafe {
        mi_option_set(PURGE_DELAY, 0);
    }
}
