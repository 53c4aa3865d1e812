//! Compares allocators: the same programs as components, each built with each of them, called through wasmtime.
//!
//! `cargo xtask allocators` builds the components and runs this program. `report` measures everything and writes the
//! numbers into docs/allocators.md. `check` only sees that every component gives the same answers. `count` is what
//! `report` runs under valgrind.
#![deny(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod counts;
mod documents;
mod instance;
mod memory;
mod page;
mod subjects;
mod times;

use std::path::{Path, PathBuf};

use clap::Parser;
use wasmtime::Result;
use wasmtime::error::{Context as _, ensure};

use crate::documents::SIZES;
use crate::instance::{Instance, Subject, engine};
use crate::subjects::{ALLOCATORS, PROGRAMS, Program};

/// Compares allocators of WebAssembly components.
#[derive(Parser)]
struct Args {
    /// The folder with the components, `PROGRAM-ALLOCATOR.wasm`.
    #[arg(long, value_name = "DIR")]
    components: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(clap::Subcommand)]
enum Task {
    /// See that the components of a program give the same answers.
    Check {
        /// The program.
        program: String,
    },
    /// Measure everything, and write the numbers into a page and its plots.
    Report {
        /// The page.
        #[arg(long, value_name = "FILE")]
        page: PathBuf,
        /// The folder of the plots.
        #[arg(long, value_name = "DIR")]
        plots: PathBuf,
        /// How many turns each component has.
        #[arg(long, default_value_t = 15)]
        rounds: usize,
        /// How many requests the churn has.
        #[arg(long, default_value_t = 100_000)]
        churn: u32,
    },
    /// Call one component, so that valgrind can count.
    Count {
        /// The program.
        program: String,
        /// The allocator.
        allocator: String,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match &args.task {
        Task::Check { program } => check(&args.components, named(program)?),
        Task::Count { program, allocator } => counts::run(&Subject::load(
            &engine(&args.components)?,
            &args.components,
            named(program)?,
            allocator,
        )?),
        Task::Report { page, plots, rounds, churn } => {
            page::write(&args.components, page, plots, *rounds, *churn)
        }
    }
}

fn named(name: &str) -> Result<Program> {
    PROGRAMS.into_iter().find(|program| program.name == name).context("no such program")
}

/// Compares the answers of all components of a program.
fn check(components: &Path, program: Program) -> Result<()> {
    let engine = engine(components)?;
    let mut expected: Option<Vec<Vec<u8>>> = None;
    let bodies = SIZES.map(|(_, bytes)| documents::body(program, bytes));
    for allocator in ALLOCATORS {
        let subject = Subject::load(&engine, components, program, allocator.name)?;
        let mut instance = Instance::start(&subject, &documents::sample(program))?;
        let answers: Vec<_> =
            bodies.iter().map(|body| instance.call("/", body)).collect::<Result<_>>()?;
        let expected = expected.get_or_insert_with(|| answers.clone());
        ensure!(
            answers == *expected,
            "{} over {} gives another answer",
            program.name,
            allocator.name
        );
        println!("{} over {}: the same answers", program.name, allocator.name);
    }
    Ok(())
}
