//! Tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cases::SIZES;
use crate::engines::OURS;
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
        let _ = write!(text, "{name:<10}");
        let ratio = |row: &Row| Some(row.figures.get(name)? / row.figures.get(&names[0])?);
        summary.insert(name, means(&mut text, rows, ratio));
        text.push('\n');
    }
    let ours = OURS.into_iter().filter(|ours| names.iter().any(|name| name == ours));
    let ours: BTreeMap<_, _> = ours.map(|ours| (ours, against(&mut text, rows, names, ours))).collect();
    let mut spreads: Vec<f64> = rows.iter().flat_map(|row| row.spread.values().copied()).collect();
    spreads.sort_by(f64::total_cmp);
    if let (Some(median), Some(most)) = (spreads.get(spreads.len() / 2), spreads.get(spreads.len() * 9 / 10)) {
        line!(text, "Slowest turn to fastest: median {median:.2}, nine of ten below {most:.2}.");
    }
    (text, json!({"reference": names[0], "summary": summary, "ours": ours, "rows": rows}))
}

/// How much more the other engines take than one of ours, and the rows in which it takes more than they.
fn against(text: &mut String, rows: &[Row], names: &[String], ours: &str) -> Value {
    let mut summary = BTreeMap::new();
    line!(text, "\nHow many times as much the others take as {ours} (geometric means), and where they take less:");
    for rival in names.iter().filter(|name| !OURS.contains(&name.as_str())) {
        let ratio = |row: &Row| Some(row.figures.get(rival)? / row.figures.get(ours)?);
        let _ = write!(text, "{rival:<10}");
        let means = means(text, rows, ratio);
        let mut behind: Vec<_> = rows.iter().filter_map(|row| Some((row, ratio(row)?))).collect();
        behind.retain(|(_, ratio)| *ratio < 1.0);
        let programs: BTreeSet<_> = behind.iter().map(|(row, _)| &row.id).collect();
        let behind: Vec<_> = behind.iter().map(|(row, ratio)| format!("{} {} {ratio:.2}", row.id, row.size)).collect();
        let (count, list) = (programs.len(), behind.join(", "));
        line!(text, "\n          less in {count} programs{}{list}", if count > 0 { ": " } else { "" });
        summary.insert(rival, json!({"means": means, "programs_behind": count, "behind": behind}));
    }
    json!(summary)
}

/// Appends the geometric means of ratios for each size and all, and gives them.
fn means(text: &mut String, rows: &[Row], ratio: impl Fn(&Row) -> Option<f64>) -> Value {
    let mut means = BTreeMap::new();
    for size in SIZES.into_iter().map(|(size, _)| Some(size)).chain([None]) {
        let chosen = rows.iter().filter(|row| size.is_none_or(|size| size == row.size));
        let logs: Vec<f64> = chosen.filter_map(&ratio).map(f64::ln).collect();
        if !logs.is_empty() {
            let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
            let _ = write!(text, "{:>8} {mean:.3} ({})", size.unwrap_or("all"), logs.len());
            means.insert(size.unwrap_or("all"), json!({"ratio": mean, "rows": logs.len()}));
        }
    }
    json!(means)
}

/// What differs, and counts.
pub(crate) fn differences(all: &[Difference]) -> Report {
    let mut text = String::new();
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for found in all {
        let kind = found.kind.unwrap_or("the same text");
        *counts.entry((&found.engine, kind)).or_default() += 1;
        let remark = match &found.known {
            Some(reason) => format!(" (known: {reason})"),
            None if found.is_right() => String::new(),
            None => " (NOT KNOWN)".to_owned(),
        };
        if found.kind.is_some() || !found.is_right() {
            let short = |text: &str| text.chars().take(300).collect::<String>().replace('\n', "\n         ");
            line!(text, "{} {} {}: {kind}{remark}", found.id, found.size, found.engine);
            line!(text, "   right {}\n   given {}", short(&found.right), short(&found.answer));
        }
    }
    for ((engine, kind), count) in counts {
        line!(text, "{engine:<10}{kind:<16}{count:>6}");
    }
    let listed: Vec<_> = all.iter().filter(|found| found.kind.is_some()).collect();
    (text, json!(listed))
}
