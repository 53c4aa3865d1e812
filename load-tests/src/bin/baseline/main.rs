//! What the sandbox costs: the real server against native ones, in turn on the same core, with the
//! generator on another. Prints medians and ratios; the speed never decides the exit code.
//!
//! Every run has a server of its own, started for it and ended after it: an idle neighbour on the
//! same core would be measured too.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command: its output is its purpose"
)]

mod contest;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use load_tests::files::{Paths, sibling};
use load_tests::machine::{Machine, version_of};
use load_tests::payload::{PROGRAM, webhook};
use load_tests::server::Launch;
use load_tests::wrk::{Traffic, Wrk, version};

use contest::{Contest, Expected, Outcome, Pace, Target};

/// Measures arenaria against bare hyper and native jq.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    paths: Paths,
    /// The native server [default: `bare` beside this program]
    #[arg(long, value_name = "FILE")]
    bare: Option<PathBuf>,
    /// Measure only this
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,
    /// How often each side is measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 4, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Connections that the generator keeps busy
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// The jq program of both sides
    #[arg(long, default_value = PROGRAM, value_name = "TEXT")]
    program: String,
    /// Sizes of the documents in bytes
    #[arg(long, default_values_t = [1024, 10_240], value_delimiter = ',', value_name = "BYTES")]
    documents: Vec<usize>,
    /// The core of the servers
    #[arg(long, default_value_t = 0, value_name = "CORE")]
    server_core: usize,
    /// The core of the generator
    #[arg(long, default_value_t = 1, value_name = "CORE")]
    generator_core: usize,
    /// Also write every figure to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Hello,
    Jq,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baseline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let machine = Machine::look();
    let pinned = machine.cores() >= 2;
    if !pinned {
        eprintln!("warning: 1 core: server and generator share it, and the figures say little");
    }
    if machine.load() > 0.5 {
        eprintln!("warning: other work runs here (load {}): expect noise", machine.load());
    }
    let core = |core: usize| pinned.then_some(core);
    let workspace = args.paths.workspace()?;
    let wrk = Wrk::new(&workspace, args.connections, core(args.generator_core))?;
    let bare = args.bare.clone().map_or_else(|| sibling("bare"), Ok)?;
    let arenaria = args.paths.arenaria()?;
    let contests = contests(args, &bare, &arenaria, &workspace, core(args.server_core))?;

    println!("{}", machine.line());
    println!("{}; {}; {}", named(&arenaria), named(&bare), version()?);
    let mut commands: Vec<String> = Vec::new();
    for line in contests.iter().flat_map(|contest| contest.commands(&wrk, args.seconds)) {
        if !commands.contains(&line) {
            commands.push(line);
        }
    }
    for line in &commands {
        println!("  {line}");
    }
    let pace = Pace { seconds: args.seconds, repeats: args.repeats };
    let mut results: Vec<Outcome> = Vec::new();
    for contest in contests {
        contest.verify(&workspace)?.iter().for_each(|note| println!("note: {note}"));
        results.push(contest.measure(&wrk, pace, &workspace, |line| println!("{line}"))?);
    }
    println!("\n{}", report::table(&results));
    for result in &results {
        println!("{}", report::summary(result));
    }
    if let Some(path) = &args.json {
        let versions = [named(&arenaria), named(&bare), version()?];
        let document = report::json(&machine, &versions, &commands, &results);
        std::fs::write(path, document)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn contests(
    args: &Args,
    bare: &Path,
    arenaria: &Path,
    workspace: &Path,
    core: Option<usize>,
) -> Result<Vec<Contest>> {
    let native = |name: &str, words: &[&str]| Launch {
        name: name.into(),
        program: bare.into(),
        args: words.iter().chain(&["--listen", "127.0.0.1:0"]).map(Into::into).collect(),
        core,
        operator: false,
    };
    // Every connection of the generator may wait at once: by its defaults the server would shed
    // some, and a shed request is fast without having been served.
    let queue =
        ["--queue-length", &args.connections.to_string(), "--queue-time", "10s"].map(str::to_owned);
    let sandboxed = |name: &str, component: PathBuf, words: &[&str], operator: bool| Launch {
        name: name.into(),
        program: arenaria.into(),
        args: ["serve".into(), component.into()]
            .into_iter()
            .chain(["--workers", "1", "--listen", "127.0.0.1:0"].map(Into::into))
            .chain(queue.iter().map(Into::into))
            .chain(words.iter().map(Into::into))
            .collect(),
        core,
        operator,
    };
    let mut contests = Vec::new();
    if args.only != Some(Only::Jq) {
        let component = args.paths.component("hello")?;
        contests.push(Contest {
            name: "hello".into(),
            native: native("bare-hello", &["hello"]),
            sandboxed: sandboxed("arenaria-hello", component, &["--operator-listen", "off"], false),
            traffic: Traffic { method: "GET", body: None },
            body: Vec::new(),
            expected: Expected::Bytes(b"hello, world\n"),
            target: Target::CpuAtMost(1.10),
        });
    }
    if args.only != Some(Only::Hello) {
        let component = args.paths.component("transform")?;
        let setting = format!("program={}", args.program);
        for &bytes in &args.documents {
            let least = load_tests::payload::WEBHOOK_BYTES_MIN;
            ensure!(bytes >= least, "--documents {bytes}: at least {least} bytes");
            let webhook = webhook(1, bytes);
            let file = workspace.join(format!("webhook-{bytes}.json"));
            std::fs::write(&file, &webhook.text)
                .with_context(|| format!("cannot write {}", file.display()))?;
            let words = ["--operator-listen", "127.0.0.1:0", "--set", &setting];
            contests.push(Contest {
                name: format!("jq, {bytes} B"),
                native: native("native-jq", &["jq", "--program", &args.program]),
                sandboxed: sandboxed("arenaria-transform", component.clone(), &words, true),
                traffic: Traffic { method: "POST", body: Some(file) },
                body: webhook.text.into_bytes(),
                expected: Expected::Json((args.program == PROGRAM).then_some(webhook.answer)),
                target: Target::ThroughputAtLeast(0.60),
            });
        }
    }
    Ok(contests)
}

/// A program with its version, or its path if it does not say one.
fn named(program: &Path) -> String {
    match version_of(program) {
        version if version.is_empty() => program.display().to_string(),
        version => version,
    }
}
