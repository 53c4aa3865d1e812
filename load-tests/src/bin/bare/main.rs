//! What a native server costs: hyper on one thread, with the answers of the real server and no
//! WebAssembly, no limits and no metrics. The other side of every ratio.
//!
//! It is built as a good native server would be: a current-thread runtime, `TCP_NODELAY`, mimalloc.
//! Making it slower would make the ratios worthless.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command: its address goes to stdout, as the real server's does"
)]

mod process;
mod serve;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use load_tests::jq;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves HTTP natively, for comparison.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Answers every request with `hello, world`
    Hello {
        /// Where to listen; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
        listen: SocketAddr,
    },
    /// Runs one jq program over every body
    Jq {
        /// The program
        #[arg(long, value_name = "TEXT")]
        program: String,
        /// Where to listen; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
        listen: SocketAddr,
    },
    /// Starts the `jq` on PATH for every body, as scripts do
    JqProcess {
        /// The program
        #[arg(long, value_name = "TEXT")]
        program: String,
        /// Where to listen; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
        listen: SocketAddr,
    },
}

fn main() -> ExitCode {
    let result = match Args::parse().what {
        What::Hello { listen } => serve::serve(listen, serve::Answers::Hello),
        What::Jq { program, listen } => jq::Program::compile(&program)
            .and_then(|program| serve::serve(listen, serve::Answers::Jq(Box::new(program)))),
        What::JqProcess { program, listen } => {
            serve::serve(listen, serve::Answers::JqProcess(program))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare: {error:#}");
            ExitCode::FAILURE
        }
    }
}
