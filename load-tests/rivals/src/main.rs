//! jq engines against each other, in one process: see README.md.

mod cases;
mod engines;
mod measure;
mod memory;
mod report;

use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

/// Every engine has the same one, libjq too.
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

/// Room for engines that recurse, far beyond what a program here needs.
const STACK: usize = 1 << 30;

/// Measures jq engines with the same programs and documents.
#[derive(Parser)]
struct Options {
    /// What to do.
    command: Command,
    /// The folder of `programs.toml`, `hostile.toml` and `documents`.
    #[arg(long, default_value = env!("CARGO_MANIFEST_DIR"))]
    data: PathBuf,
    /// Only programs with an id that starts so.
    #[arg(long, default_value = "")]
    only: String,
    /// Only these engines, beside libjq.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// How often each engine has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many milliseconds a turn lasts, and so how many runs it has.
    #[arg(long, default_value_t = 4)]
    turn: u64,
    /// Writes the results there, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What can be done.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Command {
    /// The time of a run of `programs.toml`, in every size.
    Measure,
    /// The time of a run of `hostile.toml`.
    Hostile,
    /// The answers of all engines, compared with libjq's, and libjq's with the expected ones.
    Check,
    /// The high water of memory in `hostile.toml`, above the level after compiling.
    Memory,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.command == Command::Memory {
        memory::count();
    }
    let worker = thread::Builder::new().stack_size(STACK).spawn(move || run(&options))?;
    worker.join().unwrap_or_else(|_| bail!("an engine panicked"))
}

/// Does what was asked.
fn run(options: &Options) -> Result<()> {
    let Options { data, only, .. } = options;
    let mut engines = engines::all();
    let names = |engines: &[Box<dyn engines::Engine>]| -> Vec<String> {
        engines.iter().map(|engine| engine.name().to_owned()).collect()
    };
    let reference = names(&engines)[0].clone();
    engines.retain(|engine| {
        let name = engine.name();
        options.engines.is_empty() || name == reference || options.engines.iter().any(|wanted| wanted == name)
    });
    let names = names(&engines);
    let mut documents = cases::documents(&data.join("documents"))?;
    let mut programs = cases::read(&data.join("programs.toml"), only)?;
    let hostile = cases::read(&data.join("hostile.toml"), only)?;
    cases::add(&mut documents, &hostile);
    for case in &programs {
        documents.get(&case.document).with_context(|| format!("{} has no document", case.id))?;
    }
    let mut times = |programs: &[cases::Case]| {
        let rows = measure::times(&mut engines, programs, &documents, options.rounds.max(1), options.turn);
        report::table(&rows, &names, ("microseconds a run", 1e3))
    };
    let (text, json) = match options.command {
        Command::Measure => times(&programs),
        Command::Hostile => times(&hostile),
        Command::Check => {
            programs.extend(hostile);
            report::differences(&measure::check(&mut engines, &programs, &documents))
        }
        Command::Memory => report::table(&measure::high_water(&mut engines, &hostile), &names, ("KiB", 1024.0)),
    };
    print!("{text}");
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&json)? + "\n")?;
    }
    Ok(())
}
