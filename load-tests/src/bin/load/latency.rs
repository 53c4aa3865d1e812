//! Tables and plots that several scenarios draw of a run: latencies, what became of every request,
//! and memory over time.

use load_tests::generator::{Measured, Second};
use load_tests::monitor::Sample;
use load_tests::report::{Axis, Cell, Plot, Section, Series, Table};

/// The latencies that are quoted.
pub(crate) const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
/// The share of what was offered that must be answered.
pub(crate) const ANSWERED_IN_FULL: f64 = 0.99;
/// Bytes.
pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// What was offered and achieved in each run, and the latencies of right answers; and what became of every
/// request that was due.
pub(crate) fn tables<'a>(runs: impl IntoIterator<Item = (String, &'a Measured)>) -> [Table; 2] {
    let rates = ["run", "offered/s", "answered/s", "errors"];
    let names = ["p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms"];
    let title = "Latency from the moment at which a request was due";
    let mut latencies = Table::new(title, &[&rates[..], &names].concat());
    let good = ["run", "due", "right", "shed (503)"];
    let bad = ["other refusals", "lost", "wrong body", "not sent", "connections refused"];
    let title = "What became of every request";
    let mut outcomes = Table::new(title, &[&good[..], &bad].concat());
    for (name, run) in runs {
        let rates = [run.offered_per_second(), run.achieved_per_second()].map(f64::round);
        let figures = rates.into_iter().chain([run.errors() as f64]);
        let figures = figures.chain(QUANTILES.map(|(_, quantile)| run.latency_ms(quantile)));
        latencies.row(named(name.as_str(), figures));
        let (shed, failures) = (run.shed(), run.failures);
        let good = [run.due(), run.latency.len(), shed, run.refusals() - shed];
        let bad = [failures.lost(), failures.wrong, run.unsent, failures.connect];
        outcomes.row(named(name, good.into_iter().chain(bad)));
    }
    [latencies, outcomes]
}

/// A row of a table: its name and its figures.
pub(crate) fn named<F: Into<Cell>>(
    name: impl Into<Cell>,
    figures: impl IntoIterator<Item = F>,
) -> Vec<Cell> {
    std::iter::once(name.into()).chain(figures.into_iter().map(Into::into)).collect()
}

/// Latencies and memory of one load.
pub(crate) fn plots(run: &Measured, samples: &[Sample]) -> [Plot; 3] {
    [over_time(&run.seconds), histogram(run), memory(samples)]
}

/// How many answers took how long.
fn histogram(run: &Measured) -> Plot {
    // Eight buckets to a doubling: even steps on a logarithmic axis.
    let buckets = run.latency.iter_log(1_000, 2.0_f64.powf(0.125));
    let buckets = buckets.map(|it| (it.value_iterated_to(), it.count_since_last_iteration()));
    let points = buckets.skip_while(|(_, count)| *count == 0);
    let points = points.map(|(end, count)| (end as f64 / 1e6, count as f64)).collect();
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
        let point = |it: &Sample| Some((it.at.as_secs_f64(), pick(it)? / MIB));
        let points = samples.iter().filter_map(point);
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

/// Adds that good requests had right answers, and none failed. A run that was ended early has given up
/// what was on its way.
pub(crate) fn judge_answers(section: &mut Section, name: &str, run: &Measured) {
    let given_up = if section.interrupted { run.failures.timeout } else { 0 };
    let failed = run.failed() + run.failures.connect - given_up;
    let (due, right, shed) = (run.due(), run.latency.len(), run.shed());
    section.promise(
        failed == 0 && (right > 0 || section.interrupted),
        format!(
            "{name}: {right} of {due} requests were answered rightly, {failed} failed, {shed} were shed (503)"
        ),
    );
}

/// Adds that no linear memory has grown, if the server says.
pub(crate) fn judge_growth(section: &mut Section, samples: &[Sample]) {
    let memory = samples.last().and_then(|sample| sample.memory.as_ref());
    if let Some(grows) = memory.map(|memory| memory.grows) {
        section.promise(grows == 0.0, format!("linear memories grew {grows} times"));
    }
}

/// Whether what was offered was answered.
pub(crate) fn judge_rate(section: &mut Section, run: &Measured) {
    let (offered, achieved) = (run.offered_per_second(), run.achieved_per_second());
    section.goal(
        achieved >= offered * ANSWERED_IN_FULL,
        format!("{achieved:.0} of {offered:.0} requests/s offered were answered rightly"),
    );
}
