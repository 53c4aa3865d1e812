//! A link in a document leads to a file of the repository and to a heading in it.

use std::collections::BTreeSet;

use super::finding::{Finding, Source};
use super::rust::line;

/// The links, and paths between backticks, that lead nowhere.
pub(super) fn check(sources: &[Source], files: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        let mut find = |at: usize, target: &str| {
            let message = format!("`{target}` leads nowhere");
            findings.push(Finding {
                path: source.path.clone(),
                line: line(&source.text, at),
                message,
            });
        };
        for (at, _) in source.text.match_indices("](") {
            let target = source.text[at + 2..].split([')', ' ']).next().unwrap_or_default();
            if !target.contains(':') && !leads(source, target, sources, files) {
                find(at, target);
            }
        }
        for (at, path) in paths(&source.text) {
            if !is_there(path, files) {
                find(at, path);
            }
        }
    }
    findings
}

fn is_there(path: &str, files: &BTreeSet<String>) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    files.contains(path) || files.iter().any(|file| file.starts_with(&folder))
}

fn leads(source: &Source, target: &str, sources: &[Source], files: &BTreeSet<String>) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let mut place: Vec<&str> = source.path.split('/').collect();
    if !file.is_empty() {
        place.pop();
        for part in file.split('/') {
            match part {
                "." | "" => {}
                ".." => drop(place.pop()),
                part => place.push(part),
            }
        }
    }
    let place = place.join("/");
    if !place.is_empty() && !is_there(&place, files) {
        return false;
    }
    let page = sources.iter().find(|source| source.path == place && place.ends_with(".md"));
    anchor.is_empty() || page.is_none_or(|page| anchors(&page.text).any(|one| one == anchor))
}

fn anchors(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// Paths from the root, such as `guest/hello/src/lib.rs`, between backticks.
fn paths(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const FOLDERS: [&str; 6] = ["docs/", "examples/", "guest/", "host/", "load-tests/", "xtask/"];
    text.match_indices('`').filter_map(|(at, _)| {
        let path = text[at + 1..].split('`').next()?;
        let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        (FOLDERS.iter().any(|folder| path.starts_with(folder)) && path.chars().all(plain))
            .then_some((at, path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let files = BTreeSet::from(["docs/a.md".to_owned(), "README.md".to_owned()]);
        let found = |text: &str| {
            check(&[Source { path: "docs/a.md".into(), text: text.into() }], &files).len()
        };
        assert_eq!(
            found("# A title\n[a](#a-title) [b](../README.md) [c](https://c) `docs/a.md`"),
            0
        );
        assert_eq!(found("[a](#another) [b](README.md) `docs/b.md`"), 3);
    }
}
