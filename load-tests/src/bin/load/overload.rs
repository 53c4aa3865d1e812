//! Twice as much as the service can do: how much of it is still answered, and how soon the rest is refused.

use anyhow::{Result, ensure};
use load_tests::figures::Spread;
use load_tests::generator::{Arrivals, Measured, Pace};
use load_tests::report::{Cell, Section, Table};

use crate::environment::Environment;
use crate::latency;
use crate::service::Service;

const SUMMARY: &str = "In each round a closed loop finds out what the service can do at most. Then twice that rate is offered \
    to a new server, with its own queue. The goodput is the rate of right answers. A refused request has cost the server its \
    head and its 503, so goodput is lost where a right answer costs little more than that.";
/// Of the closed loop's throughput.
const OFFERED: f64 = 2.0;
/// Part of the peak that must still be answered.
const GOODPUT: f64 = 0.95;
/// How soon half of the refusals must have come, milliseconds.
const REFUSED_MS: f64 = 5.0;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    service: Service,
    /// Connections at twice the rate
    #[arg(long, default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    clients: u16,
    /// How often it is measured, each time with new servers
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
}

/// The most that was answered, and what came of twice as much.
struct Round {
    peak: f64,
    run: Measured,
}

pub(crate) fn run(args: &Args, env: &Environment) -> Result<Section> {
    let (service, clients) = (&args.service, args.clients);
    let title = format!("Overload: {}, {clients} connections", service.name());
    let mut section = Section::new("overload", title, SUMMARY);
    let mut many = service.clone();
    many.connections = clients;
    let mut rounds = Vec::new();
    for number in 1..=args.repeats {
        let (running, loaded) = service.measure(env, Pace::Closed, &mut section)?;
        running.stop()?;
        let peak = loaded.run.achieved_per_second();
        if env.stopped() {
            break;
        }
        ensure!(peak > 0.0, "a closed loop got no right answer: {:?}", loaded.run.error_budget());
        eprintln!("round {number}/{}: {peak:.0} requests/s, now twice that", args.repeats);
        let pace = Pace::Open { per_second: OFFERED * peak, arrivals: Arrivals::Poisson };
        let (running, loaded) = many.measure(env, pace, &mut section)?;
        running.stop()?;
        latency::judge_answers(&mut section, &format!("round {number}"), &loaded.run);
        rounds.push(Round { peak, run: loaded.run });
        if env.stopped() {
            break;
        }
    }
    if rounds.is_empty() {
        return Ok(section);
    }

    let of = |figure: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
    let per_second =
        |count: u64, run: &Measured| (count as f64 / run.elapsed.as_secs_f64()).round();
    let share = of(&|it| it.run.achieved_per_second() / it.peak);
    let refused = of(&|it| it.run.refused_ms(0.5));
    let rows = [
        ("most, requests/s", of(&|it| it.peak.round())),
        ("offered, requests/s", of(&|it| it.run.offered_per_second().round())),
        ("goodput, requests/s", of(&|it| it.run.achieved_per_second().round())),
        ("goodput by the most", share),
        ("refused, requests/s", of(&|it| per_second(it.run.shed(), &it.run))),
        ("not sent, requests/s", of(&|it| per_second(it.run.unsent, &it.run))),
        ("right answers p50 ms", of(&|it| it.run.latency_ms(0.5))),
        ("right answers p99 ms", of(&|it| it.run.latency_ms(0.99))),
        ("refusals, from when they were sent, p50 ms", refused),
        ("refusals, from when they were sent, p99 ms", of(&|it| it.run.refused_ms(0.99))),
    ];
    let mut table = Table::new("At twice the rate", &["figure", "median (least–greatest)"]);
    for (name, spread) in rows {
        table.row(vec![name.into(), Cell::from(spread)]);
    }
    section.tables.push(table);
    section.goal(
        share.median >= GOODPUT,
        format!("goodput {} of the most, at least {GOODPUT}", share.text(3)),
    );
    if rounds.iter().any(|it| it.run.shed() == 0) {
        section.note("a round had no refusals");
        return Ok(section);
    }
    section.goal(
        refused.median <= REFUSED_MS,
        format!("half of the refusals within {} ms, at most {REFUSED_MS}", refused.text(3)),
    );
    Ok(section)
}
