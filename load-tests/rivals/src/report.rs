//! Tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cases::SIZES;
use crate::measure::{Difference, Row};

/// A report as text and as JSON.
pub(crate) type Report = (String, Value);

/// Appends a line. A `String` takes every write.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {
        let _ = writeln!($text, $($arguments)*);
    };
}

/// A table of figures in a `unit`, and how the engines compare with the first one: over 1, they take more.
pub(crate) fn table(rows: &[Row], names: &[String], unit: (&str, f64)) -> Report {
    let mut text = format!("{:<6}{:<42}{:>5}", "id", unit.0, "");
    for name in names {
        let _ = write!(text, "{name:>12}     ratio");
    }
    text.push('\n');
    for row in rows {
        let _ = write!(text, "{:<6}{:<42.41}{:>5}", row.id, row.name, row.size);
        for name in names {
            let _ = match row.figures.get(name) {
                Some(figure) => write!(text, "{:>12.2}{:>9.2}", figure / unit.1, figure / row.figures[&names[0]]),
                None => write!(text, "{:>21}", "-"),
            };
        }
        text.push('\n');
    }
    line!(text, "\nGeometric means of the ratios to {} (rows with the same answer):", names[0]);
    let mut summary = BTreeMap::new();
    for name in &names[1..] {
        let mut means = BTreeMap::new();
        let _ = write!(text, "{name:<8}");
        for size in SIZES.into_iter().map(|(size, _)| Some(size)).chain([None]) {
            let chosen = rows.iter().filter(|row| size.is_none_or(|size| size == row.size));
            let ratios = chosen.filter_map(|row| Some(row.figures.get(name)? / row.figures.get(&names[0])?));
            let logs: Vec<f64> = ratios.map(f64::ln).collect();
            if !logs.is_empty() {
                let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
                let _ = write!(text, "{:>8} {mean:.3} ({})", size.unwrap_or("all"), logs.len());
                means.insert(size.unwrap_or("all"), json!({"ratio": mean, "rows": logs.len()}));
            }
        }
        text.push('\n');
        summary.insert(name, means);
    }
    let mut spreads: Vec<f64> = rows.iter().flat_map(|row| row.spread.values().copied()).collect();
    spreads.sort_by(f64::total_cmp);
    if let (Some(median), Some(most)) = (spreads.get(spreads.len() / 2), spreads.get(spreads.len() * 9 / 10)) {
        line!(text, "Slowest turn to fastest: median {median:.2}, nine of ten below {most:.2}.");
    }
    (text, json!({"reference": names[0], "summary": summary, "rows": rows}))
}

/// What differs, and counts.
pub(crate) fn differences(all: &[Difference]) -> Report {
    let mut text = String::new();
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for found in all {
        *counts.entry((&found.engine, found.kind.unwrap_or("the same text"))).or_default() += 1;
        let Some(kind) = found.kind else { continue };
        let short = |text: &str| text.chars().take(300).collect::<String>().replace('\n', "\n         ");
        line!(text, "{} {} {}: {kind}", found.id, found.size, found.engine);
        line!(text, "   right {}\n   given {}", short(&found.right), short(&found.answer));
    }
    for ((engine, kind), count) in counts {
        line!(text, "{engine:<8}{kind:<16}{count:>6}");
    }
    let listed: Vec<_> = all.iter().filter(|found| found.kind.is_some()).collect();
    (text, json!(listed))
}
