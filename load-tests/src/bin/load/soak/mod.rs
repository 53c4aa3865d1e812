//! Long, with spikes and errors: does memory stay flat?
//!
//! It judges answers and memory, never speed: the limits on time are set far away, because a busy
//! machine must not fail this test.

mod mix;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use load_tests::monitor::{Monitor, Sample};
use load_tests::report::{Axis, Bar, Plot, Section, Table};
use load_tests::server::{Launch, Server};
use load_tests::trend::{Direction, Trend};

use crate::cases::{Crowd, Row};
use crate::environment::{Environment, span};
use crate::idle_check::IdleCheck;
use crate::latency::{self, MIB};
use mix::Mix;

const SUMMARY: &str = "The transform with ad-hoc programs: documents of 0 to 1 MiB with a heavy tail, waves of the \
    greatest size, a program cache that turns over, bad JSON, failing and malformed programs, bodies \
    that are too large, cut connections. One connection in four sends all the time, all of them in \
    spikes. Every answer is compared with the one that must come. Resident memory is read every second; \
    the line through it begins when a tenth of the time is over.";
/// The share of the time before which memory is still finding its level.
const SETTLING: f64 = 0.1;
/// A request that ends as it should never costs an instance for one of these reasons.
const REASONS_FORBIDDEN: [&str; 3] = ["requested-by-guest", "memory", "trap"];
/// A run with fewer readings, one a second, is a few waves at most: where it ends decides on its line.
const READINGS_MIN: usize = 240;
const FAILURES_SHOWN: usize = 10;
/// Between spikes one of so many connections sends.
const QUIET_SHARE: u32 = 4;
/// How often the others look whether a spike has begun.
const SPIKE_POLL: Duration = Duration::from_millis(2);
/// A line for a person.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How many requests
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: u64,
    /// End after this time, whatever is left
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = span)]
    pub(crate) duration: Duration,
    /// Connections in a spike; twice the slots, so that all are used even if they are spread unevenly
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) connections: u32,
    /// The server's workers
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: u32,
    /// The server's instances per worker
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: u32,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Soak: {} mixed requests, seed {}", args.requests, env.seed);
    let mut section = Section::new("soak", title, SUMMARY);
    let launch = launch(args, env)?;
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let operator = server.operator.expect("the launch waits for it");
    let instances = (args.workers * args.slots) as usize;
    let soaked = soak(args, env, &server);
    let idle = IdleCheck::reached(operator, instances)?;

    section.interrupted = env.stopped();
    if soaked.rows.values().any(|row| row.right < row.sent) {
        eprintln!("{}", server.log_tail());
    }
    judge_answers(&mut section, &soaked);
    for reason in REASONS_FORBIDDEN {
        let retired = idle.retired(reason, |_| true);
        section.promise(retired == 0.0, format!("{retired} retirements by {reason}"));
    }
    idle.promises(&mut section);
    judge_memory(&mut section, &soaked);
    let memory = idle.memory();
    section.note(format!(
        "{:.0} bytes sealed by survivors, {:.0} spills, high water {:.0} KiB",
        memory.sealed_bytes,
        memory.spills,
        memory.high_water_bytes / 1024.0
    ));
    let (table, plot) = kinds(&soaked.rows);
    section.tables.push(table);
    section.plots.extend([latency::memory(&soaked.samples), plot]);
    server.stop()?;
    Ok(section)
}

/// What was seen.
struct Soaked {
    rows: BTreeMap<&'static str, Row>,
    elapsed: Duration,
    samples: Vec<Sample>,
}

fn launch(args: &Args, env: &Environment) -> Result<Launch> {
    let (workers, slots) = (args.workers.to_string(), args.slots.to_string());
    let settings = ["--set", "ad-hoc=true", "--workers", &workers, "--slots", &slots];
    // Far away, so that a slow machine sheds nothing and interrupts nothing.
    let times = ["--queue-time", "30s", "--guest-time", "20s"];
    let component = env.paths.component("transform")?.display().to_string();
    let words = std::iter::once(component.as_str()).chain(settings).chain(times);
    // It may use every core: this is not about speed.
    Ok(Launch { core: None, ..env.arenaria("soak", words)? })
}

/// Sends the cases one after the other, each connection taking the next one that is left. In a spike all
/// connections send, otherwise a quarter of them.
fn soak(args: &Args, env: &Environment, server: &Server) -> Soaked {
    let (mix, next, crowd) = (Mix::new(env.seed), AtomicU64::new(0), Crowd::new(server.address));
    let monitor = Monitor::start(server.pid(), server.operator);
    let start = Instant::now();
    let in_time = || start.elapsed() < args.duration && !env.stopped();
    std::thread::scope(|scope| {
        let connection = |index: u32| {
            let only_spikes = index >= args.connections.div_ceil(QUIET_SHARE);
            let (crowd, mix, next) = (&crowd, &mix, &next);
            scope.spawn(move || {
                crowd.work(|kept| {
                    while only_spikes && !Mix::is_spike(next.load(Ordering::Relaxed)) {
                        if next.load(Ordering::Relaxed) >= args.requests || crowd.is_over() {
                            return None;
                        }
                        // The server may close an idle connection; the next spike opens another.
                        *kept = None;
                        std::thread::sleep(SPIKE_POLL);
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    (number < args.requests).then(|| (number, mix.case(number)))
                });
            })
        };
        let threads: Vec<_> = (0..args.connections).map(connection).collect();
        let mut progress = PROGRESS_EVERY;
        while in_time() && !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(SPIKE_POLL * 10);
            if start.elapsed() >= progress
                && let Some(sample) = monitor.last()
            {
                progress += PROGRESS_EVERY;
                let (at, done) = (sample.at.as_secs_f64(), next.load(Ordering::Relaxed));
                let resident = sample.resident_bytes as f64 / MIB;
                eprintln!("{at:5.0} s  {done:>9} requests  resident {resident:.1} MiB");
            }
        }
        crowd.end();
    });
    let elapsed = start.elapsed();
    Soaked { rows: crowd.rows(), elapsed, samples: monitor.finish() }
}

fn judge_answers(section: &mut Section, soaked: &Soaked) {
    let (rows, seconds) = (&soaked.rows, soaked.elapsed.as_secs_f64());
    let right: u64 = rows.values().map(|row| row.right).sum();
    let wrong: u64 = rows.values().map(|row| row.sent - row.right).sum();
    section.promise(
        wrong == 0 && right > 0,
        format!(
            "{right} requests in {seconds:.0} s were answered as they must be, {wrong} were not"
        ),
    );
    let deviations =
        rows.iter().flat_map(|(kind, row)| row.deviations.iter().map(move |it| (kind, it)));
    for (kind, deviation) in deviations.take(FAILURES_SHOWN) {
        section.promise(false, format!("{kind}: {deviation}"));
    }
}

/// Resident memory has noise of its own, from the allocator; linear memory has none.
fn judge_memory(section: &mut Section, soaked: &Soaked) {
    let settling = (soaked.samples.len() as f64 * SETTLING).ceil() as usize;
    let samples = &soaked.samples[settling..];
    let memories = samples.iter().filter_map(|sample| sample.memory.as_ref());
    let linear: Vec<f64> = memories.map(|memory| memory.linear_bytes / MIB).collect();
    if let Some(first) = linear.first() {
        let most = linear.iter().copied().fold(*first, f64::max);
        section
            .note(format!("linear memory of all instances: {first:.1} MiB, at most {most:.1} MiB"));
    }
    let resident: Vec<f64> =
        samples.iter().map(|sample| sample.resident_bytes as f64 / MIB).collect();
    let Some(trend) = Trend::of(&resident) else {
        section
            .note(format!("{} readings of resident memory are too few for a line", resident.len()));
        return;
    };
    let percent = |share: f64| share / trend.level * 100.0;
    let figures = format!(
        "{:.1} MiB on average, {:+.1} ± {:.1} MiB ({:+.1} ± {:.1} %) over {} s by a line through it; readings differ by \
         up to {:.1} MiB",
        trend.level,
        trend.change,
        trend.margin,
        percent(trend.change),
        percent(trend.margin),
        resident.len(),
        trend.range,
    );
    if resident.len() < READINGS_MIN {
        section.note(format!("too short to judge resident memory: {figures}"));
        return;
    }
    match trend.direction() {
        Direction::Flat => section.promise(true, format!("resident memory is flat: {figures}")),
        Direction::Falling => section.promise(true, format!("resident memory falls: {figures}")),
        Direction::Rising => section.promise(false, format!("resident memory rises: {figures}")),
        Direction::Unclear => {
            section.goal(
                false,
                format!("it cannot be said whether resident memory is flat: {figures}"),
            );
        }
    }
}

fn kinds(rows: &BTreeMap<&'static str, Row>) -> (Table, Plot) {
    let right = || rows.iter().map(|(kind, row)| (*kind, row.right));
    let title = "What was sent, and answered as it must be";
    let figures = right().map(|(kind, count)| (kind, count.into()));
    let bars = right().map(|(kind, count)| Bar::count(kind, count)).collect();
    (
        Table::pairs(title, ["kind", "requests"], figures),
        Plot::bars("Requests by kind", Axis::log("requests"), bars),
    )
}
