//! A table of figures, as JSON and for a terminal.

use serde::{Deserialize, Serialize};

use crate::figures::Spread;

/// Rows of figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// A heading.
    pub title: String,
    /// The name of the rows' names, and of each figure with its unit.
    pub columns: Vec<String>,
    /// Each as long as the heading.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A figure that was taken several times.
    Spread(Spread),
    /// A figure.
    Number(f64),
    /// Words; empty where a figure is missing.
    Text(String),
}

impl Table {
    /// A table without rows yet.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// A table of two columns: each row's name and its figure.
    #[must_use]
    pub fn pairs<N: Into<Cell>>(
        title: &str,
        columns: [&str; 2],
        rows: impl IntoIterator<Item = (N, Cell)>,
    ) -> Self {
        let mut table = Self::new(title, &columns);
        rows.into_iter().for_each(|(name, figure)| table.row(vec![name.into(), figure]));
        table
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If it has another number of cells than the heading.
    pub fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "a row must fit its heading");
        self.rows.push(cells);
    }

    /// For a terminal: the first column to the left, the others to the right.
    #[must_use]
    pub fn text(&self) -> String {
        let cells = self.rows.iter().map(|row| row.iter().map(Cell::text).collect());
        let rows: Vec<Vec<String>> = std::iter::once(self.columns.clone()).chain(cells).collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let others = row.iter().zip(&widths).skip(1);
            let others: String = others.map(|(cell, width)| format!("  {cell:>width$}")).collect();
            format!("{:<1$}{others}\n", row[0], widths[0])
        };
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)) + "\n";
        line(&rows[0]) + &rule + &rows[1..].iter().map(line).collect::<String>()
    }
}

impl Cell {
    /// With as many digits as say something.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Spread(spread) => spread.text(decimals(spread.median)),
            Self::Number(number) => format!("{number:.*}", decimals(*number)),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<Spread> for Cell {
    fn from(spread: Spread) -> Self {
        Self::Spread(spread)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(figure: Option<T>) -> Self {
        figure.map_or_else(|| "".into(), Into::into)
    }
}

/// Three digits that count, or none behind the point where the number is whole.
fn decimals(number: f64) -> usize {
    match number.abs() {
        large if large >= 100.0 || large.fract() == 0.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new("Figures", &["server", "req/s"]);
        table.row(vec!["bare".into(), "1–2".into()]);
        table.row(vec!["arenaria".into(), 12.0.into()]);
        assert_eq!(
            table.text(),
            "server    req/s\n---------------\nbare        1–2\narenaria     12\n"
        );
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let check = |number: f64, text: &str| assert_eq!(Cell::from(number).text(), text);
        check(1234.56, "1235");
        check(12.345, "12.3");
        check(1.2345, "1.23");
        check(0.12345, "0.123");
        check(7.0, "7");
    }
}
