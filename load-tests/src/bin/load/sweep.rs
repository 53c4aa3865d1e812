//! Rates up to the knee and past it: how much the service takes, and what it does with more.

use anyhow::{Result, ensure};
use load_tests::generator::{Arrivals, Measured, Pace};
use load_tests::report::{Axis, Mark, Plot, Section, Series};

use crate::environment::{Environment, rate};
use crate::latency::{self, QUANTILES};
use crate::service::{Loaded, Service};

const SUMMARY: &str = "First a closed loop finds out what the service can do; then each rate is offered for the \
    same time to a new server, as shares of that. The knee is the highest rate that was answered in full with a p99 \
    of at most ten times the one at the lowest rate. Past it a good service sheds (503) and goes on \
    answering the rest.";
/// Of the closed loop's throughput.
const SHARES: [f64; 10] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.4];
const KNEE: f64 = 10.0;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: Service,
    /// Rates instead of shares of what a closed loop reaches
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = rate)]
    rates: Vec<f64>,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Sweep: {}", args.service.name());
    let mut section = Section::new("sweep", title, SUMMARY);
    let rates = if args.rates.is_empty() {
        let most = most(&args.service, env, &mut section)?;
        SHARES.map(|share| share * most).to_vec()
    } else {
        args.rates.clone()
    };
    let mut runs = Vec::new();
    for rate in rates {
        if env.stopped() {
            break;
        }
        eprintln!("{rate:.0} requests/s");
        let pace = Pace::Open { per_second: rate, arrivals: Arrivals::Poisson };
        let (running, loaded) = args.service.measure(env, pace, &mut section)?;
        running.stop()?;
        runs.push((rate, loaded.run));
    }

    let names = runs.iter().map(|(rate, run)| (format!("{rate:.0}/s"), run));
    names.clone().for_each(|(name, run)| latency::judge_answers(&mut section, &name, run));
    section.tables.extend(latency::tables(names));
    let knee = knee(&runs);
    match knee {
        Some(knee) => section.note(format!("the knee is at {knee:.0} requests/s")),
        None => section.note("no rate was answered in full"),
    }
    section.plots.extend(plots(&runs, knee));
    Ok(section)
}

/// What a closed loop reaches, as `saturate` measures it.
fn most(service: &Service, env: &Environment, section: &mut Section) -> Result<f64> {
    let (running, Loaded { run, .. }) = service.measure(env, Pace::Closed, section)?;
    running.stop()?;
    let most = run.achieved_per_second();
    let right = most > 0.0 || env.stopped();
    ensure!(right, "a closed loop got no right answer: {:?}", run.error_budget());
    let (connections, errors) = (service.connections, run.errors());
    section.note(format!(
        "a closed loop of {connections} connections: {most:.0} requests/s; {errors} errors"
    ));
    Ok(most)
}

fn knee(runs: &[(f64, Measured)]) -> Option<f64> {
    let in_full = |run: &Measured| {
        run.achieved_per_second() >= run.offered_per_second() * latency::ANSWERED_IN_FULL
    };
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
