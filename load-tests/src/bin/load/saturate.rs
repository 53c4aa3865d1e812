//! As fast as answers come: the most that one worker does, and what it costs.

use std::time::Duration;

use anyhow::{Result, ensure};
use load_tests::generator::{Measured, Pace};
use load_tests::report::{Cell, Section, Table};

use crate::environment::{Environment, span};
use crate::latency;
use crate::service::{Running, Service};

const SUMMARY: &str = "A closed loop: every connection sends its next request when it has its answer, so the server \
    decides on the rate, and latencies say little. The queue is as long as there are connections. \
    Where the server's core is not busy, the generator is what was measured.";
const WARM_UP: Duration = Duration::from_secs(1);
/// What two generators may differ by and still be said to agree.
const AGREEMENT: f64 = 0.1;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) service: Service,
    /// How long
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = span)]
    pub(crate) duration: Duration,
    /// Connections that are kept busy
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
}

/// One generator's run.
struct Row {
    name: &'static str,
    per_second: f64,
    server_us: Option<f64>,
    server_busy: Option<f64>,
    generator: Option<(f64, f64)>,
    latency_ms: [f64; 2],
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Saturate: {}, {} connections", args.service.name(), args.connections);
    let mut section = Section::new("saturate", title, SUMMARY);
    let connections = args.connections.to_string();
    let queue = ["--queue-length", connections.as_str(), "--queue-time", "10s"];
    let running = args.service.start(env, &queue)?;
    section.command(running.command.clone());

    let (measured, cpu, samples) =
        running.load(env, args.connections, WARM_UP, (Pace::Closed, args.duration))?;
    section.interrupted = env.stopped();
    let mut rows = vec![own(&measured, cpu)];
    if !env.stopped() {
        match wrk(args, env, &running, &mut section) {
            Ok(row) => rows.push(row),
            Err(error) => section.note(format!("no cross-check: {error:#}")),
        }
    }
    if let [own, other] = rows.as_slice() {
        let ratio = own.per_second / other.per_second;
        section.goal(
            (ratio - 1.0).abs() <= AGREEMENT,
            format!("own generator / wrk: {ratio:.3} of the throughput on the same point"),
        );
    }
    latency::promises(&mut section, &measured, &samples);
    section.tables.push(table(&rows));
    latency::error_budget(&mut section, &measured);
    section.plots.push(latency::histogram(&measured));
    section.plots.push(latency::over_time(&measured.seconds));
    section.plots.push(latency::memory(&samples));
    running.stop()?;
    Ok(section)
}

fn own(run: &Measured, cpu: Option<Duration>) -> Row {
    Row {
        name: "own generator",
        per_second: run.achieved_per_second(),
        server_us: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / run.latency.len().max(1) as f64),
        server_busy: cpu.map(|cpu| cpu.as_secs_f64() / run.total.as_secs_f64()),
        generator: Some((run.generator_us_per_request(), run.generator_busy())),
        latency_ms: [run.latency_ms(0.5), run.latency_ms(0.99)],
    }
}

fn wrk(args: &Args, env: &Environment, running: &Running, section: &mut Section) -> Result<Row> {
    let check = running.cross_check(env, args.connections, args.duration, None)?;
    section.command(check.command_line(&env.paths)?);
    let before = running.cpu();
    let said = check.run(running.address, &env.paths, env.stop())?;
    ensure!(said.errors == 0, "wrk had {} errors", said.errors);
    let cpu = running.cpu().zip(before).map(|(after, before)| (after - before).as_secs_f64());
    let requests = said.answered_per_second * said.seconds;
    Ok(Row {
        name: "wrk",
        per_second: said.answered_per_second,
        server_us: cpu.map(|cpu| cpu * 1e6 / requests),
        server_busy: cpu.map(|cpu| cpu / said.seconds),
        generator: None,
        latency_ms: [said.latency_ms[0], said.latency_ms[2]],
    })
}

fn table(rows: &[Row]) -> Table {
    let columns = [
        "generator",
        "requests/s",
        "server CPU µs/request",
        "server's core busy %",
        "generator CPU µs/request",
        "generator's core busy %",
        "p50 ms",
        "p99 ms",
    ];
    let mut table = Table::new("The same point by two generators", &columns);
    for row in rows {
        let figure = |figure: Option<f64>| Cell::from(figure);
        table.row(vec![
            row.name.into(),
            row.per_second.round().into(),
            figure(row.server_us),
            figure(row.server_busy.map(|busy| busy * 100.0)),
            figure(row.generator.map(|(us, _)| us)),
            figure(row.generator.map(|(_, busy)| busy * 100.0)),
            row.latency_ms[0].into(),
            row.latency_ms[1].into(),
        ]);
    }
    table
}
