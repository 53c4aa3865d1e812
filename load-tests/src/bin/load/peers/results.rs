//! What the rounds of a comparison say together, and what one server is held to against another. A goal
//! is reached or missed; it is not a promise.

use load_tests::figures::Spread;
use load_tests::peers::Peer;
use load_tests::report::{Axis, Bar, Cell, Plot, Section, Table};

use super::comparison::{Candidate, Comparison};
use crate::environment::Environment;
use crate::latency::MIB;
use crate::service::Loaded;

const SUMMARY: &str = "Everybody answers the same requests with the same bytes, on one core, with the generator on \
    another; closed loop. Figures are medians of the rounds with their range; ratios are taken within \
    a round. Where the server's core is busy, throughput is its limit; CPU per request says what an \
    answer costs either way. Nobody's limits are switched off; arenaria's queue is as long as there \
    are connections.";
/// Beyond what the fastest server takes, so that the generator is not what is measured.
const GENERATOR_RESERVE: f64 = 1.3;

/// What a server is held to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// CPU per request, as a multiple of the other's.
    CpuAtMost(f64),
    /// Requests per second, as a multiple of the other's.
    ThroughputAtLeast(f64),
}

/// Our server, the other one, and what ours is held to.
pub(super) type Goals = &'static [(Peer, Peer, Goal)];

/// The smallest answer: what it costs to serve at all. The first row is the one goal for hello.
pub(super) const GOALS_HELLO: Goals = &[
    (Peer::Reuse, Peer::Bare, Goal::CpuAtMost(1.10)),
    (Peer::Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(2.0)),
    (Peer::Reuse, Peer::WasiP2, Goal::ThroughputAtLeast(9.0)),
    (Peer::Fresh, Peer::WasiP2, Goal::ThroughputAtLeast(1.0)),
    // The same file in the same mode.
    (Peer::HostedP2, Peer::WasiP2, Goal::ThroughputAtLeast(1.0)),
    (Peer::HostedP2Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(1.0)),
];
/// A webhook's program.
pub(super) const GOALS_JQ: Goals = &[
    (Peer::Reuse, Peer::Bare, Goal::ThroughputAtLeast(0.60)),
    (Peer::Reuse, Peer::WasiP2Reuse, Goal::ThroughputAtLeast(1.0)),
];
/// Our component, bridged, in two hosts.
pub(super) const GOALS_BRIDGED: Goals =
    &[(Peer::BridgedWasmtime, Peer::Bridged, Goal::ThroughputAtLeast(0.80))];

/// A figure of one measurement.
type Figure = fn(&Loaded) -> f64;

const SERVER_US: Figure = |it| it.server_us().unwrap_or_default();
const GENERATOR_BUSY_PERCENT: Figure = |it| it.run.generator_busy() * 100.0;
const RESIDENT_MIB: Figure =
    |it| it.samples.last().map_or(0.0, |sample| sample.resident_bytes as f64 / MIB);

pub(super) fn section(comparison: &Comparison, goals: Goals, env: &Environment) -> Section {
    let title = format!("Peers: {}", comparison.name);
    let mut section = Section::new("peers", title, SUMMARY);
    section.interrupted = env.stopped();
    let candidates = &comparison.candidates;
    candidates.iter().for_each(|it| section.command(it.launch.command_line()));
    comparison.notes.iter().for_each(|note| section.note(note.clone()));
    if candidates.iter().any(|it| it.rounds.is_empty()) {
        return section;
    }
    judge(&mut section, comparison, goals);
    section.tables.push(table(candidates));
    let bars = |title: &str, unit, figure: Figure| {
        let bar = |it: &Candidate| Bar { name: it.peer.name().into(), value: spread(it, figure) };
        let (title, bars) = (format!("{title}: {}", comparison.name), candidates.iter().map(bar));
        Plot::bars(&title, Axis::linear(unit), bars.collect())
    };
    section.plots.extend([
        bars("Throughput", "requests/s", Loaded::per_second),
        bars("Server CPU", "µs/request", SERVER_US),
        bars("Resident memory under load", "MiB", RESIDENT_MIB),
    ]);
    section
}

fn judge(section: &mut Section, comparison: &Comparison, goals: Goals) {
    let candidate = |peer| comparison.candidates.iter().find(|it| it.peer == peer);
    for &(ours, theirs, goal) in goals {
        let (Some(ours), Some(theirs)) = (candidate(ours), candidate(theirs)) else { continue };
        let names = format!("{} / {}", ours.peer.name(), theirs.peer.name());
        match goal {
            Goal::CpuAtMost(most) => {
                let ratio = ratio(ours, theirs, SERVER_US);
                let text = format!("CPU per request {}, at most {most:.2}", ratio.text(2));
                section.goal(ratio.median <= most, format!("{names}: {text}"));
            }
            Goal::ThroughputAtLeast(least) => {
                let ratio = ratio(ours, theirs, Loaded::per_second);
                let text = format!("throughput {}, at least {least:.2}", ratio.text(2));
                section.goal(ratio.median >= least, format!("{names}: {text}"));
            }
        }
    }
    // How much more the generator could have done while the fastest server's core was busy.
    let busy = comparison.candidates.iter().map(|it| spread(it, GENERATOR_BUSY_PERCENT).median);
    let busiest = busy.fold(0.0, f64::max);
    let reserve = 100.0 / busiest;
    section.goal(
        reserve >= GENERATOR_RESERVE,
        format!(
            "the generator used {busiest:.0} % of its core at the fastest server: it could drive {reserve:.2} \
             times as much, at least {GENERATOR_RESERVE:.2}"
        ),
    );
}

fn table(candidates: &[Candidate]) -> Table {
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
    for candidate in candidates {
        let of = |figure: Figure| Cell::from(spread(candidate, figure));
        let median = |figure: Figure| Cell::from(spread(candidate, figure).median);
        table.row(vec![
            candidate.peer.name().into(),
            of(Loaded::per_second),
            Cell::from(ratio(candidate, &candidates[0], Loaded::per_second)),
            of(|it| it.run.errors() as f64),
            of(SERVER_US),
            median(|it| it.server_busy_percent().unwrap_or_default()),
            median(GENERATOR_BUSY_PERCENT),
            median(|it| it.run.latency_ms(0.5)),
            median(|it| it.run.latency_ms(0.99)),
            median(RESIDENT_MIB),
        ]);
    }
    table
}

fn spread(candidate: &Candidate, figure: Figure) -> Spread {
    Spread::of(candidate.rounds.iter().map(figure))
}

/// The ratio of each round, then the median.
fn ratio(ours: &Candidate, theirs: &Candidate, figure: Figure) -> Spread {
    let rounds = ours.rounds.iter().zip(&theirs.rounds);
    Spread::of(rounds.map(|(ours, theirs)| figure(ours) / figure(theirs)))
}
