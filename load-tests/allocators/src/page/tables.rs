//! The numbers as tables and charts.

use std::fmt::Write as _;

use measured::plot::{Bar, Chart};
use measured::statistics::geometric_mean;
use measured::text::{processor, thousands};

use super::{Measured, Row};
use crate::memory::{Churned, Used};
use crate::subjects::{ALLOCATORS, BASELINE, BUMP, OURS};

/// What stands for a figure that does not exist.
const NONE: &str = "–";

/// A column of a table: its head, and a cell for each allocator.
type Column = (String, Vec<String>);

/// All blocks of the page, by name.
pub(super) fn all(measured: &Measured) -> Vec<(&'static str, String)> {
    let (instructions, times) =
        (instructions as fn(&Row) -> [f64; 3], nanoseconds as fn(&Row) -> [f64; 3]);
    vec![
        ("machine", machine()),
        ("instructions", ratios(measured, instructions)),
        ("times", ratios(measured, times)),
        ("absolute", absolute(measured)),
        ("peak", peak(measured)),
        ("churn", churn(measured)),
        ("spike", spike(measured)),
        ("code", code(measured)),
        ("goals", goals(measured)),
    ]
}

/// All plots, by the name of their file.
pub(super) fn charts(measured: &Measured) -> Vec<(&'static str, Vec<Chart>)> {
    let chart = |title: String, value: &dyn Fn(usize) -> (f64, String)| Chart {
        title,
        bars: ALLOCATORS
            .iter()
            .enumerate()
            .map(|(at, allocator)| {
                let (value, text) = value(at);
                Bar { label: allocator.title.into(), value, text, marked: allocator.name == OURS }
            })
            .collect(),
    };
    let speed = measured.programs.iter().map(|(program, rows)| {
        let title = format!("{}: instructions, dlmalloc (wasi-libc) = 1", program.name);
        chart(title, &|at| {
            let ratio = ratio(rows, at, instructions);
            (ratio, format!("{ratio:.2}"))
        })
    });
    let lost = chart("KiB lost after the churn".into(), &|at| {
        let lost = measured.churns[at].map(|churned| churned.lost);
        (lost.unwrap_or(0) as f64, lost.map_or(NONE.into(), kib))
    });
    let touched = chart("KiB touched after the churn".into(), &|at| {
        let touched = measured.churns[at].map(|churned| churned.used.touched);
        (touched.unwrap_or(0) as f64, touched.map_or(NONE.into(), kib))
    });
    vec![("allocators-speed.svg", speed.collect()), ("allocators-memory.svg", vec![lost, touched])]
}

fn instructions(row: &Row) -> [f64; 3] {
    row.instructions
}

fn nanoseconds(row: &Row) -> [f64; 3] {
    row.nanoseconds
}

/// Geometric mean over the sizes of a figure, as a multiple of the baseline's.
fn ratio(rows: &[Row], at: usize, of: fn(&Row) -> [f64; 3]) -> f64 {
    let baseline = of(&rows[place(BASELINE)]);
    let ratios: Vec<f64> =
        of(&rows[at]).iter().zip(baseline).map(|(figure, base)| figure / base).collect();
    geometric_mean(&ratios)
}

impl Measured {
    /// The rows of a program.
    fn rows(&self, name: &str) -> &[Row] {
        let (_, rows) =
            self.programs.iter().find(|(program, _)| program.name == name).expect("a program");
        rows
    }
}

/// The place of an allocator in each list.
fn place(name: &str) -> usize {
    let place = ALLOCATORS.iter().position(|allocator| allocator.name == name);
    place.expect("it is in the list")
}

fn machine() -> String {
    format!("Measured on {} by `cargo xtask allocators`.\n", processor())
}

/// A row for each allocator, and a column for each program: multiples of the baseline.
fn ratios(measured: &Measured, of: fn(&Row) -> [f64; 3]) -> String {
    let mut columns: Vec<Column> = Vec::new();
    for (program, rows) in &measured.programs {
        let cells = (0..rows.len()).map(|at| format!("{:.2}", ratio(rows, at, of))).collect();
        columns.push((program.name.into(), cells));
    }
    table(&columns)
}

fn absolute(measured: &Measured) -> String {
    let mut text = String::new();
    for (program, rows) in &measured.programs {
        let _ = writeln!(text, "**{}** ({})\n", program.name, program.about);
        let mut columns: Vec<Column> = Vec::new();
        for (at, (size, _)) in crate::documents::SIZES.iter().enumerate() {
            let counts = rows.iter().map(|row| thousands(row.instructions[at])).collect();
            columns.push((format!("{size}: instructions"), counts));
            let times =
                rows.iter().map(|row| format!("{:.1}", row.nanoseconds[at] / 1e3)).collect();
            columns.push((format!("{size}: µs"), times));
        }
        text.push_str(&table(&columns));
        text.push('\n');
    }
    text
}

fn peak(measured: &Measured) -> String {
    let mut columns: Vec<Column> = Vec::new();
    for (program, rows) in measured.programs.iter().filter(|(program, _)| program.name != "hello") {
        let touched = rows.iter().map(|row| kib(row.peak.touched)).collect();
        columns.push((format!("{}: KiB touched", program.name), touched));
        let grown = rows.iter().map(|row| row.peak.growth.calls.to_string()).collect();
        columns.push(("`memory.grow`".into(), grown));
    }
    table(&columns)
}

fn churn(measured: &Measured) -> String {
    let of = |cell: &dyn Fn(&Churned) -> String| {
        let churns = measured.churns.iter();
        churns.map(|churned| churned.as_ref().map_or(NONE.into(), cell)).collect()
    };
    table(&[
        ("requests".into(), of(&|churned| thousands(f64::from(churned.requests)))),
        ("KiB alive".into(), of(&|churned| kib(churned.live))),
        ("KiB lost".into(), of(&|churned| kib(churned.lost))),
        ("KiB free".into(), of(&|churned| kib(churned.free))),
        ("largest free block, KiB".into(), of(&|churned| kib(churned.largest))),
        ("linear memory, KiB".into(), of(&|churned| kib(churned.used.growth.memory))),
        ("KiB touched".into(), of(&|churned| kib(churned.used.touched))),
        ("`memory.grow`".into(), of(&|churned| churned.used.growth.calls.to_string())),
    ])
}

fn spike(measured: &Measured) -> String {
    let of = |cell: &dyn Fn(&Used) -> String| measured.spikes.iter().map(cell).collect();
    table(&[
        ("linear memory, KiB".into(), of(&|used| kib(used.growth.memory))),
        ("KiB touched".into(), of(&|used| kib(used.touched))),
        ("`memory.grow`".into(), of(&|used| used.growth.calls.to_string())),
    ])
}

fn code(measured: &Measured) -> String {
    let hello = measured.rows("hello");
    let bump = hello[place(BUMP)].code as f64;
    let more = hello.iter().map(|row| format!("{:+.0}", row.code as f64 - bump)).collect();
    let code = hello.iter().map(|row| thousands(row.code as f64)).collect();
    let start =
        |name: &str| measured.rows(name).iter().map(|row| format!("{:.0}", row.start)).collect();
    table(&[
        ("bytes of code in hello".into(), code),
        ("more than the plain bump".into(), more),
        ("start of hello, µs".into(), start("hello")),
        ("start of jaq, µs".into(), start("jaq")),
    ])
}

/// What the project set out to reach, and what was measured.
fn goals(measured: &Measured) -> String {
    let ours = place(OURS);
    let mut text = String::from("| goal | measured | |\n|---|---|---|\n");
    let mut goal = |name: &str, value: String, met: bool| {
        let _ = writeln!(text, "| {name} | {value} | {} |", if met { "met" } else { "missed" });
    };
    for (of, unit) in
        [(instructions as fn(&Row) -> [f64; 3], "instructions"), (nanoseconds, "time")]
    {
        for (program, least) in [("jaq", 1.10), ("probe", 1.50)] {
            let faster = 1.0 / ratio(measured.rows(program), ours, of);
            let name = format!("{program}, {unit}: ≥ {least:.2} × as fast as wasi-libc's dlmalloc");
            goal(&name, format!("{faster:.2} ×"), faster >= least);
        }
        for (program, rows) in &measured.programs {
            let best = ALLOCATORS.iter().enumerate().filter(|(_, allocator)| allocator.frees);
            let best = best.map(|(at, allocator)| (ratio(rows, at, of), allocator.title));
            let best =
                best.min_by(|one, other| one.0.total_cmp(&other.0)).expect("some allocators");
            let behind = ratio(rows, ours, of) / best.0;
            let name = format!("{}, {unit}: within 3 % of the best that can free", program.name);
            goal(&name, format!("{:+.1} % ({})", (behind - 1.0) * 100.0, best.1), behind <= 1.03);
        }
    }
    let hello = measured.rows("hello");
    let code = hello[ours].code.saturating_sub(hello[place(BUMP)].code);
    goal("code of the arena in hello ≤ 3072 B", format!("{code} B"), code <= 3072);
    let grown: u32 = measured.programs.iter().map(|(_, rows)| rows[ours].peak.growth.calls).sum();
    goal("no `memory.grow`", grown.to_string(), grown == 0);
    for program in ["jaq", "engine"] {
        let rows = measured.rows(program);
        let more = rows[ours].peak.touched as f64 / rows[place(BASELINE)].peak.touched as f64;
        let name = format!("{program}: memory for 1 MiB ≤ 1.25 × that with wasi-libc's dlmalloc");
        goal(&name, format!("{more:.2} ×"), more <= 1.25);
    }
    text
}

fn table(columns: &[Column]) -> String {
    let mut text = String::from("| allocator |");
    for (head, _) in columns {
        let _ = write!(text, " {head} |");
    }
    let _ = writeln!(text, "\n|---|{}", "--:|".repeat(columns.len()));
    for (at, allocator) in ALLOCATORS.iter().enumerate() {
        let _ = write!(text, "| {} |", allocator.title);
        for (_, cells) in columns {
            let _ = write!(text, " {} |", cells[at]);
        }
        text.push('\n');
    }
    text
}

fn kib(bytes: usize) -> String {
    thousands((bytes / 1024) as f64)
}
