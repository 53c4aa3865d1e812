//! As fast as answers come: the most that one worker does, and what it costs.

use std::time::Duration;

use anyhow::Result;
use load_tests::generator::{Generator, Measured, Pace};
use load_tests::procfs::cpu_time;
use load_tests::report::{Section, Table};
use load_tests::watch::Watch;
use load_tests::wrk::{self, Wrk};

use crate::latency;
use crate::service::{Running, Service};
use crate::stage::{Stage, span};
use crate::steady::progress;

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

pub(crate) fn run(args: &Args, stage: &Stage) -> Result<Section> {
    let title = format!("Saturate: {}, {} connections", args.service.name(), args.connections);
    let mut section = Section::new("saturate", title, SUMMARY);
    let connections = args.connections.to_string();
    let queue = ["--queue-length", connections.as_str(), "--queue-time", "10s"];
    let running = args.service.start(stage, &queue)?;
    section.command(running.command.clone());

    let exchanges = vec![running.exchange.clone()];
    let watch = running.watch();
    let (measured, cpu) = stage.pinned(|| -> Result<_> {
        let connections = args.connections.into();
        let mut generator = Generator::connect(running.address, connections, exchanges, false)?;
        generator.run(Pace::Closed, WARM_UP, stage.stop(), |_| {})?;
        let before = running.cpu();
        let measured = generator.run(Pace::Closed, args.duration, stage.stop(), progress)?;
        Ok((measured, running.cpu().zip(before).map(|(after, before)| after - before)))
    })?;
    section.interrupted = stage.stopped();
    let mut rows = vec![own(&measured, cpu)];
    if !stage.stopped() {
        match wrk(args, stage, &running, &mut section) {
            Ok(row) => rows.push(row),
            Err(error) => section.note(format!("no cross-check: {error:#}")),
        }
    }
    let looks = watch.map_or_else(Vec::new, Watch::finish);
    if let [own, other] = rows.as_slice() {
        let ratio = own.per_second / other.per_second;
        section.goal(
            (ratio - 1.0).abs() <= AGREEMENT,
            format!("own generator / wrk: {ratio:.3} of the throughput on the same point"),
        );
    }
    latency::promises(&mut section, &measured, &looks);
    section.tables.push(table(&rows));
    latency::error_budget(&mut section, &measured);
    section.plots.push(latency::histogram(&measured));
    section.plots.push(latency::over_time(&measured.seconds));
    section.plots.push(latency::memory(&looks));
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

fn wrk(args: &Args, stage: &Stage, running: &Running, section: &mut Section) -> Result<Row> {
    wrk::version()?;
    let wrk = Wrk::new(&stage.workspace, args.connections.into(), stage.generator_core)?;
    let traffic = running.traffic(stage)?;
    let seconds = u32::try_from(args.duration.as_secs().max(1))?;
    section.command(wrk.command_line(&traffic, seconds));
    let before = running.cpu();
    let run = wrk.run(running.address, &traffic, seconds, stage.stop())?;
    let cpu = running.cpu().zip(before).map(|(after, before)| (after - before).as_secs_f64());
    let ms = |latency: Duration| latency.as_secs_f64() * 1e3;
    Ok(Row {
        name: "wrk",
        per_second: run.requests_per_second(),
        server_us: cpu.map(|cpu| cpu * 1e6 / run.requests as f64),
        server_busy: cpu.map(|cpu| cpu / run.duration.as_secs_f64()),
        generator: None,
        latency_ms: [ms(run.latency_p50), ms(run.latency_p99)],
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
        let figure = |value: Option<f64>| value.map_or_else(|| "".into(), Into::into);
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

impl Running {
    /// The CPU time that the server has used, if it is ours.
    fn cpu(&self) -> Option<Duration> {
        self.server.as_ref().and_then(|server| cpu_time(server.pid()).ok())
    }
}
