//! jq engines against each other, in one process: see README.md.

mod answers;
mod builtins;
mod cases;
mod differ;
mod engines;
mod measure;
mod memory;
mod report;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde_json::Value;

use engines::Engine;
use report::Report;

/// Every engine has the same one, libjq too.
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

/// Room for engines that recurse, far beyond what a program here needs.
const STACK: usize = 1 << 30;

/// Measures jq engines with the same programs and documents, and compares their answers.
#[derive(Parser)]
struct Options {
    /// What to do.
    #[arg(default_value = "measure")]
    command: Command,
    /// The folder of `programs.toml`, `hostile.toml` and `documents`.
    #[arg(long, default_value = env!("CARGO_MANIFEST_DIR"))]
    data: PathBuf,
    /// The folder of `transform.wasm`, which `cargo xtask guests` makes.
    #[cfg(feature = "sandbox")]
    #[arg(long, env = "ARENARIA_COMPONENTS", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/components"))]
    components: PathBuf,
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
    /// The first case of `differ`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases `differ` has.
    #[arg(long, default_value_t = 20_000)]
    count: u64,
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
    /// Our native engine's answers to random programs, compared with libjq's.
    Differ,
    /// The names of our builtins, compared with libjq's.
    Builtins,
    /// libjq's answers to the cases on standard input: JSON texts with the members `program` and `document`.
    Answer,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if options.command == Command::Memory {
        memory::count();
    }
    let worker = thread::Builder::new().stack_size(STACK).spawn(move || run(&options))?;
    let is_right = worker.join().unwrap_or_else(|_| bail!("an engine panicked"))?;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Does what was asked. Gives whether our engine is right, as far as that was asked.
fn run(options: &Options) -> Result<bool> {
    let ((text, json), is_right) = match options.command {
        Command::Differ => differ::run(options.seed, options.count),
        Command::Builtins => {
            let mut engines = engines::native();
            let ours = engines.iter().position(|engine| engines::OURS.contains(&engine.name()));
            let mut ours = engines.remove(ours.context("our engine is missing")?);
            builtins::compare(&mut *engines[0], &mut *ours)?
        }
        Command::Answer => ((answers::all(std::io::stdin())?, Value::Null), true),
        _ => with_programs(options)?,
    };
    print!("{text}");
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&json)? + "\n")?;
    }
    Ok(is_right)
}

/// Does what needs the programs and documents of the folder.
fn with_programs(options: &Options) -> Result<(Report, bool)> {
    let Options { data, only, .. } = options;
    let mut engines = engines(options)?;
    let names: Vec<String> = engines.iter().map(|engine| engine.name().to_owned()).collect();
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
    let report = match options.command {
        Command::Hostile => times(&hostile),
        Command::Memory => report::table(&measure::high_water(&mut engines, &hostile), &names, ("KiB", 1024.0)),
        Command::Check => {
            programs.extend(hostile);
            let differences = measure::check(&mut engines, &programs, &documents);
            let is_right = differences.iter().all(measure::Difference::is_right);
            return Ok((report::differences(&differences), is_right));
        }
        _ => {
            let (text, json) = times(&programs);
            (text + &sandbox_figures(options, &names, &programs)?, json)
        }
    };
    Ok((report, true))
}

/// The engines that were asked for, after libjq.
fn engines(options: &Options) -> Result<Vec<Box<dyn Engine>>> {
    let mut engines = engines::native();
    #[cfg(feature = "sandbox")]
    if options.engines.is_empty() || options.engines.iter().any(|wanted| wanted == engines::SANDBOX) {
        engines.push(Box::new(engines::component::Component::new(&options.components)?));
    }
    let mut first = true;
    engines.retain(|engine| {
        let is_wanted = options.engines.is_empty() || options.engines.iter().any(|wanted| wanted == engine.name());
        std::mem::take(&mut first) || is_wanted
    });
    Ok(engines)
}

/// What only the sandbox has, if it takes part.
#[cfg(feature = "sandbox")]
fn sandbox_figures(options: &Options, names: &[String], programs: &[cases::Case]) -> Result<String> {
    if !names.iter().any(|name| name == engines::SANDBOX) {
        return Ok(String::new());
    }
    let component = engines::component::Component::new(&options.components)?;
    let folder = options.data.join("documents");
    let document = cases::document(&folder, sandbox::DOCUMENT, sandbox::DOCUMENT_BYTES)?;
    sandbox::figures(&component, programs, &document)
}

/// Without the sandbox there is nothing to say.
#[cfg(not(feature = "sandbox"))]
fn sandbox_figures(_: &Options, _: &[String], _: &[cases::Case]) -> Result<String> {
    Ok(String::new())
}
