//! Load tests of arenaria, one scenario a subcommand, and one report of what they found.
//!
//! The exit code says whether promises were kept (answers, memory, instances), never how fast it
//! was: 1 if one is broken, 0 otherwise. Ctrl-C ends a scenario early; what was measured until then
//! is reported all the same.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command: its output is its purpose"
)]

mod cases;
mod edge;
mod environment;
mod faults;
mod idle_check;
mod latency;
mod neighbours;
mod overload;
mod payload;
mod peers;
mod records;
mod saturate;
mod scale_out;
mod series;
mod service;
mod soak;
mod steady;
mod sweep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use load_tests::compare::Comparison;
use load_tests::html;
use load_tests::report::{Report, Section};

use environment::{Environment, EnvironmentArgs};

/// Loads arenaria, or a server of yours, and reports what it did.
#[derive(Parser)]
#[command(name = "load", version)]
struct Args {
    #[command(flatten)]
    env: EnvironmentArgs,
    /// The page to write [default: TARGET/load-tests/report.html]; the same as JSON lies beside it
    #[arg(long, global = true, value_name = "FILE", help_heading = "Report")]
    report: Option<PathBuf>,
    /// Keep what the report holds already, and add to it
    #[arg(long, global = true, help_heading = "Report")]
    append: bool,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Clone, Subcommand)]
enum Scenario {
    /// A fixed rate: latency from the moment at which each request was due
    Steady(steady::Args),
    /// Rates up to the knee and past it
    Sweep(sweep::Args),
    /// Twice as much as it can do: goodput, and how soon the rest is refused
    Overload(overload::Args),
    /// As fast as answers come, cross-checked with wrk
    Saturate(saturate::Args),
    /// The same work by native servers, `wasmtime serve` and a process per request
    Peers(peers::Args),
    /// Long, with spikes and errors: does memory stay flat?
    Soak(soak::Args),
    /// Good traffic among faulty guests, slow clients and cut connections
    Faults(faults::Args),
    /// Streams of NDJSON records, every line checked
    Records(records::Args),
    /// What TLS and HTTP/2 cost, by h2load
    Edge(edge::Args),
    /// A route beside one that is flooded with heavy requests
    Neighbours(neighbours::Args),
    /// Several processes behind nginx, one of which is killed and started again
    ScaleOut(scale_out::Args),
    /// All of the above, in sizes for a report
    All,
    /// All of the above, as short as possible: whether promises are kept, not how fast it is
    Smoke,
    /// Write a generated body to standard output
    Payload(payload::Args),
    /// Compare two runs, figure by figure; ends with 1 if one has become worse
    Compare {
        /// What the older run has written, with at least three repeats
        #[arg(value_name = "JSON")]
        old: PathBuf,
        /// What the newer run has written
        #[arg(value_name = "JSON")]
        new: PathBuf,
        /// By so many percent a median may differ and still count as the same
        #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
        tolerance: f64,
    },
    /// Draw the page again from the JSON of one or more runs
    Report {
        /// What runs have written
        #[arg(required = true, value_name = "JSON")]
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise was kept.
fn run(args: &Args) -> Result<bool> {
    if let Scenario::Payload(payload) = &args.scenario {
        return payload::run(payload, args.env.seed).map(|()| true);
    }
    if let Scenario::Compare { old, new, tolerance } = &args.scenario {
        return compare(&Report::read(old)?, &Report::read(new)?, *tolerance);
    }
    let env = Environment::new(&args.env)?;
    let page = match &args.report {
        Some(path) => path.clone(),
        None => env.workspace.join("report.html"),
    };
    if let Scenario::Report { files } = &args.scenario {
        return merged(files).and_then(|report| write(&report, &page)).map(|()| true);
    }
    let mut report = match page.with_extension("json") {
        json if args.append && json.exists() => Report::read(&json)?,
        _ => Report::new(env.shortened(&environment::command_line()), env.versions()),
    };
    let before = report.sections.len();
    for scenario in &single(&args.scenario, &env)? {
        report.sections.extend(perform(scenario, &env)?);
        // After each, so that what went before is not lost if the next one fails.
        write(&report, &page)?;
        if env.stopped() {
            break;
        }
    }
    println!("report: {}", page.display());
    report.sections.drain(..before);
    Ok(report.broken().next().is_none())
}

/// The scenarios of a series, or the one that was named. A series leaves out what cannot take place here; a
/// scenario that is asked for by itself fails instead.
fn single(scenario: &Scenario, env: &Environment) -> Result<Vec<Scenario>> {
    let series = match scenario {
        Scenario::All => &series::ALL[..],
        Scenario::Smoke => &series::SMOKE[..],
        other => return Ok(vec![other.clone()]),
    };
    let mut scenarios = Vec::new();
    for words in series {
        let scenario = Args::try_parse_from(std::iter::once(&"load").chain(*words))?.scenario;
        if let Scenario::ScaleOut(args) = &scenario
            && let Err(reason) = args.balancer(env)
        {
            println!("scale-out: left out, {reason}");
            continue;
        }
        if matches!(scenario, Scenario::Edge(_)) && env.paths.tool("h2load").is_none() {
            println!("edge: left out, h2load is not installed");
            continue;
        }
        scenarios.push(scenario);
    }
    Ok(scenarios)
}

fn perform(scenario: &Scenario, env: &Environment) -> Result<Vec<Section>> {
    let one = |section: Result<Section>| section.map(|section| vec![section]);
    let mut sections = match scenario {
        Scenario::Steady(args) => one(steady::run(args, env)),
        Scenario::Sweep(args) => one(sweep::run(args, env)),
        Scenario::Overload(args) => one(overload::run(args, env)),
        Scenario::Saturate(args) => one(saturate::run(args, env)),
        Scenario::Peers(args) => peers::run(args, env),
        Scenario::Soak(args) => one(soak::run(args, env)),
        Scenario::Faults(args) => one(faults::run(args, env)),
        Scenario::Records(args) => one(records::run(args, env)),
        Scenario::Edge(args) => one(edge::run(args, env)),
        Scenario::Neighbours(args) => one(neighbours::run(args, env)),
        Scenario::ScaleOut(args) => one(scale_out::run(args, env)),
        Scenario::All
        | Scenario::Smoke
        | Scenario::Payload(_)
        | Scenario::Compare { .. }
        | Scenario::Report { .. } => Ok(Vec::new()),
    }?;
    for line in sections.iter_mut().flat_map(|section| &mut section.commands) {
        *line = env.shortened(line);
    }
    sections.iter().for_each(|section| println!("\n{}", section.text()));
    Ok(sections)
}

/// Whether nothing has become worse.
fn compare(old: &Report, new: &Report, tolerance: f64) -> Result<bool> {
    if !old.machine.is_like(&new.machine) {
        println!("the two runs were on different machines, so read with care");
    }
    let comparison = Comparison::new(old, new, tolerance / 100.0)?;
    print!("{}", comparison.text());
    new.broken().for_each(|promise| println!("BROKEN in the new run: {promise}"));
    Ok(!comparison.is_worse() && new.broken().next().is_none())
}

/// The sections of all, with the machine of the first.
fn merged(files: &[PathBuf]) -> Result<Report> {
    let mut reports = files.iter().map(|file| Report::read(file));
    let mut first = reports.next().context("expected a report, got none")??;
    for report in reports {
        first.sections.extend(report?.sections);
    }
    Ok(first)
}

fn write(report: &Report, page: &Path) -> Result<()> {
    let json = page.with_extension("json");
    for (path, text) in [(page, html::page(report)), (&json, report.json())] {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
