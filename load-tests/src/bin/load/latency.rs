//! Tables and plots that several scenarios draw of a run: latencies, what became of every request,
//! and memory over time.

use load_tests::generator::{Measured, Second};
use load_tests::monitor::Sample;
use load_tests::report::{Axis, Bar, Cell, Plot, Section, Series, Table};

/// The latencies that are quoted.
pub(crate) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
const COLUMNS: [&str; 9] = [
    "run",
    "offered/s",
    "answered/s",
    "errors",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "max ms",
];
/// Bytes.
pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// An empty table for [`row`]s.
pub(crate) fn table(title: &str) -> Table {
    Table::new(title, &COLUMNS)
}

/// One run: what was offered and achieved, errors beside it, and the latencies of right answers.
pub(crate) fn row(name: impl Into<String>, run: &Measured) -> Vec<Cell> {
    let rates = [run.offered_per_second().round(), run.achieved_per_second().round()];
    let latencies = QUANTILES.map(|(_, quantile)| Cell::from(run.latency_ms(quantile)));
    std::iter::once(Cell::from(name.into()))
        .chain(rates.map(Cell::from))
        .chain([Cell::from(run.errors())])
        .chain(latencies)
        .collect()
}

/// Adds what became of every request that was due.
pub(crate) fn error_budget(section: &mut Section, run: &Measured) {
    let mut table = Table::new("What became of every request", &["outcome", "requests", "share %"]);
    let due = run.due().max(1) as f64;
    let mut bars = Vec::new();
    let right = ("right answer".to_owned(), run.latency.len());
    for (name, count) in [right].into_iter().chain(run.error_budget()) {
        table.row(vec![name.clone().into(), count.into(), (count as f64 / due * 100.0).into()]);
        bars.push(Bar::count(name, count));
    }
    section.tables.push(table);
    section.plots.push(Plot::bars("Error budget", Axis::log("requests"), bars));
}

/// How many answers took how long.
pub(crate) fn histogram(run: &Measured) -> Plot {
    // Eight buckets to a doubling: even steps on a logarithmic axis.
    let mut points = Vec::new();
    let mut low = 1_000.0_f64;
    while low < run.latency.max() as f64 {
        let high = low * 2.0_f64.powf(0.125);
        let count = run.latency.count_between(low as u64, high as u64 - 1);
        if count > 0 || !points.is_empty() {
            points.push(((low * high).sqrt() / 1e6, count as f64));
        }
        low = high;
    }
    let (x, y) = (Axis::log("latency, ms"), Axis::linear("answers"));
    Plot::lines("Histogram of latencies", x, y, vec![Series::new("right answers", points)])
}

/// Latencies second by second.
pub(crate) fn over_time(seconds: &[Second]) -> Plot {
    let of = |name: &str, pick: fn(&Second) -> std::time::Duration| {
        let answered = seconds.iter().filter(|second| second.answered > 0);
        Series::new(name, answered.map(|it| (it.at, pick(it).as_secs_f64() * 1e3)).collect())
    };
    let series = vec![of("p50", |it| it.p50), of("p99", |it| it.p99), of("max", |it| it.max)];
    let (x, y) = (Axis::linear("time, s"), Axis::log("latency, ms"));
    Plot::lines("Latency, second by second", x, y, series)
}

/// Resident memory, linear memory and the arenas' high-water mark over time.
pub(crate) fn memory(samples: &[Sample]) -> Plot {
    let of = |name: &str, pick: &dyn Fn(&Sample) -> Option<f64>| {
        let points = samples
            .iter()
            .filter_map(|sample| Some((sample.at.as_secs_f64(), pick(sample)? / MIB)));
        Series::new(name, points.collect())
    };
    let series = vec![
        of("resident, process", &|sample| Some(sample.resident_bytes as f64)),
        of("linear, all instances", &|sample| sample.memory.as_ref().map(|it| it.linear_bytes)),
        of("high water, one arena", &|sample| sample.memory.as_ref().map(|it| it.high_water_bytes)),
    ];
    Plot::lines("Memory", Axis::linear("time, s"), Axis::linear("MiB"), series)
}

/// A line a second, for a person who waits.
pub(crate) fn progress(second: &Second) {
    eprintln!(
        "{:5.0} s  {:>7} answered  p50 {:>8.3} ms  p99 {:>8.3} ms  {} failed",
        second.at,
        second.answered,
        second.p50.as_secs_f64() * 1e3,
        second.p99.as_secs_f64() * 1e3,
        second.failed
    );
}

/// The promises that hold for any load of good requests: right answers, none failed, and no growth of
/// a linear memory. A run that was ended early has given up what was on its way.
pub(crate) fn promises(section: &mut Section, run: &Measured, samples: &[Sample]) {
    let given_up = if section.interrupted { run.failures.timeout } else { 0 };
    let failed = run.failed() - given_up;
    let (due, right) = (run.due(), run.latency.len());
    section.promise(
        failed == 0 && (right > 0 || section.interrupted),
        format!(
            "{right} of {due} requests were answered rightly, {failed} failed, {} were shed (503)",
            run.shed()
        ),
    );
    let Some(memory) = samples.last().and_then(|sample| sample.memory.as_ref()) else { return };
    section.promise(memory.grows == 0.0, format!("linear memories grew {} times", memory.grows));
}
