//! Streams of records: every line in its place, whatever their length.

mod lines;
mod stream;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::PROGRAM_RECORD;
use load_tests::procfs::{cpu_time, resident_bytes};
use load_tests::report::{Axis, Cell, Plot, Section, Series, Table};
use load_tests::server::{Launch, Server};

use crate::environment::{Environment, span};
use crate::idle_check::IdleCheck;
use crate::latency::{self, MIB};
use lines::{Lines, RECORD_BYTES_MAX};
use stream::{Course, Tally, converse};

const SUMMARY: &str = "Each connection sends streams of NDJSON in chunks, one after the other, and reads the answers at \
    the same time; every answer line is compared with the one that must come for its record. One record in \
    200 is bad on purpose (no JSON, a failing program, longer than a record may be) and must have an error \
    line in its place; one stream in four is cut in its middle by the client.";
const TICK: Duration = Duration::from_millis(50);
/// Reasons for which no instance may be lost: records are at most bad, and clients at most leave.
const REASONS_FORBIDDEN: [&str; 5] = ["trap", "memory", "requested-by-guest", "deadline", "failed"];
const SLOTS: usize = 4;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Connections that stream at the same time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    streams: u32,
    /// Records of each stream
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    lines: u64,
    /// How long streams follow one another; the last ones end at a record
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// The server's workers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
}

/// What was measured.
struct Streamed {
    tally: Tally,
    elapsed: Duration,
    cpu: Duration,
    resident_before: u64,
    resident_after: u64,
    samples: Vec<Sample>,
    /// Records per second, at the end of each second.
    rates: Vec<(f64, f64)>,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!(
        "Records: {} connections, streams of {} records, seed {}",
        args.streams, args.lines, env.seed
    );
    let mut section = Section::new("records", title, SUMMARY);
    let launch = launch(args, env)?;
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let operator = server.operator.context("the launch waits for it")?;
    let streamed = streamed(args, env, &server)?;
    let idle = IdleCheck::reached(operator, SLOTS * args.workers as usize)?;

    section.interrupted = env.stopped();
    judge(&mut section, &streamed, &idle);
    section.tables.extend([figures(&streamed), outcomes(&streamed.tally), memory(&streamed)]);
    let (x, y) = (Axis::linear("time, s"), Axis::linear("records/s"));
    let series = vec![Series::new("all streams", streamed.rates)];
    section.plots.push(Plot::lines("Records answered, second by second", x, y, series));
    section.plots.push(latency::memory(&streamed.samples));
    server.stop()?;
    Ok(section)
}

fn launch(args: &Args, env: &Environment) -> Result<Launch> {
    let component = env.paths.component("transform")?;
    let program = format!("program={PROGRAM_RECORD}");
    let (workers, slots) = (args.workers.to_string(), SLOTS.to_string());
    let longest = RECORD_BYTES_MAX.to_string();
    let words = ["--records", "--set", &program, "--workers", &workers, "--slots", &slots];
    // Far away, so that a slow machine sheds nothing and interrupts nothing.
    let limits = ["--request-body", &longest, "--queue-time", "30s", "--guest-time", "20s"];
    let component = component.display().to_string();
    let words = std::iter::once(component.as_str()).chain(words);
    env.arenaria("records", words.chain(limits))
}

fn streamed(args: &Args, env: &Environment, server: &Server) -> Result<Streamed> {
    let (lines, answered) = (Lines::new(env.seed), AtomicU64::new(0));
    let pid = server.pid();
    let (resident_before, cpu_before) = (resident_bytes(pid)?, cpu_time(pid)?);
    let monitor = Monitor::start(pid, server.operator);
    let start = Instant::now();
    let is_over = || env.stopped() || start.elapsed() >= args.duration;
    let (address, count) = (server.address, args.lines);
    let course = Course { address, lines: &lines, count, is_over: &is_over, answered: &answered };
    let (mut tally, mut rates) = (Tally::default(), Vec::new());
    env.pinned(|| {
        std::thread::scope(|scope| {
            let course = &course;
            let connections = 0..u64::from(args.streams);
            let threads: Vec<_> =
                connections.map(|number| scope.spawn(move || converse(course, number))).collect();
            let (mut before, mut second) = (0, Duration::from_secs(1));
            while !threads.iter().all(|thread| thread.is_finished()) {
                std::thread::sleep(TICK);
                if start.elapsed() >= second {
                    second += Duration::from_secs(1);
                    let now = answered.load(Ordering::Relaxed);
                    rates.push((start.elapsed().as_secs_f64(), (now - before) as f64));
                    progress(start.elapsed(), now, now - before, monitor.last().as_ref());
                    before = now;
                }
            }
            for thread in threads {
                tally.add(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
    });
    let elapsed = start.elapsed();
    let (resident_after, cpu) = (resident_bytes(pid)?, cpu_time(pid)? - cpu_before);
    let samples = monitor.finish();
    Ok(Streamed { tally, elapsed, cpu, resident_before, resident_after, samples, rates })
}

fn progress(elapsed: Duration, answered: u64, just: u64, sample: Option<&Sample>) {
    let resident = sample.map_or(0.0, |sample| sample.resident_bytes as f64 / MIB);
    eprintln!(
        "{:5.0} s  {answered:>9} records  {just:>7} in this second  resident {resident:.1} MiB",
        elapsed.as_secs_f64()
    );
}

fn judge(section: &mut Section, streamed: &Streamed, idle: &IdleCheck) {
    let tally = &streamed.tally;
    section.promise(
        tally.wrong == 0 && tally.records() > 0,
        format!(
            "{} lines came in order and rightly, {} wrong or missing; {} streams to their end, {} cut by us",
            tally.records(),
            tally.wrong,
            tally.whole,
            tally.cut
        ),
    );
    tally.deviations.iter().for_each(|deviation| section.note(deviation.clone()));
    for reason in REASONS_FORBIDDEN {
        let lost = idle.retired(reason, |_| true);
        section.promise(lost == 0.0, format!("{lost} instances were lost by {reason}"));
    }
    idle.promises(section);
    let cancelled = idle.retired("cancelled", |_| true);
    section.note(format!("{cancelled} instances were at work for a client that left"));
}

fn figures(streamed: &Streamed) -> Table {
    let Streamed { tally, elapsed, cpu, .. } = streamed;
    let (seconds, records) = (elapsed.as_secs_f64(), tally.records());
    let mut first: Vec<f64> =
        tally.first_line.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    first.sort_by(f64::total_cmp);
    let of_first = |share: f64| -> Cell {
        // The nearest rank.
        let rank = (first.len() as f64 * share).ceil() as usize;
        first.get(rank.saturating_sub(1)).copied().into()
    };
    let rows: [(&str, Cell); 9] = [
        ("records/s", (records as f64 / seconds).round().into()),
        ("MB/s in", (tally.sent_bytes as f64 / 1e6 / seconds).into()),
        ("MB/s out", (tally.received_bytes as f64 / 1e6 / seconds).into()),
        ("server CPU µs/record", (cpu.as_secs_f64() * 1e6 / records.max(1) as f64).into()),
        ("server's core busy %", (cpu.as_secs_f64() / seconds * 100.0).into()),
        ("time to the first line, p50 ms", of_first(0.5)),
        ("time to the first line, p99 ms", of_first(0.99)),
        ("time to the first line, max ms", of_first(1.0)),
        ("longest gap between lines, ms", (tally.gap_max.as_secs_f64() * 1e3).into()),
    ];
    Table::pairs("All streams together", ["figure", "value"], rows)
}

fn outcomes(tally: &Tally) -> Table {
    let names = ["good", "no JSON (400)", "failing program (422)", "too long (413)"];
    let rows = names.into_iter().zip(tally.right.map(Cell::from));
    Table::pairs("What became of every record", ["record", "answered rightly"], rows)
}

/// Resident memory must not follow what has passed through.
fn memory(streamed: &Streamed) -> Table {
    let samples = &streamed.samples;
    let at = |share: f64| {
        let index = (samples.len() as f64 * share) as usize;
        samples.get(index.min(samples.len().saturating_sub(1))).map(|sample| sample.resident_bytes)
    };
    let most = samples.iter().map(|sample| sample.resident_bytes).max();
    let passed = streamed.tally.sent_bytes + streamed.tally.received_bytes;
    let rows = [
        ("before the first stream", Some(streamed.resident_before)),
        ("after a quarter of the time", at(0.25)),
        ("after half of the time", at(0.5)),
        ("after the last stream", Some(streamed.resident_after)),
        ("most", most),
        ("that passed through, in and out", Some(passed)),
    ];
    let rows = rows.map(|(name, bytes)| (name, bytes.map(|bytes| bytes as f64 / MIB).into()));
    Table::pairs("Resident memory", ["when", "MiB"], rows)
}
