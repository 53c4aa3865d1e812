//! Two reports, figure by figure: did it become better or worse, or can that not be told?
//!
//! A figure has as many values as it was measured: by repeats of a scenario, or by adding to a report. It has changed if
//! the two ranges do not overlap, and the medians differ by more than a tolerance. With three values on each side, ranges
//! of equal figures do not overlap in one case of ten; with five, in one of 126. With fewer than three nothing is said.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::figures::Spread;
use crate::report::{Report, Section};
use crate::table::{Cell, Table};

/// So many values are needed on each side.
const VALUES_MIN: usize = 3;

/// Two reports compared.
#[derive(Debug)]
pub struct Comparison {
    /// The figures that both have, in the order of the first.
    pub figures: Vec<Compared>,
    /// The names of those that one of them has alone.
    pub unpaired: Vec<String>,
}

/// A figure of two reports.
#[derive(Debug)]
pub struct Compared {
    /// Scenario, table, row and column.
    pub name: String,
    /// Of the first report.
    pub old: Spread,
    /// Of the second.
    pub new: Spread,
    /// The second by the first: of the medians, and of the ends of the ranges.
    pub ratio: Spread,
    /// What that says.
    pub change: Change,
}

/// What two ranges of a figure say.
#[derive(Clone, Copy, Debug, strum::Display, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum Change {
    /// More where more is good, or less where less is.
    Better,
    /// The reverse.
    #[strum(serialize = "WORSE")]
    Worse,
    /// The ranges overlap, or the medians differ by the tolerance at most.
    Same,
    /// There are too few values.
    Unclear,
}

/// Which way a figure should go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    More,
    Less,
}

/// The values of a figure by its name, in the order in which they came.
#[derive(Default)]
struct Figures {
    names: Vec<String>,
    values: BTreeMap<String, (Aim, Values)>,
}

/// The values of one figure, or the ends and the middle of several.
#[derive(Default)]
struct Values {
    all: Vec<f64>,
    count: usize,
}

impl Comparison {
    /// Compares what a newer report says with what an older one says. `tolerance` is a part of the older figure.
    ///
    /// # Errors
    ///
    /// If they have no figure in common.
    pub fn new(old: &Report, new: &Report, tolerance: f64) -> Result<Self> {
        let (old, mut new) = (Figures::of(old), Figures::of(new));
        let (mut figures, mut unpaired) = (Vec::new(), Vec::new());
        for name in old.names {
            let (aim, before) = &old.values[&name];
            match new.values.remove(&name) {
                Some((_, after)) => {
                    figures.push(Compared::new(name, *aim, before, &after, tolerance));
                }
                None => unpaired.push(name),
            }
        }
        unpaired.extend(new.values.into_keys());
        ensure!(
            !figures.is_empty(),
            "expected two reports of one scenario, got no figure that both have"
        );
        Ok(Self { figures, unpaired })
    }

    /// Whether a figure has become worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.figures.iter().any(|figure| figure.change == Change::Worse)
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut table = Table::new("", &["figure", "old", "new", "new / old", "verdict"]);
        for figure in &self.figures {
            let Compared { name, old, new, ratio, change } = figure;
            let ratio = ratio.text(3).into();
            let cells = [(*old).into(), (*new).into(), ratio, change.to_string().into()];
            table.row(std::iter::once(Cell::from(name.as_str())).chain(cells).collect());
        }
        let unpaired = self.unpaired.iter().map(|name| format!("only in one report: {name}\n"));
        table.text() + &unpaired.collect::<String>()
    }
}

impl Compared {
    fn new(name: String, aim: Aim, before: &Values, after: &Values, tolerance: f64) -> Self {
        let (old, new) =
            (Spread::of(before.all.iter().copied()), Spread::of(after.all.iter().copied()));
        // Nothing, twice, is the same.
        let by = |new: f64, old: f64| if new == old { 1.0 } else { new / old };
        let ratio = Spread {
            min: by(new.min, old.max),
            median: by(new.median, old.median),
            max: by(new.max, old.min),
            count: before.count.min(after.count),
        };
        let is_more = ratio.min > 1.0 && ratio.median > 1.0 + tolerance;
        let is_less = ratio.max < 1.0 && ratio.median < 1.0 - tolerance;
        let change = match aim {
            _ if before.count.min(after.count) < VALUES_MIN => Change::Unclear,
            _ if !is_more && !is_less => Change::Same,
            Aim::More if is_more => Change::Better,
            Aim::Less if is_less => Change::Better,
            Aim::More | Aim::Less => Change::Worse,
        };
        Self { name, old, new, ratio, change }
    }
}

impl Figures {
    fn of(report: &Report) -> Self {
        let mut figures = Self::default();
        report.sections.iter().for_each(|section| figures.read(section));
        figures
    }

    fn read(&mut self, section: &Section) {
        for table in &section.tables {
            for row in &table.rows {
                let Some(Cell::Text(name)) = row.first() else { continue };
                // Repeats are rows of their own.
                let name = name.split_once(", run ").map_or(name.as_str(), |(name, _)| name);
                for (cell, column) in row.iter().zip(&table.columns).skip(1) {
                    let (values, count) = match cell {
                        Cell::Number(number) if number.is_finite() => (vec![*number], 1),
                        // Of one in an older report it is not known.
                        Cell::Spread(spread) => {
                            (vec![spread.min, spread.median, spread.max], spread.count)
                        }
                        Cell::Number(_) | Cell::Text(_) => continue,
                    };
                    let Some(aim) = aim(column) else { continue };
                    self.add(format!("{}: {name}: {column}", section.title), aim, &values, count);
                }
            }
        }
    }

    fn add(&mut self, name: String, aim: Aim, values: &[f64], count: usize) {
        if !self.values.contains_key(&name) {
            self.names.push(name.clone());
        }
        let (_, known) = self.values.entry(name).or_insert_with(|| (aim, Values::default()));
        known.all.extend(values);
        known.count += count;
    }
}

/// Which way the figures of a column should go, as its unit tells. What was asked for, and the generator's own effort, are not
/// judged.
fn aim(column: &str) -> Option<Aim> {
    const GIVEN: [&str; 5] = ["offered", "due", "generator", "of the first", "flood"];
    const LESS: [&str; 8] = ["ms", "µs", "MiB", "KiB", "errors", "lost", "wrong", "CPU"];
    let has = |words: &[&str]| words.iter().any(|word| column.contains(word));
    if has(&GIVEN) {
        return None;
    }
    // `MiB/s` is a speed, not a size, and `µs/request` a time, not a speed.
    if column.ends_with("/s") || column.contains("/s ") || column == "share" {
        return Some(Aim::More);
    }
    has(&LESS).then_some(Aim::Less)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [&str; 5] = ["run", "offered/s", "answered/s", "errors", "p99 ms"];

    /// A report with one row for each repeat.
    fn report(repeats: &[[f64; 4]]) -> Report {
        let mut table = Table::new("Latency", &COLUMNS);
        for (repeat, number) in repeats.iter().zip(1..) {
            let name = format!("own generator, run {number}");
            let figures = repeat.iter().map(|figure| Cell::from(*figure));
            table.row(std::iter::once(Cell::from(name)).chain(figures).collect());
        }
        let mut section = Section::new("steady", "Steady".into(), "");
        section.tables.push(table);
        let mut report = Report::new("load steady".into(), Vec::new());
        report.sections.push(section);
        report
    }

    fn changes(old: &[[f64; 4]], new: &[[f64; 4]]) -> Vec<Change> {
        let compared = Comparison::new(&report(old), &report(new), 0.05).unwrap();
        compared.figures.iter().map(|figure| figure.change).collect()
    }

    const OLD: [[f64; 4]; 3] =
        [[100.0, 99.0, 0.0, 1.0], [100.0, 100.0, 0.0, 1.2], [100.0, 98.0, 0.0, 1.1]];

    #[test]
    fn more_answers_and_shorter_times_are_better() {
        let new = [[100.0, 120.0, 0.0, 0.5], [100.0, 130.0, 0.0, 0.6], [100.0, 125.0, 0.0, 0.7]];
        assert_eq!(changes(&OLD, &new), [Change::Better, Change::Same, Change::Better]);
        assert_eq!(changes(&new, &OLD), [Change::Worse, Change::Same, Change::Worse]);
    }

    #[test]
    fn errors_where_there_were_none_are_worse() {
        let new = OLD.map(|[offered, answered, _, time]| [offered, answered, 3.0, time]);
        assert_eq!(changes(&OLD, &new), [Change::Same, Change::Worse, Change::Same]);
        assert_eq!(changes(&new, &OLD), [Change::Same, Change::Better, Change::Same]);
    }

    #[test]
    fn what_overlaps_or_differs_little_is_the_same() {
        let new = [[100.0, 101.0, 0.0, 1.3], [100.0, 102.0, 0.0, 1.9], [100.0, 101.5, 0.0, 1.15]];
        assert_eq!(changes(&OLD, &new), [Change::Same; 3]);
    }

    #[test]
    fn two_repeats_tell_nothing() {
        let new = [[100.0, 500.0, 0.0, 0.1]; 3];
        assert_eq!(changes(&OLD[..2], &new), [Change::Unclear; 3]);
    }

    #[test]
    fn a_spread_has_as_many_values_as_it_was_made_of() {
        let with = |values: &[f64]| {
            let mut report = report(&[[0.0; 4]]);
            let cell = Spread::of(values.iter().copied()).into();
            report.sections[0].tables[0].rows =
                vec![vec!["hello".into(), "".into(), cell, "".into(), "".into()]];
            report
        };
        let change = |old: &[f64], new: &[f64]| {
            Comparison::new(&with(old), &with(new), 0.05).unwrap().figures[0].change
        };
        assert_eq!(change(&[1.0], &[2.0]), Change::Unclear);
        assert_eq!(change(&[1.0, 1.1, 1.2], &[2.0, 2.1, 2.2]), Change::Better);
    }

    #[test]
    fn the_ratio_has_its_range() {
        let new = [[100.0, 198.0, 0.0, 1.0]; 3];
        let compared = Comparison::new(&report(&OLD), &report(&new), 0.05).unwrap();
        let ratio = compared.figures[0].ratio;
        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 198.0 / 100.0, 198.0 / 98.0));
        assert!(compared.text().contains("2.000 (1.980–2.020)"), "{}", compared.text());
    }

    #[test]
    fn reports_without_a_common_figure_are_refused() {
        let mut other = report(&OLD);
        other.sections[0].title = "Sweep".into();
        let error = Comparison::new(&report(&OLD), &other, 0.05).unwrap_err().to_string();
        assert!(error.contains("no figure that both have"), "{error}");
        other.sections.extend(report(&OLD).sections);
        let compared = Comparison::new(&report(&OLD), &other, 0.05).unwrap();
        assert_eq!((compared.figures.len(), compared.unpaired.len()), (3, 3));
        assert!(!compared.is_worse());
    }

    #[test]
    fn a_unit_says_which_way_is_good() {
        for (column, expected) in [
            ("requests/s", Some(Aim::More)),
            ("MiB/s", Some(Aim::More)),
            ("server CPU µs/request", Some(Aim::Less)),
            ("resident MiB", Some(Aim::Less)),
            ("wrong body", Some(Aim::Less)),
            ("offered/s", None),
            ("generator's core busy %", None),
            ("note", None),
        ] {
            assert!(aim(column) == expected, "{column}");
        }
    }
}
