//! A fixed rate, whatever the server does: what its users feel.

use std::time::Duration;

use anyhow::Result;
use load_tests::figures::Spread;
use load_tests::generator::{Arrivals, Measured, Pace};
use load_tests::monitor::Sample;
use load_tests::report::{Cell, Section, Table};

use crate::environment::{Environment, rate, span};
use crate::latency;
use crate::service::{Running, Service};

const SUMMARY: &str = "Requests are due at fixed moments, and the latency of each counts from its moment, \
    also if the server (or a full set of connections) kept it from being sent. Half a second before \
    the run is not counted.";
/// Sent before, and not counted: connections, caches, the CPU's clock.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) service: Service,
    /// Requests per second
    #[arg(long, default_value_t = 1000.0, value_name = "N", value_parser = rate)]
    pub(crate) rate: f64,
    /// How long
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = span)]
    pub(crate) duration: Duration,
    /// Connections that requests are spread over
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
    /// How often, each time with a new server
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeats: u32,
    /// How requests are spread over a second
    #[arg(long, default_value = "even", value_name = "HOW")]
    pub(crate) arrivals: Arrivals,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let title = format!("Steady: {}, {} requests/s", args.service.name(), args.rate);
    let mut section = Section::new("steady", title, SUMMARY);
    let mut table = latency::table("Latency from the moment at which a request was due");
    let mut runs = Vec::new();
    for number in 1..=args.repeats {
        // A server of its own for each: what one run left behind must not help the next.
        let running = args.service.start(env, &[])?;
        section.command(running.command.clone());
        let pace = Pace::Open { per_second: args.rate, arrivals: args.arrivals };
        let (run, _, samples) =
            running.load(env, args.connections, WARM_UP, (pace, args.duration))?;
        section.interrupted = env.stopped();
        latency::promises(&mut section, &run, &samples);
        judge_rate(&mut section, &run);
        section.note(format!(
            "99 % of requests were sent within {:.3} ms of their moment",
            run.lateness.value_at_quantile(0.99) as f64 / 1e6
        ));
        table.row(latency::row(format!("own generator, run {number}"), &run));
        if number == args.repeats && !env.stopped() {
            // A second opinion that cannot be had must not cost the first.
            if let Err(error) = cross_check(args, env, &running, &mut section, &mut table) {
                section.note(format!("no cross-check: {error:#}"));
            }
        }
        running.stop()?;
        runs.push((run, samples));
        if env.stopped() {
            break;
        }
    }
    section.tables.push(table);
    judge_agreement(&mut section, &runs);
    if let Some((run, samples)) = runs.last() {
        latency::error_budget(&mut section, run);
        let over_time = latency::over_time(&run.seconds);
        section.plots.extend([over_time, latency::histogram(run), latency::memory(samples)]);
    }
    Ok(section)
}

/// The same point by a generator that is not ours.
fn cross_check(
    args: &Args,
    env: &Environment,
    running: &Running,
    section: &mut Section,
    table: &mut Table,
) -> Result<()> {
    let check = running.cross_check(env, args.connections, args.duration, Some(args.rate))?;
    section.command(check.command_line(&env.paths)?);
    let said = check.run(running.address, &env.paths, env.stop())?;
    let rates = [args.rate, said.answered_per_second.round()].map(Cell::from);
    let name = match args.arrivals {
        Arrivals::Even => "oha",
        Arrivals::Poisson => "oha, evenly spread",
    };
    let row = [Cell::from(name)].into_iter().chain(rates).chain([said.errors.into()]);
    table.row(row.chain(said.latency_ms.map(Cell::from)).collect());
    Ok(())
}

/// How far the runs are from one another: a figure that another run does not confirm says little.
fn judge_agreement(section: &mut Section, runs: &[(Measured, Vec<Sample>)]) {
    if runs.len() < 2 || section.interrupted {
        return;
    }
    for (name, quantile, most) in [("p50", 0.5, 0.05), ("p99", 0.99, 0.15)] {
        let spread = Spread::of(runs.iter().map(|(run, _)| run.latency_ms(quantile)));
        let apart = spread.max / spread.min - 1.0;
        section.goal(
            apart <= most,
            format!(
                "{name} of {} runs: {} ms, {:.1} % apart, at most {:.0} %",
                runs.len(),
                spread.text(3),
                apart * 100.0,
                most * 100.0
            ),
        );
    }
}

/// Whether what was offered was answered.
pub(crate) fn judge_rate(section: &mut Section, run: &Measured) {
    let (offered, achieved) = (run.offered_per_second(), run.achieved_per_second());
    section.goal(
        achieved >= offered * 0.99,
        format!("{achieved:.0} of {offered:.0} requests/s offered were answered rightly"),
    );
}
