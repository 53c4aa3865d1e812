//! Long, with spikes and errors: does memory stay flat?
//!
//! It judges answers and memory, never speed: the limits on time are set far away, because a busy
//! machine must not fail this test.

mod mix;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use load_tests::monitor::{Memory, Monitor, Sample};
use load_tests::report::{Section, Table};
use load_tests::server::{Launch, Server};
use load_tests::trend::{Direction, Trend};

use crate::cases::{Crowd, Rows, judge_deviations};
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
/// A run with fewer readings, one a second, is a few waves at most: where it ends decides on its line.
const READINGS_MIN: usize = 240;
const WORKERS: usize = 2;
const SLOTS: usize = 4;
/// In a spike: twice the slots, so that all are used even if they are spread unevenly.
const CONNECTIONS: usize = 16;
/// Between spikes.
const CONNECTIONS_QUIET: usize = 4;
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
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Soak: {} mixed requests, seed {}", args.requests, env.seed);
    let mut section = Section::new("soak", title, SUMMARY);
    let component = env.paths.component("transform")?.display().to_string();
    let (workers, slots) = (WORKERS.to_string(), SLOTS.to_string());
    let settings = ["--set", "ad-hoc=true", "--workers", &workers, "--slots", &slots];
    // Far away, so that a slow machine sheds nothing and interrupts nothing.
    let times = ["--queue-time", "30s", "--guest-time", "20s"];
    let words = std::iter::once(component.as_str()).chain(settings).chain(times);
    // It may use every core: this is not about speed.
    let launch = Launch { core: None, ..env.arenaria("soak", words)? };
    section.command(launch.command_line());
    let server = launch.start(&env.workspace)?;
    let (rows, elapsed, samples) = soak(args, env, &server);
    let idle = IdleCheck::reached(&server, WORKERS * SLOTS)?;

    section.interrupted = env.stopped();
    if rows.values().any(|row| row.right < row.sent) {
        eprintln!("{}", server.log_tail());
    }
    judge_answers(&mut section, &rows, elapsed);
    idle.judge_retirements(&mut section, &["requested-by-guest", "memory", "trap"]);
    idle.promises(&mut section);
    judge_memory(&mut section, &samples);
    let Memory { sealed_bytes, spills, high_water_bytes, .. } = idle.memory();
    let high = high_water_bytes / 1024.0;
    section.note(format!(
        "{sealed_bytes:.0} bytes sealed by survivors, {spills:.0} spills, high water {high:.0} KiB"
    ));
    let kinds = rows.iter().map(|(kind, row)| (*kind, row.right.into()));
    let title = "What was sent, and answered as it must be";
    section.tables.push(Table::pairs(title, ["kind", "requests"], kinds));
    section.plots.push(latency::memory(&samples));
    server.stop()?;
    Ok(section)
}

/// Sends the cases one after the other, each connection taking the next one that is left. In a spike all
/// connections send, otherwise a quarter of them.
fn soak(args: &Args, env: &Environment, server: &Server) -> (Rows, Duration, Vec<Sample>) {
    let (mix, next, crowd) = (Mix::new(env.seed), AtomicU64::new(0), Crowd::new(server.address));
    let monitor = Monitor::start(server.pid(), server.operator);
    let start = Instant::now();
    let in_time = || start.elapsed() < args.duration && !env.stopped();
    std::thread::scope(|scope| {
        let connection = |index: usize| {
            let only_spikes = index >= CONNECTIONS_QUIET;
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
        let threads: Vec<_> = (0..CONNECTIONS).map(connection).collect();
        let mut progress = PROGRESS_EVERY;
        while in_time() && !threads.iter().all(|thread| thread.is_finished()) {
            std::thread::sleep(SPIKE_POLL * 10);
            if start.elapsed() >= progress {
                eprintln!("{progress:?}: {} requests", next.load(Ordering::Relaxed));
                progress += PROGRESS_EVERY;
            }
        }
        crowd.end();
    });
    (crowd.rows().clone(), start.elapsed(), monitor.finish())
}

fn judge_answers(section: &mut Section, rows: &Rows, elapsed: Duration) {
    let seconds = elapsed.as_secs();
    let right: u64 = rows.values().map(|row| row.right).sum();
    let wrong: u64 = rows.values().map(|row| row.sent - row.right).sum();
    section.promise(
        wrong == 0 && right > 0,
        format!("{right} requests in {seconds} s were answered as they must be, {wrong} were not"),
    );
    judge_deviations(section, rows);
}

/// Resident memory has noise of its own, from the allocator; linear memory has none.
fn judge_memory(section: &mut Section, samples: &[Sample]) {
    let settling = (samples.len() as f64 * SETTLING).ceil() as usize;
    let samples = &samples[settling..];
    let memories = samples.iter().filter_map(|sample| sample.memory.as_ref());
    let mut linear = memories.map(|memory| memory.linear_bytes / MIB);
    if let Some(first) = linear.next() {
        let most = linear.fold(first, f64::max);
        let what = "linear memory of all instances";
        section.note(format!("{what}: {first:.1} MiB, at most {most:.1} MiB"));
    }
    let resident: Vec<f64> =
        samples.iter().map(|sample| sample.resident_bytes as f64 / MIB).collect();
    let count = resident.len();
    let Some(trend) = Trend::of(&resident) else {
        section.note(format!("{count} readings of resident memory are too few for a line"));
        return;
    };
    let Trend { level, change, margin, range } = trend;
    let [percent, percent_margin] = [change, margin].map(|it| it / level * 100.0);
    let figures = format!(
        "{level:.1} MiB on average, {change:+.1} ± {margin:.1} MiB ({percent:+.1} ± {percent_margin:.1} %) over \
         {count} s by a line through it; readings differ by up to {range:.1} MiB"
    );
    if count < READINGS_MIN {
        section.note(format!("too short to judge resident memory: {figures}"));
        return;
    }
    match trend.direction() {
        Direction::Flat => section.promise(true, format!("resident memory is flat: {figures}")),
        Direction::Falling => section.promise(true, format!("resident memory falls: {figures}")),
        Direction::Rising => section.promise(false, format!("resident memory rises: {figures}")),
        Direction::Unclear => section
            .goal(false, format!("it cannot be said whether resident memory is flat: {figures}")),
    }
}
