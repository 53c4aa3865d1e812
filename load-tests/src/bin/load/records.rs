//! Streams of records: every line in its place, whatever their length.

mod lines;
mod stream;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use load_tests::figures::Spread;
use load_tests::monitor::{Monitor, Sample};
use load_tests::payload::PROGRAM_RECORD;
use load_tests::procfs::cpu_time;
use load_tests::report::{Axis, Cell, Plot, Section, Series, Table};
use load_tests::server::Server;

use crate::environment::{Environment, span};
use crate::idle_check::IdleCheck;
use crate::latency::{self, MIB};
use lines::{Lines, RECORD_BYTES_MAX};
use stream::{Course, Tally};

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
}

/// What was measured.
struct Streamed {
    tally: Tally,
    elapsed: Duration,
    cpu: Duration,
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
    let component = env.paths.component("transform")?.display().to_string();
    let program = format!("program={PROGRAM_RECORD}");
    let (slots, longest) = (SLOTS.to_string(), RECORD_BYTES_MAX.to_string());
    let words = [&component, "--records", "--set", &program, "--workers", "1", "--slots", &slots];
    // Far away, so that a slow machine sheds nothing and interrupts nothing.
    let limits = ["--request-body", &longest, "--queue-time", "30s", "--guest-time", "20s"];
    let launch = env.arenaria("records", words.into_iter().chain(limits))?;
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let streamed = streamed(args, env, &server)?;
    let idle = IdleCheck::reached(&server, SLOTS)?;

    section.interrupted = env.stopped();
    judge(&mut section, &streamed.tally, &idle);
    section.tables.extend(tables(&streamed));
    let (x, y) = (Axis::linear("time, s"), Axis::linear("records/s"));
    let series = vec![Series::new("all streams", streamed.rates)];
    section.plots.push(Plot::lines("Records answered, second by second", x, y, series));
    section.plots.push(latency::memory(&streamed.samples));
    server.stop()?;
    Ok(section)
}

fn streamed(args: &Args, env: &Environment, server: &Server) -> Result<Streamed> {
    let cpu_before = cpu_time(server.pid())?;
    let monitor = Monitor::start(server.pid(), server.operator);
    let start = Instant::now();
    let course = Course {
        address: server.address,
        lines: Lines::new(env.seed),
        count: args.lines,
        is_over: &|| env.stopped() || start.elapsed() >= args.duration,
        tally: Mutex::default(),
    };
    let mut rates = Vec::new();
    env.pinned(|| {
        std::thread::scope(|scope| {
            let connections = 0..u64::from(args.streams);
            let course = &course;
            let threads: Vec<_> =
                connections.map(|number| scope.spawn(move || course.converse(number))).collect();
            let (mut before, mut second) = (0, Duration::from_secs(1));
            while !threads.iter().all(|thread| thread.is_finished()) {
                std::thread::sleep(TICK);
                if start.elapsed() >= second {
                    second += Duration::from_secs(1);
                    let (at, now) = (start.elapsed().as_secs_f64(), course.tally().records());
                    rates.push((at, (now - before) as f64));
                    eprintln!("{at:5.0} s  {now:>9} records  {:>7} in this second", now - before);
                    before = now;
                }
            }
        });
    });
    let (elapsed, cpu) = (start.elapsed(), cpu_time(server.pid())? - cpu_before);
    let tally = course.tally().clone();
    Ok(Streamed { tally, elapsed, cpu, samples: monitor.finish(), rates })
}

fn judge(section: &mut Section, tally: &Tally, idle: &IdleCheck) {
    let (records, Tally { wrong, whole, cut, .. }) = (tally.records(), tally);
    section.promise(
        *wrong == 0 && records > 0,
        format!(
            "{records} lines came in order and rightly, {wrong} wrong or missing; {whole} streams to their end, \
             {cut} cut by us"
        ),
    );
    tally.deviations.iter().for_each(|deviation| section.note(deviation.clone()));
    idle.judge_retirements(section, &REASONS_FORBIDDEN);
    idle.promises(section);
    let cancelled = idle.retired("cancelled", |_| true);
    section.note(format!("{cancelled} instances were at work for a client that left"));
}

fn tables(Streamed { tally, elapsed, cpu, samples, .. }: &Streamed) -> [Table; 2] {
    let (seconds, cpu, records) = (elapsed.as_secs_f64(), cpu.as_secs_f64(), tally.records());
    let (sent, received) = (tally.sent_bytes as f64, tally.received_bytes as f64);
    let millis = |time: &Duration| time.as_secs_f64() * 1e3;
    let first_line = tally.first_line.iter().map(millis);
    let first_line = (!tally.first_line.is_empty()).then(|| Spread::of(first_line));
    // Resident memory must not follow what has passed through.
    let resident = || samples.iter().map(|sample| sample.resident_bytes as f64 / MIB);
    let figures: [(&str, Cell); 11] = [
        ("records/s", (records as f64 / seconds).round().into()),
        ("MB/s in", (sent / 1e6 / seconds).into()),
        ("MB/s out", (received / 1e6 / seconds).into()),
        ("server CPU µs/record", (cpu * 1e6 / records.max(1) as f64).into()),
        ("server's core busy %", (cpu / seconds * 100.0).into()),
        ("time to the first line: median (range), ms", first_line.into()),
        ("longest gap between lines, ms", millis(&tally.gap_max).into()),
        ("MiB that passed through, in and out", ((sent + received) / MIB).into()),
        ("resident MiB before the first stream", resident().next().into()),
        ("resident MiB after the last stream", resident().next_back().into()),
        ("most resident MiB", resident().reduce(f64::max).into()),
    ];
    let kinds = ["good", "no JSON (400)", "failing program (422)", "too long (413)"];
    let kinds = kinds.into_iter().zip(tally.right.map(Cell::from));
    [
        Table::pairs("All streams together", ["figure", "value"], figures),
        Table::pairs("What became of every record", ["record", "answered rightly"], kinds),
    ]
}
