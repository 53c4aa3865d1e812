//! What the rounds of a comparison say together.

use load_tests::figures::Spread;
use load_tests::report::{Axis, Bar, Cell, Plot, Section, Table};

use super::comparison::{Comparison, Measurement, Round};
use super::goal::Goal;
use crate::environment::Environment;

const SUMMARY: &str = "Everybody answers the same requests with the same bytes, on one core, with the generator on \
    another; closed loop. Figures are medians of the rounds with their range; ratios are taken within \
    a round. Where the server's core is busy, throughput is its limit; CPU per request says what an \
    answer costs either way. Nobody's limits are switched off; arenaria's queue is as long as there \
    are connections.";

/// Beyond what the fastest server takes, so that the generator is not what is measured.
const GENERATOR_RESERVE: f64 = 1.3;

/// A figure of one measurement.
type Figure = fn(&Measurement) -> f64;

pub(crate) fn section(comparison: &Comparison, rounds: &[Round], env: &Environment) -> Section {
    let title = format!("Peers: {}", comparison.name);
    let mut section = Section::new("peers", title, SUMMARY);
    section.interrupted = env.stopped();
    comparison.candidates.iter().for_each(|it| section.command(it.launch.command_line()));
    comparison.left_out.iter().for_each(|reason| section.note(reason.clone()));
    comparison.notes.iter().for_each(|note| section.note(note.clone()));
    if rounds.is_empty() {
        return section;
    }
    for (ours, theirs, goal) in &comparison.goals {
        let (Some(ours), Some(theirs)) = (comparison.index(ours), comparison.index(theirs)) else {
            continue;
        };
        let name = |index: usize| &comparison.candidates[index].name;
        let names = format!("{} / {}", name(ours), name(theirs));
        match *goal {
            Goal::CpuAtMost(most) => {
                let ratio = ratio(rounds, ours, theirs, Measurement::server_us);
                let text = ratio.text(2);
                section.goal(
                    ratio.median <= most,
                    format!("{names}: CPU per request {text}, at most {most:.2}"),
                );
            }
            Goal::ThroughputAtLeast(least) => {
                let ratio = ratio(rounds, ours, theirs, Measurement::per_second);
                let text = ratio.text(2);
                section.goal(
                    ratio.median >= least,
                    format!("{names}: throughput {text}, at least {least:.2}"),
                );
            }
        }
    }
    judge_generator(&mut section, comparison, rounds);
    section.tables.push(table(comparison, rounds));
    section.plots.extend([
        bars(comparison, rounds, "Throughput", "requests/s", Measurement::per_second),
        bars(comparison, rounds, "Server CPU", "µs/request", Measurement::server_us),
        bars(comparison, rounds, "Resident memory under load", "MiB", Measurement::resident_mib),
    ]);
    section
}

/// Whether the generator was what was measured: how much more it could have done while the fastest
/// server's core was busy.
fn judge_generator(section: &mut Section, comparison: &Comparison, rounds: &[Round]) {
    let all = 0..comparison.candidates.len();
    let busiest = all
        .map(|index| spread(rounds, index, |it| it.run.generator_busy()))
        .max_by(|one, other| one.median.total_cmp(&other.median));
    let Some(busiest) = busiest else { return };
    let reserve = 1.0 / busiest.median;
    section.goal(
        reserve >= GENERATOR_RESERVE,
        format!(
            "the generator used {:.0} % of its core at the fastest server: it could drive {reserve:.2} \
             times as much, at least {GENERATOR_RESERVE:.2}",
            busiest.median * 100.0
        ),
    );
}

fn table(comparison: &Comparison, rounds: &[Round]) -> Table {
    let columns = [
        "server",
        "requests/s",
        "of the first",
        "errors",
        "server CPU µs/request",
        "server's core busy %",
        "generator's core busy %",
        "p50 ms",
        "p99 ms",
        "resident MiB",
    ];
    let mut table = Table::new("Medians (least–greatest) of the rounds", &columns);
    for (index, candidate) in comparison.candidates.iter().enumerate() {
        let of = |figure: Figure| Cell::from(spread(rounds, index, figure));
        let median = |figure: Figure| Cell::from(spread(rounds, index, figure).median);
        table.row(vec![
            candidate.name.clone().into(),
            of(Measurement::per_second),
            Cell::from(ratio(rounds, index, 0, Measurement::per_second)),
            of(Measurement::errors),
            of(Measurement::server_us),
            median(Measurement::server_busy_percent),
            median(Measurement::generator_busy_percent),
            median(|it| it.run.latency_ms(0.5)),
            median(|it| it.run.latency_ms(0.99)),
            median(Measurement::resident_mib),
        ]);
    }
    table
}

fn bars(
    comparison: &Comparison,
    rounds: &[Round],
    title: &str,
    unit: &str,
    figure: Figure,
) -> Plot {
    let bars = comparison.candidates.iter().enumerate().map(|(index, candidate)| Bar {
        name: candidate.name.clone(),
        value: spread(rounds, index, figure),
    });
    let title = format!("{title}: {}", comparison.name);
    Plot::bars(&title, Axis::linear(unit), bars.collect())
}

fn spread(rounds: &[Round], index: usize, figure: Figure) -> Spread {
    Spread::of(rounds.iter().map(|round| figure(&round[index])))
}

/// The ratio of each round, then the median.
fn ratio(rounds: &[Round], ours: usize, theirs: usize, figure: Figure) -> Spread {
    Spread::of(rounds.iter().map(|round| figure(&round[ours]) / figure(&round[theirs])))
}
