//! A file of Rust has 400 lines at most.

use serde::Deserialize;

use super::finding::{Finding, LISTS, Source};

const LINES_MAX: usize = 400;

/// A file that may be longer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Longer {
    path: String,
    reason: String,
}

/// The files that are too long, and the exceptions that nothing needs.
pub(super) fn check(sources: &[Source], longer: &[Longer]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".rs")) {
        let lines = source.text.lines().count();
        if lines > LINES_MAX && !longer.iter().any(|entry| entry.path == source.path) {
            let message = format!("expected at most {LINES_MAX} lines, got {lines}");
            findings.push(Finding { path: source.path.clone(), line: LINES_MAX + 1, message });
        }
    }
    for entry in longer {
        let long =
            |source: &Source| source.path == entry.path && source.text.lines().count() > LINES_MAX;
        if !sources.iter().any(long) || entry.reason.is_empty() {
            let message = format!("{} needs no exception, or gives no reason", entry.path);
            findings.push(Finding { path: LISTS.to_owned(), line: 1, message });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_and_a_stale_exception_are_found() {
        let source = |lines| [Source { path: "a.rs".to_owned(), text: "x\n".repeat(lines) }];
        let entry = || [Longer { path: "a.rs".to_owned(), reason: "a table".to_owned() }];
        assert!(check(&source(400), &[]).is_empty());
        assert_eq!(check(&source(401), &[]).len(), 1);
        assert!(check(&source(401), &entry()).is_empty());
        assert_eq!(check(&source(400), &entry()).len(), 1);
    }
}
