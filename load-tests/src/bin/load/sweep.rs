//! Rates up to the knee and past it: how much the service takes, and what it does with more.

use std::time::Duration;

use anyhow::{Result, ensure};
use load_tests::generator::{Arrivals, Generator, Measured, Pace};
use load_tests::monitor::Monitor;
use load_tests::report::{Axis, Mark, Plot, Section, Series, Table};

use crate::environment::{Environment, rate, span};
use crate::latency::{self, QUANTILES, progress};
use crate::service::Service;

const SUMMARY: &str = "First a closed loop finds out what the service can do; then each rate is offered for the \
    same time, as shares of that. The knee is the highest rate that was answered in full with a p99 \
    of at most ten times the one at the lowest rate. Past it a good service sheds (503) and goes on \
    answering the rest.";
/// Of the closed loop's throughput.
const SHARES: [f64; 10] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.4];
/// Sent before the closed loop, and not counted.
const WARM_UP: Duration = Duration::from_secs(1);
const ANSWERED_IN_FULL: f64 = 0.99;
const KNEE: f64 = 10.0;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Rates instead of shares of what a closed loop reaches
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = rate)]
    pub(crate) rates: Vec<f64>,
    /// How long each rate is offered
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = span)]
    pub(crate) duration: Duration,
    /// Connections that requests are spread over
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
    /// How requests are spread over a second
    #[arg(long, default_value = "poisson", value_name = "HOW")]
    pub(crate) arrivals: Arrivals,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Sweep: {}", args.service.name());
    let mut section = Section::new("sweep", title, SUMMARY);
    let most = most(args, env, &mut section)?;
    let running = args.service.start(env, &[])?;
    section.command(running.command.clone());

    let templates = vec![running.template.clone()];
    let alone = env.generator_core.is_some();
    let monitor = running.monitor();
    let runs = env.pinned(|| -> Result<_> {
        let connections = args.connections.into();
        let mut generator = Generator::connect(running.address, connections, templates, alone)?;
        let rates = match args.rates.as_slice() {
            [] => SHARES.map(|share| share * most).to_vec(),
            rates => rates.to_vec(),
        };
        let mut runs = Vec::new();
        for rate in rates {
            if env.stopped() {
                break;
            }
            eprintln!("{rate:.0} requests/s");
            let pace = Pace::Open { per_second: rate, arrivals: args.arrivals };
            runs.push((rate, generator.run(pace, args.duration, env.stop(), progress)?));
        }
        Ok(runs)
    });
    let runs = runs?;
    let samples = monitor.map_or_else(Vec::new, Monitor::finish);
    section.interrupted = env.stopped();

    let mut table = latency::table("Each rate, latency from the moment at which a request was due");
    runs.iter().for_each(|(rate, run)| table.row(latency::row(format!("{rate:.0}/s"), run)));
    section.tables.extend([table, outcomes(&runs)]);
    let knee = knee(&runs);
    match knee {
        Some(knee) => section.note(format!("the knee is at {knee:.0} requests/s")),
        None => section.note("no rate was answered in full"),
    }
    for (_, run) in &runs {
        let failed = run.failed();
        if failed > 0 && !section.interrupted {
            let offered = run.offered_per_second();
            section.promise(false, format!("{failed} requests failed at {offered:.0} requests/s"));
        }
    }
    section.plots.extend(plots(&runs, knee));
    section.plots.push(latency::memory(&samples));
    running.stop()?;
    Ok(section)
}

/// What a closed loop reaches, as `saturate` measures it: on a server of its own, with a queue as long
/// as there are connections.
fn most(args: &Args, env: &Environment, section: &mut Section) -> Result<f64> {
    if !args.rates.is_empty() {
        return Ok(0.0);
    }
    let connections = args.connections.to_string();
    let queue = ["--queue-length", connections.as_str(), "--queue-time", "10s"];
    let running = args.service.start(env, &queue)?;
    section.command(running.command.clone());
    let (run, ..) = running.load(env, args.connections, WARM_UP, (Pace::Closed, args.duration))?;
    running.stop()?;
    let most = run.achieved_per_second();
    ensure!(
        most > 0.0 || env.stopped(),
        "a closed loop got no right answer: {:?}",
        run.error_budget()
    );
    section.note(format!(
        "a closed loop of {} connections: {most:.0} requests/s; {} errors",
        args.connections,
        run.errors()
    ));
    Ok(most)
}

/// What became of requests at each rate: shed ones apart from failed ones.
fn outcomes(runs: &[(f64, Measured)]) -> Table {
    let columns = ["rate", "due", "right", "shed (503)", "other errors", "not sent"];
    let mut table = Table::new("What became of every request", &columns);
    for (rate, run) in runs {
        let shed = run.shed();
        table.row(vec![
            format!("{rate:.0}/s").into(),
            run.due().into(),
            run.latency.len().into(),
            shed.into(),
            (run.errors() - shed - run.unsent).into(),
            run.unsent.into(),
        ]);
    }
    table
}

fn knee(runs: &[(f64, Measured)]) -> Option<f64> {
    let in_full =
        |run: &Measured| run.achieved_per_second() >= run.offered_per_second() * ANSWERED_IN_FULL;
    let least = runs.first().filter(|(_, run)| in_full(run))?.1.latency_ms(0.99);
    let good =
        runs.iter().take_while(|(_, run)| in_full(run) && run.latency_ms(0.99) <= least * KNEE);
    good.last().map(|(rate, _)| *rate)
}

fn plots(runs: &[(f64, Measured)], knee: Option<f64>) -> Vec<Plot> {
    let marks: Vec<Mark> = knee.map(|x| Mark { x, label: "knee".into() }).into_iter().collect();
    let curve = |name: &str, of: &dyn Fn(&Measured) -> f64| {
        Series::new(name, runs.iter().map(|(rate, run)| (*rate, of(run))).collect())
    };
    let x = Axis::linear("offered, requests/s");
    let latencies = QUANTILES[..4].iter();
    let latencies = latencies.map(|(name, quantile)| curve(name, &|run| run.latency_ms(*quantile)));
    let rates = vec![
        curve("offered", &|run| run.offered_per_second()),
        curve("answered", &|run| run.achieved_per_second()),
        curve("errors", &|run| run.errors() as f64 / run.elapsed.as_secs_f64()),
    ];
    let latency = Axis::log("latency, ms");
    vec![
        Plot::lines("Latency against rate", x.clone(), latency, latencies.collect())
            .with_marks(&marks),
        Plot::lines("Answered against offered", x, Axis::linear("requests/s"), rates)
            .with_marks(&marks),
    ]
}
