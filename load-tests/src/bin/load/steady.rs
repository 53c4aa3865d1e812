//! A fixed rate, whatever the server does: what its users feel.

use anyhow::Result;
use load_tests::figures::Spread;
use load_tests::generator::{Arrivals, Pace};
use load_tests::report::Section;

use crate::environment::{Environment, rate};
use crate::latency::{self, named};
use crate::service::{Loaded, Service};

const SUMMARY: &str = "Requests are due at fixed moments, and the latency of each counts from its moment, \
    also if the server (or a full set of connections) kept it from being sent. A second before the run \
    is not counted.";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: Service,
    /// Requests per second
    #[arg(long, default_value_t = 1000.0, value_name = "N", value_parser = rate)]
    rate: f64,
    /// How often, each time with a new server
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Steady: {}, {} requests/s", args.service.name(), args.rate);
    let mut section = Section::new("steady", title, SUMMARY);
    let pace = Pace::Open { per_second: args.rate, arrivals: Arrivals::Even };
    let (mut runs, mut opinion) = (Vec::new(), None);
    for number in 1..=args.repeats {
        let (running, loaded) = args.service.measure(env, pace, &mut section)?;
        let run = &loaded.run;
        latency::judge_answers(&mut section, &format!("run {number}"), run);
        latency::judge_growth(&mut section, &loaded.samples);
        latency::judge_rate(&mut section, run);
        section.note(format!(
            "99 % of requests were sent within {:.3} ms of their moment",
            run.lateness.value_at_quantile(0.99) as f64 / 1e6
        ));
        if number == args.repeats {
            opinion = running.second_opinion(env, &mut section);
        }
        running.stop()?;
        runs.push(loaded);
        if env.stopped() {
            break;
        }
    }
    let names = runs.iter().zip(1..);
    let names = names.map(|(it, number)| (format!("own generator, run {number}"), &it.run));
    let [mut latencies, outcomes] = latency::tables(names);
    if let Some((said, _)) = opinion {
        let rates = [args.rate, said.answered_per_second.round(), said.errors as f64];
        latencies.row(named("oha", rates.into_iter().chain(said.latency_ms)));
    }
    section.tables.extend([latencies, outcomes]);
    judge_agreement(&mut section, &runs);
    let last = runs.last().map(|it| latency::plots(&it.run, &it.samples));
    section.plots.extend(last.into_iter().flatten());
    Ok(section)
}

/// How far the runs are from one another: a figure that another run does not confirm says little.
fn judge_agreement(section: &mut Section, runs: &[Loaded]) {
    if runs.len() < 2 || section.interrupted {
        return;
    }
    let count = runs.len();
    for (name, quantile, most) in [("p50", 0.5, 5.0), ("p99", 0.99, 15.0)] {
        let spread = Spread::of(runs.iter().map(|it| it.run.latency_ms(quantile)));
        let (apart, text) = ((spread.max / spread.min - 1.0) * 100.0, spread.text(3));
        section.goal(
            apart <= most,
            format!("{name} of {count} runs: {text} ms, {apart:.1} % apart, at most {most:.0} %"),
        );
    }
}
