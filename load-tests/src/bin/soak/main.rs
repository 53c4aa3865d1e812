//! Whether memory stays flat: many mixed requests, most of them good, against the flagship, and
//! then the server's own figures and the kernel's.
//!
//! It judges memory and answers, never speed: the limits on time are set far away, because a busy
//! machine must not fail this test. It exits with 1 if anything was not as promised.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command: its output is its purpose"
)]

mod mix;
mod send;
mod state;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use load_tests::files::Paths;
use load_tests::machine::{Machine, version_of};
use load_tests::procfs::resident_bytes;
use load_tests::server::{Launch, Server};

use mix::Mix;
use send::{Tally, batch};
use state::{State, drift};

/// How far resident memory may move after the first batch.
const RESIDENT_DRIFT_MAX: f64 = 0.02;
const FAILURES_SHOWN: usize = 10;

/// Sends many mixed requests to arenaria's transform and checks that its memory stays flat.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    paths: Paths,
    /// How many requests
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// After how many the resident memory is taken that the end is compared with
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    first: u64,
    /// Connections at a time; twice the slots, so that all are in use even if they are spread unevenly
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
    /// The server's workers
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
    /// The server's instances per worker
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    slots: u32,
    /// Decides which requests are sent
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(faults) if faults.is_empty() => {
            println!("memory is flat");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            faults.iter().for_each(|fault| eprintln!("soak: {fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that was not as promised.
fn run(args: &Args) -> Result<Vec<String>> {
    let launch = launch(args)?;
    println!("{}", Machine::look().line());
    println!("{}; seed {}", version_of(&launch.program), args.seed);
    println!("  {}", launch.command_line());
    let mix = Mix::new(args.seed);
    let server = launch.start(&args.paths.workspace()?)?;
    let faults = soak(args, &mix, &server).with_context(|| server.log_tail())?;
    if !faults.is_empty() {
        eprintln!("{}", server.log_tail());
    }
    server.stop()?;
    Ok(faults)
}

fn launch(args: &Args) -> Result<Launch> {
    let (workers, slots) = (args.workers.to_string(), args.slots.to_string());
    let settings = ["--set", "ad-hoc=true", "--workers", &workers, "--slots", &slots];
    // Far away, so that a slow machine sheds nothing and interrupts nothing.
    let times = ["--queue-time", "30s", "--guest-time", "20s"];
    let addresses = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let component = args.paths.component("transform")?;
    let words = settings.iter().chain(&times).chain(&addresses).map(Into::into);
    Ok(Launch {
        name: "soak".into(),
        program: args.paths.arenaria()?,
        args: ["serve".into(), component.into()].into_iter().chain(words).collect(),
        core: None,
        operator: true,
    })
}

fn soak(args: &Args, mix: &Mix, server: &Server) -> Result<Vec<String>> {
    let operator = server.operator.expect("the launch waits for it");
    let instances = (args.workers * args.slots) as usize;
    let before = State::settled(operator, instances)?;
    let mut tally = Tally::default();
    let mut first_resident = None;
    let (mut done, started) = (0, Instant::now());
    let (state, resident) = loop {
        let end = (done + args.first).min(args.requests);
        batch(server.address, mix, done..end, args.connections as usize, &mut tally);
        done = end;
        let state = State::settled(operator, instances)?;
        let resident = resident_bytes(server.pid())?;
        first_resident.get_or_insert(resident);
        println!(
            "{done:>9} requests, {:4.0} s: resident {:.2} MiB, high water {:.0} KiB, sealed {:.0} B, spills {:.0}, \
             retirements {:?}",
            started.elapsed().as_secs_f64(),
            resident as f64 / f64::from(1 << 20),
            state.high_water_bytes / 1024.0,
            state.sealed_bytes,
            state.spills,
            state.retirements,
        );
        if done == args.requests || tally.hopeless() {
            break (state, resident);
        }
    };
    for (kind, count) in &tally.right {
        println!("{count:>9} {kind}");
    }
    let mut faults = state.forbidden_retirements(&before);
    faults.extend(state.unsettled(instances));
    faults.extend(drift(first_resident.unwrap_or(resident), resident, RESIDENT_DRIFT_MAX));
    if !tally.failures.is_empty() {
        faults.push(format!(
            "{} requests did not go as they must; the first of them:",
            tally.failures.len()
        ));
        faults.extend(tally.failures.into_iter().take(FAILURES_SHOWN));
    }
    Ok(faults)
}
