//! Writes the figures into the blocks of the page, and sees that the page has no others.

mod advice;
mod tables;
mod text;

use std::fs;
use std::path::Path;

use measured::{blocks, plot};
use wasmtime::Result;
use wasmtime::error::{Context as _, ensure};

use crate::engines::Engines;

/// Units of what is measured. Sizes, which define the experiments, have others.
const UNITS: [&str; 8] = ["ns", "µs", "us", "ms", "s", "×", "%", "times"];

/// Writes page and plot.
pub(crate) fn write(engines: &Engines, page: &Path, plot: &Path) -> Result<()> {
    let mut text = read(page)?;
    for (name, block) in tables::all(engines)? {
        println!("{name}\n{block}");
        text = replaced(&text, name, &block)?;
    }
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))?;
    fs::write(plot, plot::draw(&tables::charts(engines)?)).context("cannot write the plot")
}

/// Sees that the page has the blocks, and no measured number outside of them.
pub(crate) fn check(engines: &Engines, page: &Path) -> Result<()> {
    let text = read(page)?;
    let mut outside = text.clone();
    let blocks = tables::all(engines)?;
    let expected: Vec<&str> = blocks.iter().map(|(name, _)| *name).collect();
    let found = blocks::names(&text);
    ensure!(found == expected, "expected the blocks {expected:?}, got {found:?}");
    for name in expected {
        outside = replaced(&outside, name, "")?;
    }
    let typed = measured_in(&outside);
    ensure!(typed.is_empty(), "expected no measured number outside of blocks, got {typed:?}");
    println!("the answers are right, and the page has its blocks");
    Ok(())
}

fn read(page: &Path) -> Result<String> {
    fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))
}

fn replaced(text: &str, name: &str, block: &str) -> Result<String> {
    blocks::replaced(text, name, block).with_context(|| format!("the page has no block {name}"))
}

/// The lines in which a number has a unit of what is measured.
fn measured_in(text: &str) -> Vec<&str> {
    let measured = |line: &&str| {
        let words = line.split(|c: char| c.is_whitespace() || "(),;:|`".contains(c));
        let mut number_before = false;
        words.filter(|word| !word.is_empty()).any(|word| {
            let word = word.trim_end_matches('.');
            let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || ".,".contains(c));
            let has_number = unit.len() < word.len();
            let found = UNITS.contains(&unit) && (has_number || number_before);
            number_before = has_number && unit.is_empty();
            found
        })
    };
    text.lines().filter(measured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_number_is_found_and_a_size_is_not() {
        for typed in ["it took 1.5 ms.", "(3 ×)", "12µs", "by 5 %", "three or 4 times"] {
            assert_eq!(measured_in(typed), [typed]);
        }
        let sizes = "100 KB in 64 KiB\n32 bits\n1,000 strings, times of each\n`memory.grow(1)` at some sizes";
        assert_eq!(measured_in(sizes), [""; 0]);
    }
}
