//! Tables and plots of a fleet: who did how much when, and what the kill cost.

use std::net::SocketAddr;

use load_tests::report::{Axis, Cell, Lines, Mark, Plot, Series, Table};

use super::fleet::Fleet;
use super::{Run, is_second_life};
use crate::latency;

/// Rates are taken over so many seconds: finer than the time that the process is down.
const STEP: f64 = 0.5;
const MIB: f64 = 1024.0 * 1024.0;

/// Requests, failures and CPU of every life of every process, and of the proxy.
pub(super) fn processes(run: &Run, fleet: &Fleet) -> Table {
    let columns = ["process", "requests", "share %", "failed", "CPU s", "CPU µs/request"];
    let mut table = Table::new("By process, from the proxy's log", &columns);
    let mut row = |name: String, requests: usize, failed: usize, cpu: f64| {
        let share = requests as f64 * 100.0 / run.entries.len().max(1) as f64;
        let each = cpu * 1e6 / requests.max(1) as f64;
        let counts = [Cell::from(requests as u64), share.into(), (failed as u64).into()];
        let name = [Cell::from(name)].into_iter();
        table.row(name.chain(counts).chain([cpu.into(), each.into()]).collect());
    };
    for (index, process) in fleet.processes.iter().enumerate() {
        for (life, figures) in process.lives.iter().enumerate() {
            let (requests, failed) = answered(run, process.address, life);
            row(name(run, fleet, index, life), requests, failed, figures.cpu.as_secs_f64());
        }
    }
    row("proxy (nginx)".into(), run.entries.len(), run.account.failed, run.proxy_cpu.as_secs_f64());
    table
}

/// What the kill cost, and how soon all was well again.
pub(super) fn kill(run: &Run) -> Table {
    let account = &run.account;
    let mut table = Table::new("Around the kill, from the proxy's log", &["what", "figure"]);
    let mut row = |what: &str, figure: Cell| table.row(vec![what.into(), figure]);
    let millis = |moment: Option<u64>| moment.map_or_else(|| "".into(), Cell::from);
    row("requests in flight at the killed process", (account.in_flight as u64).into());
    row("of these, answered all the same", (account.in_flight_answered as u64).into());
    row("sent to it before the proxy noticed", (account.unnoticed as u64).into());
    row("failed there", (account.failed_there() as u64).into());
    row("failed elsewhere", (account.failed_elsewhere as u64).into());
    row("moved to another process", (account.moved as u64).into());
    row("the process was gone after, ms", millis(run.kill.map(|kill| kill.gone - kill.at)));
    row("the first request failed or was moved after, ms", millis(account.notice));
    row("requests answered after the restart", (account.after_restart as u64).into());
    row("from the restart to the first of these, ms", millis(account.rejoin));
    table
}

/// Requests per second over time: a curve for each process, and one for what failed.
pub(super) fn rates(run: &Run, fleet: &Fleet) -> Plot {
    let steps = (run.measured.elapsed.as_secs_f64() / STEP) as usize;
    let curve = |name: String, counts: &dyn Fn(&super::Entry) -> bool| {
        let mut rates = vec![0.0; steps];
        for entry in run.entries.iter().filter(|entry| counts(entry)) {
            // What came after the last whole step has no rate.
            if let Some(rate) = rates.get_mut((run.seconds(entry.end) / STEP) as usize) {
                *rate += 1.0 / STEP;
            }
        }
        let points = rates.into_iter().enumerate();
        Series::new(name, points.map(|(step, rate)| ((step as f64 + 0.5) * STEP, rate)).collect())
    };
    let mut series: Vec<Series> = fleet
        .addresses()
        .into_iter()
        .enumerate()
        .map(|(index, address)| {
            curve(format!("process {}", index + 1), &|entry| {
                entry.last() == Some(address) && !entry.failed()
            })
        })
        .collect();
    series.push(curve("failed".into(), &super::Entry::failed));
    Plot::Lines(Lines {
        title: "Answers by process".into(),
        x: Axis::linear("time, s"),
        y: Axis::linear("requests/s"),
        series,
        marks: marks(run),
    })
}

/// Latency over time, with what happened meanwhile.
pub(super) fn latencies(run: &Run) -> Plot {
    let mut plot = latency::over_time(&run.measured.seconds);
    if let Plot::Lines(lines) = &mut plot {
        lines.marks = marks(run);
    }
    plot
}

/// Resident memory of every process.
pub(super) fn memory(run: &Run, fleet: &Fleet) -> Plot {
    let mut series = Vec::new();
    for (index, process) in fleet.processes.iter().enumerate() {
        for (life, figures) in process.lives.iter().enumerate() {
            let began = run.seconds(figures.began);
            let looks = figures.looks.iter();
            let points =
                looks.map(|look| (began + look.at.as_secs_f64(), look.resident_bytes as f64 / MIB));
            series.push(Series::new(
                format!("process {}", name(run, fleet, index, life)),
                points.collect(),
            ));
        }
    }
    Plot::Lines(Lines {
        title: "Resident memory by process".into(),
        x: Axis::linear("time, s"),
        y: Axis::linear("MiB"),
        series,
        marks: marks(run),
    })
}

fn marks(run: &Run) -> Vec<Mark> {
    let Some(kill) = run.kill else { return Vec::new() };
    let mark = |moment, label: &str| Mark { x: run.seconds(moment), label: label.into() };
    let restarted = kill.restarted.map(|moment| mark(moment, "restarted"));
    [mark(kill.at, "killed")].into_iter().chain(restarted).collect()
}

/// A number, and which life where there are two.
fn name(run: &Run, fleet: &Fleet, index: usize, life: usize) -> String {
    let number = index + 1;
    match (run.kill, fleet.processes[index].lives.len(), life) {
        (Some(_), _, 0) if index == Fleet::KILLED => format!("{number}, until killed"),
        (_, 2.., 1) => format!("{number}, restarted"),
        _ => number.to_string(),
    }
}

/// Requests that were last offered to a process in one of its lives, and those of them that failed.
fn answered(run: &Run, address: SocketAddr, life: usize) -> (usize, usize) {
    let second = |end| is_second_life(run.kill.as_ref(), address, end);
    let entries = run.entries.iter().filter(|entry| entry.last() == Some(address));
    let entries = entries.filter(|entry| second(entry.begin) == (life == 1));
    entries.fold((0, 0), |(all, failed), entry| (all + 1, failed + usize::from(entry.failed())))
}
