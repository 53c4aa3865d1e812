//! The figures as a table, as a sentence against the target, and as JSON.

use load_tests::figures::Spread;
use load_tests::machine::Machine;
use load_tests::table::Table;
use serde_json::{Value, json};

use crate::contest::{Measurement, Outcome, Round, Target};

type SideOf = fn(&Round) -> Measurement;

/// Every side of every contest: the median and the range of its repeats.
pub(crate) fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        "median (min–max)",
        "requests/s",
        "server CPU, µs/request",
        "core busy",
        "p50 ms",
        "p99 ms",
    ]);
    for outcome in outcomes {
        let sides: [(&str, SideOf); 2] =
            [("native", |round| round.native), ("arenaria", |round| round.sandboxed)];
        for (side, of) in sides {
            let spread = |figure: &dyn Fn(Measurement) -> f64| {
                Spread::of(outcome.rounds.iter().map(|round| figure(of(round))))
            };
            table.row(vec![
                format!("{}: {side}", outcome.contest.name),
                spread(&|it| it.run.requests_per_second()).text(0),
                spread(&|it| it.cpu_us_per_request()).text(2),
                format!("{:.0} %", spread(&|it| it.busy() * 100.0).median),
                format!("{:.2}", spread(&|it| it.run.latency_p50.as_secs_f64() * 1e3).median),
                format!("{:.2}", spread(&|it| it.run.latency_p99.as_secs_f64() * 1e3).median),
            ]);
        }
    }
    table
}

/// One line: both ratios, and the target that one of them has.
pub(crate) fn summary(outcome: &Outcome) -> String {
    let (cpu, throughput) = (cpu_ratio(outcome), throughput_ratio(outcome));
    let (goal, met) = match outcome.contest.target {
        Target::CpuAtMost(most) => (format!("CPU at most {most:.2}"), cpu.median <= most),
        Target::ThroughputAtLeast(least) => {
            (format!("throughput at least {least:.2}"), throughput.median >= least)
        }
    };
    let verdict = if met { "met" } else { "missed" };
    format!(
        "{}: arenaria / native: CPU per request {}, throughput {}; target {goal}: {verdict}",
        outcome.contest.name,
        cpu.text(3),
        throughput.text(3),
    )
}

/// Everything, for a program.
pub(crate) fn json(
    machine: &Machine,
    versions: &[String],
    commands: &[String],
    outcomes: &[Outcome],
) -> String {
    let contests: Vec<Value> = outcomes.iter().map(outcome_json).collect();
    let document = json!({ "machine": machine.json(), "versions": versions, "commands": commands, "contests": contests });
    format!("{document:#}\n")
}

/// The ratio of each round, then the median: a round's two sides met the same machine.
fn cpu_ratio(outcome: &Outcome) -> Spread {
    ratio(outcome, Measurement::cpu_us_per_request)
}

fn throughput_ratio(outcome: &Outcome) -> Spread {
    ratio(outcome, |side| side.run.requests_per_second())
}

fn ratio(outcome: &Outcome, figure: impl Fn(&Measurement) -> f64) -> Spread {
    Spread::of(outcome.rounds.iter().map(|round| figure(&round.sandboxed) / figure(&round.native)))
}

fn outcome_json(outcome: &Outcome) -> Value {
    let (ratio, least, most) = match outcome.contest.target {
        Target::CpuAtMost(most) => ("cpu", Value::Null, json!(most)),
        Target::ThroughputAtLeast(least) => ("throughput", json!(least), Value::Null),
    };
    let rounds = outcome.rounds.iter();
    json!({
        "name": outcome.contest.name,
        "target": { "ratio": ratio, "at_least": least, "at_most": most },
        "cpu_ratio": cpu_ratio(outcome).json(),
        "throughput_ratio": throughput_ratio(outcome).json(),
        "native": rounds.clone().map(|round| side_json(&round.native)).collect::<Vec<_>>(),
        "arenaria": rounds.map(|round| side_json(&round.sandboxed)).collect::<Vec<_>>(),
    })
}

fn side_json(side: &Measurement) -> Value {
    json!({
        "requests": side.run.requests,
        "seconds": side.run.duration.as_secs_f64(),
        "requests_per_second": side.run.requests_per_second(),
        "server_cpu_seconds": side.cpu.as_secs_f64(),
        "server_cpu_us_per_request": side.cpu_us_per_request(),
        "latency_p50_us": side.run.latency_p50.as_micros() as u64,
        "latency_p99_us": side.run.latency_p99.as_micros() as u64,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use load_tests::server::Launch;
    use load_tests::wrk::{Run, Traffic};

    use super::*;
    use crate::contest::{Contest, Expected};

    /// `requests` in a second for `cpu_ms` of CPU.
    fn side(requests: u64, cpu_ms: u64) -> Measurement {
        let latency = Duration::from_micros(250);
        let run = Run {
            requests,
            duration: Duration::from_secs(1),
            latency_p50: latency,
            latency_p99: latency,
        };
        Measurement { run, cpu: Duration::from_millis(cpu_ms) }
    }

    fn outcome(target: Target) -> Outcome {
        let launch = Launch {
            name: "x".into(),
            program: "x".into(),
            args: Vec::new(),
            core: None,
            operator: false,
        };
        let contest = Contest {
            name: "hello".into(),
            native: launch.clone(),
            sandboxed: launch,
            traffic: Traffic { method: "GET", body: None },
            body: Vec::new(),
            expected: Expected::Json(None),
            target,
        };
        // CPU ratios 1.0, 1.2, 3.0 and throughput ratios 1.0, 0.5, 0.5.
        let rounds = [(1000, 100), (500, 60), (500, 150)].map(|(requests, cpu)| Round {
            native: side(1000, 100),
            sandboxed: side(requests, cpu),
        });
        Outcome { contest, rounds: rounds.to_vec() }
    }

    #[test]
    fn ratios_are_medians_of_rounds_against_the_target() {
        let figures = "hello: arenaria / native: CPU per request 1.200 (1.000–3.000), throughput 0.500 (0.500–1.000)";
        let check = |target, verdict: &str| {
            assert_eq!(summary(&outcome(target)), format!("{figures}; {verdict}"))
        };
        check(Target::CpuAtMost(1.1), "target CPU at most 1.10: missed");
        check(Target::CpuAtMost(1.2), "target CPU at most 1.20: met");
        check(Target::ThroughputAtLeast(0.6), "target throughput at least 0.60: missed");
        check(Target::ThroughputAtLeast(0.5), "target throughput at least 0.50: met");
    }

    #[test]
    fn the_table_and_the_json_hold_every_side() {
        let outcomes = [outcome(Target::CpuAtMost(1.1))];
        let table = table(&outcomes).to_string();
        assert!(table.contains("1000 (1000–1000)") && table.contains("500 (500–1000)"), "{table}");
        assert!(table.contains("120.00 (100.00–300.00)"), "{table}");
        let text = json(&Machine::look(), &[], &[], &outcomes);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["contests"][0]["cpu_ratio"]["median"], 1.2);
        assert_eq!(value["contests"][0]["arenaria"].as_array().map(Vec::len), Some(3));
    }
}
