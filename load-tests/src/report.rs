//! What runs have found out, in a form that is both written as JSON and drawn as a page.
//!
//! A scenario gives [`Section`]s of findings, tables and plots with plain numbers in them; nothing
//! here knows a scenario, and no scenario knows how a page samples. Invariant: every number that a page
//! shows is in the JSON, with its unit.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::figures::Spread;
use crate::machine::Machine;
pub use crate::table::{Cell, Table};

/// Several scenarios on one machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// When the first of them began: RFC 3339, UTC.
    pub started: String,
    /// Where.
    pub machine: Machine,
    /// Programs that took part, each with its version.
    pub versions: Vec<String>,
    /// What was typed.
    pub command: String,
    /// What came out, in the order of the runs.
    pub sections: Vec<Section>,
}

/// One scenario.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Section {
    /// Its name on the command line.
    pub scenario: String,
    /// A heading.
    pub title: String,
    /// What was asked, and how to read the answer: a paragraph.
    pub summary: String,
    /// Whether it was ended before its time; the figures are those until then.
    pub interrupted: bool,
    /// The servers and generators that took part, as one would type them.
    pub commands: Vec<String>,
    /// Sentences that hold or not.
    pub findings: Vec<Finding>,
    /// Figures.
    pub tables: Vec<Table>,
    /// Pictures.
    pub plots: Vec<Plot>,
}

/// A sentence with a figure in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether that is as it must be.
    pub verdict: Verdict,
    /// The sentence.
    pub text: String,
}

/// Whether a finding is as it must be.
#[derive(Clone, Copy, Debug, strum::Display, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    /// A promise that is kept.
    Holds,
    /// A promise that is broken: the program ends with 1.
    #[strum(serialize = "BROKEN")]
    Broken,
    /// A goal for a figure that was missed. Speed never decides the exit code.
    Missed,
    /// No promise: a figure.
    #[strum(serialize = "note")]
    Noted,
}

/// A picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Plot {
    /// Curves over a common axis.
    Lines {
        /// A heading.
        title: String,
        /// To the right.
        x: Axis,
        /// Upwards.
        y: Axis,
        /// The curves; at most eight can be told apart.
        series: Vec<Series>,
        /// Vertical lines with a word, such as the moment of an event.
        marks: Vec<Mark>,
    },
    /// Lengths side by side.
    Bars {
        /// A heading.
        title: String,
        /// Of the lengths, with the unit.
        axis: Axis,
        /// From top to bottom.
        bars: Vec<Bar>,
    },
}

/// What runs along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// With the unit.
    pub label: String,
    /// Logarithmic; otherwise linear from 0.
    pub log: bool,
}

/// A curve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    /// For the legend.
    pub name: String,
    /// In order of x.
    pub points: Vec<(f64, f64)>,
}

/// A vertical line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub x: f64,
    /// What.
    pub label: String,
}

/// A length, with the range that it was seen in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bar {
    /// What.
    pub name: String,
    /// How much.
    pub value: Spread,
}

impl Report {
    /// A report without sections yet.
    #[must_use]
    pub fn new(command: String, versions: Vec<String>) -> Self {
        let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { started, machine: Machine::current(), versions, command, sections: Vec::new() }
    }

    /// Reads what [`Report::json`] wrote.
    ///
    /// # Errors
    ///
    /// If the file is not such a report.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{name} is not a report"))
    }

    /// All of it, for a program.
    ///
    /// # Panics
    ///
    /// Never: the form has no map with keys that are not text.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("the report has a form that JSON can hold") + "\n"
    }

    /// What is broken, in any section.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        let findings = self.sections.iter().flat_map(|section| &section.findings);
        let broken = findings.filter(|finding| finding.verdict == Verdict::Broken);
        broken.map(|finding| finding.text.as_str())
    }
}

impl Section {
    /// A section without figures yet.
    #[must_use]
    pub fn new(scenario: &str, title: String, summary: &str) -> Self {
        let (scenario, summary) = (scenario.to_owned(), summary.to_owned());
        Self { scenario, title, summary, ..Self::default() }
    }

    /// Adds a sentence that must hold.
    pub fn promise(&mut self, holds: bool, text: impl Into<String>) {
        let verdict = if holds { Verdict::Holds } else { Verdict::Broken };
        self.findings.push(Finding { verdict, text: text.into() });
    }

    /// Adds a sentence that states a goal and whether it was reached.
    pub fn goal(&mut self, reached: bool, text: impl Into<String>) {
        let verdict = if reached { Verdict::Holds } else { Verdict::Missed };
        self.findings.push(Finding { verdict, text: text.into() });
    }

    /// Adds a sentence without judgement.
    pub fn note(&mut self, text: impl Into<String>) {
        self.findings.push(Finding { verdict: Verdict::Noted, text: text.into() });
    }

    /// Adds a command line, once.
    pub fn command(&mut self, line: String) {
        if !self.commands.contains(&line) {
            self.commands.push(line);
        }
    }

    /// Findings and tables, for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        if self.interrupted {
            text += "interrupted: what follows is what was measured until then\n";
        }
        for table in &self.tables {
            text += &format!("\n{}\n{}", table.title, table.text());
        }
        text.push('\n');
        for finding in &self.findings {
            text += &format!("{}: {}\n", finding.verdict, finding.text);
        }
        text
    }
}

impl Plot {
    /// Curves without vertical lines.
    #[must_use]
    pub fn lines(title: &str, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self::Lines { title: title.to_owned(), x, y, series, marks: Vec::new() }
    }

    /// Lengths side by side.
    #[must_use]
    pub fn bars(title: &str, axis: Axis, bars: Vec<Bar>) -> Self {
        Self::Bars { title: title.to_owned(), axis, bars }
    }

    /// The same with vertical lines, if it has an axis for them.
    #[must_use]
    pub fn with_marks(mut self, new: &[Mark]) -> Self {
        if let Self::Lines { marks, .. } = &mut self {
            *marks = new.to_vec();
        }
        self
    }
}

impl Axis {
    /// Linear, from 0.
    #[must_use]
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), log: false }
    }

    /// Logarithmic.
    #[must_use]
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), log: true }
    }
}

impl Series {
    /// A curve.
    #[must_use]
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut section = Section::new("steady", "Steady".into(), "How it goes.");
        section.promise(false, "1 request failed");
        section.goal(false, "it is slow");
        let mut table = Table::new("Figures", &["server", "requests/s", "note"]);
        table.row(vec!["bare".into(), Spread::of([1.0, 2.0, 4.0]).into(), "".into()]);
        table.row(vec!["arenaria".into(), 1234.5.into(), "ok".into()]);
        section.tables.push(table);
        let series = vec![Series::new("p50", vec![(0.0, 1.0), (1.0, 2.5)])];
        let (x, y) = (Axis::linear("time, s"), Axis::log("latency, ms"));
        let marks = [Mark { x: 0.5, label: "killed".into() }];
        section.plots.push(Plot::lines("Latency", x, y, series).with_marks(&marks));
        let mut report = Report::new("load steady".into(), Vec::new());
        report.sections.push(section);
        report
    }

    #[test]
    fn what_is_written_can_be_read() {
        let json = report().json();
        let read: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(read.json(), json);
    }

    #[test]
    fn a_terminal_shows_tables_and_findings() {
        let report = report();
        let text = report.sections[0].text();
        assert!(text.contains("2 (1–4)") && text.contains("1234"), "{text}");
        assert!(text.contains("BROKEN: 1 request failed\nmissed: it is slow\n"), "{text}");
        assert_eq!(report.broken().collect::<Vec<_>>(), ["1 request failed"]);
    }
}
