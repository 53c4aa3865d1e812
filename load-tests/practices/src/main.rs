//! Measures practices of WebAssembly: the same core modules in wasmtime, in Node and in a browser.
//!
//! `cargo xtask practices` runs this program. `report` measures everything and writes the numbers into
//! docs/practices.md. `check` runs every experiment once, and sees that the answers are right and that the page has
//! the blocks and no measured number outside of them. It judges no time.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod boundary;
mod bounds;
mod documents;
mod engines;
mod figures;
mod growing;
mod javascript;
mod maximum;
mod modules;
mod objects;
mod page;
mod pooling;
mod turns;

use std::path::PathBuf;

use clap::Parser;
use wasmtime::Result;
use wasmtime::error::{Context as _, ensure};

use crate::engines::{Engine, Engines};
use crate::figures::Figures;
use crate::javascript::Host;
use crate::turns::Effort;

/// Measures practices of WebAssembly.
#[derive(Parser)]
struct Args {
    /// The page.
    #[arg(long, value_name = "FILE")]
    page: PathBuf,
    /// The program of Node.
    #[arg(long, value_name = "FILE")]
    node: Option<PathBuf>,
    /// The program of Chromium.
    #[arg(long, value_name = "FILE")]
    browser: Option<PathBuf>,
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// Run every experiment once, in wasmtime and in the engines that are given, and compare the page with them.
    Check,
    /// Measure, and write the numbers into the page and its plot.
    Report {
        /// The plot.
        #[arg(long, value_name = "FILE")]
        plot: PathBuf,
        /// How many turns each contestant has.
        #[arg(long, default_value_t = 21)]
        rounds: usize,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    let hosts = [args.node.map(Host::Node), args.browser.map(Host::Browser)];
    match args.task {
        Task::Check => page::check(&measure(&hosts, Effort::ONCE)?, &args.page),
        Task::Report { plot, rounds } => {
            ensure!(hosts.iter().all(Option::is_some), "expected --node and --browser");
            page::write(&measure(&hosts, Effort::full(rounds))?, &args.page, &plot)
        }
    }
}

/// Runs every experiment in each engine.
fn measure(hosts: &[Option<Host>; 2], effort: Effort) -> Result<Engines> {
    eprintln!("wasmtime");
    let mut figures = Figures::default();
    // First, while the process has no other memory.
    maximum::measure(&mut figures)?;
    bounds::measure(effort, &mut figures)?;
    boundary::measure(effort, &mut figures)?;
    growing::measure(effort, &mut figures)?;
    pooling::measure(effort, &mut figures)?;
    objects::measure(effort, &mut figures)?;
    let version = format!("wasmtime {}", wasmtime_environ::VERSION);
    let wasmtime = Engine { version, figures };
    let other = |host: &Option<Host>| {
        let Some(host) = host else { return Ok(None) };
        let version = host.version()?;
        eprintln!("{version}");
        let figures = host.measure(effort).with_context(|| version.clone())?;
        Ok::<_, wasmtime::Error>(Some(Engine { version, figures }))
    };
    let [node, browser] = hosts;
    Ok(Engines { wasmtime, node: other(node)?, browser: other(browser)? })
}
