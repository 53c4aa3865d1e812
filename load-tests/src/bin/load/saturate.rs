//! As fast as answers come: the most that one worker does, and what it costs.

use anyhow::Result;
use load_tests::generator::Pace;
use load_tests::report::{Section, Table};

use crate::environment::Environment;
use crate::latency::{self, named};
use crate::service::Service;

const SUMMARY: &str = "A closed loop: every connection sends its next request when it has its answer, so the server \
    decides on the rate, and latencies say little. The queue is as long as there are connections. \
    Where the server's core is not busy, the generator is what was measured.";
/// What two generators may differ by and still be said to agree.
const AGREEMENT: f64 = 0.1;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: Service,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title =
        format!("Saturate: {}, {} connections", args.service.name(), args.service.connections);
    let mut section = Section::new("saturate", title, SUMMARY);
    let (running, loaded) = args.service.measure(env, Pace::Closed, &mut section)?;
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
    let run = &loaded.run;
    table.row(named(
        "own generator",
        [
            Some(run.achieved_per_second().round()),
            loaded.server_us(),
            loaded.server_busy_percent(),
            Some(run.generator_us_per_request()),
            Some(run.generator_busy() * 100.0),
            Some(run.latency_ms(0.5)),
            Some(run.latency_ms(0.99)),
        ],
    ));
    if let Some((said, cpu)) = running.second_opinion(env, &mut section) {
        let requests = said.answered_per_second * said.seconds;
        let server = |scale: f64| cpu.map(|cpu| cpu.as_secs_f64() * scale);
        let (us, busy) = (server(1e6 / requests), server(100.0 / said.seconds));
        let ([p50, _, p99, ..], speed) = (said.latency_ms, said.answered_per_second.round());
        table.row(named("wrk", [Some(speed), us, busy, None, None, Some(p50), Some(p99)]));
        let ratio = run.achieved_per_second() / said.answered_per_second;
        section.goal(
            (ratio - 1.0).abs() <= AGREEMENT,
            format!("own generator / wrk: {ratio:.3} of the throughput on the same point"),
        );
    }
    latency::judge_answers(&mut section, "closed loop", run);
    latency::judge_growth(&mut section, &loaded.samples);
    let [_, outcomes] = latency::tables([("own generator".to_owned(), run)]);
    section.tables.extend([table, outcomes]);
    section.plots.extend(latency::plots(run, &loaded.samples));
    running.stop()?;
    Ok(section)
}
