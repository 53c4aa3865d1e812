//! Figures and tables as text.

use std::fmt::Write as _;

use wasmtime::Result;

use crate::engines::Engine;
use crate::figures::Figure;

/// The cell of a way that an engine does not have.
pub(super) const NONE: &str = "–";

/// The cell of an engine that was not given to a check.
const NOT_RUN: &str = "not run";

/// A table: a row has a name and its cells.
pub(super) struct Table {
    text: String,
}

impl Table {
    pub(super) fn new(first: &str, columns: &[&str]) -> Self {
        let mut text = format!("| {first} |");
        for column in columns {
            let _ = write!(text, " {column} |");
        }
        let _ = writeln!(text, "\n|---|{}", "--:|".repeat(columns.len()));
        Self { text }
    }

    pub(super) fn row(&mut self, name: &str, cells: &[String]) {
        let _ = writeln!(self.text, "| {name} | {} |", cells.join(" | "));
    }

    pub(super) fn end(self) -> String {
        self.text
    }
}

/// A time in the unit that suits it.
pub(super) fn time(nanoseconds: f64) -> String {
    let number = |value: f64, unit: &str| {
        let digits = if value < 9.95 { 1 } else { 0 };
        format!("{value:.digits$} {unit}")
    };
    match nanoseconds {
        1e9.. => number(nanoseconds / 1e9, "s"),
        // 999.7 is 1.0 of the next unit, not 1000.
        999_500.0.. => number(nanoseconds / 1e6, "ms"),
        999.5.. => number(nanoseconds / 1e3, "µs"),
        _ => number(nanoseconds, "ns"),
    }
}

/// How an engine did something, as a time.
pub(super) fn timed(engine: Option<&Engine>, key: &str) -> Result<String> {
    shown(engine, key, time)
}

/// How an engine did something; a number is written by `write`.
pub(super) fn shown(
    engine: Option<&Engine>,
    key: &str,
    write: impl Fn(f64) -> String,
) -> Result<String> {
    let Some(engine) = engine else { return Ok(NOT_RUN.to_owned()) };
    Ok(match engine.figures.get(key)? {
        Figure::Number(number) => write(*number),
        Figure::Text(text) => text.clone(),
    })
}

/// A time, and how often it contains that of another way.
pub(super) fn compared(engine: Option<&Engine>, key: &str, base: &str) -> Result<String> {
    let text = timed(engine, key)?;
    let Some(engine) = engine else { return Ok(text) };
    let numbers = (engine.figures.get(key)?, engine.figures.get(base)?);
    let (Figure::Number(number), Figure::Number(base)) = numbers else { return Ok(text) };
    Ok(format!("{text} ({}\u{a0}×)", ratio(number / base)))
}

/// A ratio with as many digits as mean something.
pub(super) fn ratio(ratio: f64) -> String {
    let digits = match ratio {
        20.0.. => 0,
        5.0.. => 1,
        _ => 2,
    };
    format!("{ratio:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_that_suits_it() {
        let times = [0.31, 12.4, 999.6, 1500.0, 999_600.0, 25e6, 2.5e9].map(time);
        assert_eq!(times, ["0.3 ns", "12 ns", "1.0 µs", "1.5 µs", "1.0 ms", "25 ms", "2.5 s"]);
    }
}
