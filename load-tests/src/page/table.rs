//! Rows of figures: names to the left, figures to the right where their digits line up.

use super::escape::escape;
use super::number;
use crate::report::{Cell, Table};

/// The table under its heading, in a box of its own that scrolls where it is too narrow.
pub(super) fn figure(table: &Table) -> String {
    let numeric: Vec<bool> =
        (0..table.columns.len()).map(|column| numeric(table, column)).collect();
    let class = |column: usize| {
        if numeric.get(column).copied().unwrap_or(false) { " class=\"number\"" } else { "" }
    };
    let whole: Vec<bool> = (0..table.columns.len()).map(|column| whole(table, column)).collect();
    let whole = |column: usize| whole.get(column).copied().unwrap_or(true);
    let title = escape(&table.title);
    let mut html = format!(
        "<figure class=\"table\">\n<figcaption><h3>{title}</h3></figcaption>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\n<table>\n\
         <thead><tr>"
    );
    for (index, column) in table.columns.iter().enumerate() {
        html += &format!("<th scope=\"col\"{}>{}</th>", class(index), escape(column));
    }
    html += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        html += "<tr>";
        for (index, cell) in row.iter().enumerate() {
            html += &match index {
                0 => format!("<th scope=\"row\"{}>{}</th>", class(0), self::cell(cell, whole(0))),
                _ => format!("<td{}>{}</td>", class(index), self::cell(cell, whole(index))),
            };
        }
        html += "</tr>\n";
    }
    html + "</tbody>\n</table>\n</div>\n</figure>\n"
}

fn cell(cell: &Cell, all_whole: bool) -> String {
    match cell {
        Cell::Text(text) => escape(text).into_owned(),
        Cell::Number(number) => number::figure_among(*number, all_whole),
        Cell::Spread(spread) => match number::spread(spread) {
            (median, Some(range)) => format!("{median}<span class=\"range\"> ({range})</span>"),
            (median, None) => median,
        },
    }
}

/// Whether `column` holds figures; a word among them, such as "failed", does not change that.
fn numeric(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|row| row.get(column));
    cells.any(|cell| !matches!(cell, Cell::Text(_)))
}

/// Whether all figures in `column` that were taken once are whole, as counts are.
fn whole(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|row| row.get(column));
    !cells.any(|cell| matches!(cell, Cell::Number(number) if number.fract() != 0.0))
}
