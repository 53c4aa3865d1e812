//! What a native server costs: hyper on one thread, with the answers of the real server and no
//! WebAssembly, no limits and no metrics. The other side of every ratio.
//!
//! It is built as a good native server would be: a current-thread runtime, `TCP_NODELAY`, mimalloc.
//! Making it slower would make the ratios worthless.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "a command: its address goes to stdout, as arenaria's does"
)]

mod process;
mod serve;

use std::net::SocketAddr;

use anyhow::Result;
use clap::{Parser, Subcommand};
use peer_answers::Program;
use serve::{Answers, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves HTTP natively, for comparison.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, global = true, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Answers every request with `hello, world`
    Hello,
    /// Runs one jq program over every body
    Jq {
        /// The program
        #[arg(long, value_name = "TEXT")]
        program: String,
    },
    /// Starts the `jq` on PATH for every body, as scripts do
    JqProcess {
        /// The program
        #[arg(long, value_name = "TEXT")]
        program: String,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    let answers = match args.what {
        What::Hello => Answers::Hello,
        What::Jq { program } => Answers::Jq(Box::new(Program::compile(&program)?)),
        What::JqProcess { program } => Answers::JqProcess(program),
    };
    serve(args.listen, answers)
}
