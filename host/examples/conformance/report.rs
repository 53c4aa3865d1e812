//! The page.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::blocks::Test;
use crate::verdict::Verdict;

/// Characters of a program, value or message in the tables.
const CELL_CHARS_MAX: usize = 120;

/// A file of tests and its results.
pub(crate) struct File<'f> {
    pub(crate) name: &'f str,
    pub(crate) results: Vec<(Test<'f>, Verdict)>,
}

/// The rows of tables, by the reason that they share.
type Tables<'r> = BTreeMap<&'r str, Vec<String>>;

const HEAD: &str = "# Conformance

The test files of jq 1.8.2 (jqlang/jq, MIT licence, (c) 2012 Stephen Dolan), run through the component's interface
`arenaria:transform/jq` at its default settings. `cargo xtask conformance` writes this page.

| file | tests | passed | of these, another text | differs | left out |
|---|--:|--:|--:|--:|--:|
";

const RULES: &str = "
A test passes if the component gives the values that it names: numbers by value, keys in any order. A test that expects
a program to be refused passes if it is. `Another text` are the tests in which jq 1.8.2 itself prints these values in
another text: other digits, or another order of keys. A run gives no partial outputs: if it fails, the answer is the
error alone.
";

/// The whole page.
pub(crate) fn page(files: &[File<'_>]) -> String {
    let mut out = HEAD.to_owned();
    let mut totals = [0; 5];
    let (mut other_texts, mut differs, mut left_out) = (Vec::new(), Tables::new(), Tables::new());
    for File { name, results } in files {
        let mut counts = [results.len(), 0, 0, 0, 0];
        for (test, verdict) in results {
            let place = format!("{name}:{}", test.line);
            let program = cell(test.program);
            match verdict {
                Verdict::Passed => counts[1] += 1,
                Verdict::OtherText { right, got } => {
                    counts[1] += 1;
                    counts[2] += 1;
                    other_texts.push(format!(
                        "| {place} | {program} | {} | {} |",
                        cell(right),
                        cell(got)
                    ));
                }
                Verdict::Differs { group, expected, got } => {
                    counts[3] += 1;
                    let row =
                        format!("| {place} | {program} | {} | {} |", cell(expected), cell(got));
                    differs.entry(group).or_default().push(row);
                }
                Verdict::LeftOut { reason } => {
                    counts[4] += 1;
                    left_out.entry(reason).or_default().push(format!("| {place} | {program} |"));
                }
            }
        }
        row(&mut out, name, counts);
        totals = std::array::from_fn(|at| totals[at] + counts[at]);
    }
    row(&mut out, "all", totals);
    out.push_str(RULES);
    out.push_str("\n## Differs\n");
    tables(&mut out, &differs, &["jq", "here"]);
    out.push_str("\n## Left out\n");
    tables(&mut out, &left_out, &[]);
    out.push_str("\n## Another text\n");
    tables(&mut out, &Tables::from([("the same values", other_texts)]), &["jq prints", "here"]);
    out
}

/// A row of counts.
fn row(out: &mut String, name: &str, counts: [usize; 5]) {
    let counts = counts.map(|count| count.to_string()).join(" | ");
    let _ = writeln!(out, "| {name} | {counts} |");
}

/// A table for each reason that has rows. `more` are its columns after the test's place and its program.
fn tables(out: &mut String, tables: &Tables<'_>, more: &[&str]) {
    for (reason, rows) in tables.iter().filter(|(_, rows)| !rows.is_empty()) {
        let heads: String = more.iter().map(|head| format!(" {head} |")).collect();
        let lines = "---|".repeat(more.len());
        let _ = writeln!(
            out,
            "\n### {reason} ({})\n\n| test | program |{heads}\n|---|---|{lines}",
            rows.len()
        );
        for row in rows {
            let _ = writeln!(out, "{row}");
        }
    }
    if tables.values().all(Vec::is_empty) {
        out.push_str("\nNone.\n");
    }
}

/// A text as code in a cell of a table, cut off if it is long.
pub(crate) fn cell(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: String = text.chars().take(CELL_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let escaped = escaped.replace('|', "&#124;").replace('\\', "&#92;").replace('`', "&#96;");
    let escaped = escaped.replace('*', "&#42;").replace('_', "&#95;");
    format!("<code>{escaped}</code>")
}
