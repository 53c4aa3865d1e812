//! `cargo xtask tidy`: rules of style that a program can check, each a function over texts.
//!
//! `xtask/tidy.toml` lists the exceptions with their reasons. It also counts the findings that
//! are known: a file may have as many, and `--bless` writes the counts anew.

mod constants;
mod copies;
mod figures;
mod finding;
mod imports;
mod links;
mod rust;
mod size;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use self::finding::{Finding, LISTS, Source};
use crate::workspace::{Workspace, printed};

/// The file `xtask/tidy.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default)]
    size: Vec<size::Longer>,
    #[serde(default)]
    constant: Vec<constants::Listed>,
    #[serde(default)]
    word: Vec<words::Banned>,
    /// Known findings: rule, then file, then how many.
    #[serde(default)]
    known: Counts,
}

type Counts = BTreeMap<String, BTreeMap<String, usize>>;

/// Checks every rule, or writes today's counts.
///
/// # Errors
///
/// A finding that is not known, or a count that is too high.
pub(crate) fn run(workspace: &Workspace, bless: bool) -> anyhow::Result<()> {
    let root = workspace.root();
    let files = listed(root)?;
    let sources = read(root, &files)?;
    let path = root.join(LISTS);
    let text = std::fs::read_to_string(&path).with_context(|| LISTS.to_owned())?;
    let lists: Lists = toml::from_str(&text).with_context(|| LISTS.to_owned())?;
    let rules = [
        ("imports", imports::check(&sources)),
        ("size", size::check(&sources, &lists.size)),
        ("constants", constants::check(&sources, &lists.constant)),
        ("words", words::check(&sources, &lists.word)),
        ("links", links::check(&sources, &files)),
        ("figures", figures::check(&sources)),
        ("copies", copies::check(&sources)),
    ];
    if bless {
        let lists = text.split("\n[known").next().unwrap_or_default().trim_end();
        std::fs::write(&path, format!("{lists}\n{}", written(&counted(&rules))))?;
        return Ok(());
    }
    let mut bad = 0;
    for line in judged(&rules, &lists.known) {
        bad += 1;
        eprintln!("{line}");
    }
    if bad > 0 {
        bail!("expected no finding beyond those that {LISTS} counts, got {bad} lines");
    }
    Ok(())
}

fn listed(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let names = printed(&mut git)?;
    Ok(names.lines().filter(|name| root.join(name).is_file()).map(str::to_owned).collect())
}

fn read(root: &Path, files: &BTreeSet<String>) -> anyhow::Result<Vec<Source>> {
    const ENDS: [&str; 9] =
        [".rs", ".md", ".wit", ".html", ".mjs", ".sh", ".toml", ".yaml", ".ci/run"];
    let ours = |path: &&String| {
        let is_generated = path.contains("/deps/") || *path == "docs/load-report.html";
        ENDS.iter().any(|end| path.ends_with(end)) && !is_generated
    };
    let source = |path: &String| {
        let text = std::fs::read_to_string(root.join(path)).with_context(|| path.clone())?;
        Ok(Source { path: path.clone(), text })
    };
    files.iter().filter(ours).map(source).collect()
}

fn counted(rules: &[(&str, Vec<Finding>)]) -> Counts {
    let mut counts = Counts::new();
    for (rule, findings) in rules {
        for finding in findings {
            let of_rule = counts.entry((*rule).to_owned()).or_default();
            *of_rule.entry(finding.path.clone()).or_default() += 1;
        }
    }
    counts
}

fn written(counts: &Counts) -> String {
    let mut text = String::new();
    for (rule, files) in counts {
        text += &format!("\n[known.{rule}]\n");
        for (path, count) in files {
            text += &format!("\"{path}\" = {count}\n");
        }
    }
    text
}

/// The findings of each file that has more than the known ones, and the counts that are too high.
fn judged(rules: &[(&str, Vec<Finding>)], known: &Counts) -> Vec<String> {
    let now = counted(rules);
    let count = |counts: &Counts, rule: &str, path: &str| {
        counts.get(rule).and_then(|files| files.get(path)).copied().unwrap_or(0)
    };
    let mut lines = Vec::new();
    for (rule, findings) in rules {
        let more = |finding: &&Finding| {
            count(&now, rule, &finding.path) > count(known, rule, &finding.path)
        };
        for Finding { path, line, message } in findings.iter().filter(more) {
            lines.push(format!("{path}:{line}: {message}"));
        }
    }
    for (rule, files) in known {
        for (path, count_known) in files {
            let count_now = count(&now, rule, path);
            if count_now < *count_known {
                lines.push(format!(
                    "{LISTS}: {path} is better: expected {count_known} findings of {rule}, got \
                     {count_now}; run `cargo xtask tidy --bless`"
                ));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> [(&'static str, Vec<Finding>); 1] {
        [("size", vec![Finding { path: "a.rs".to_owned(), line: 1, message: "long".to_owned() }])]
    }

    fn known(count: usize) -> Counts {
        Counts::from([("size".to_owned(), BTreeMap::from([("a.rs".to_owned(), count)]))])
    }

    #[test]
    fn a_count_may_neither_rise_nor_stay_too_high() {
        assert_eq!(judged(&one(), &known(1)), [""; 0]);
        assert_eq!(judged(&one(), &Counts::new()), ["a.rs:1: long"]);
        assert!(judged(&one(), &known(2))[0].contains("expected 2 findings of size, got 1"));
    }

    #[test]
    fn what_is_blessed_is_read_again() {
        let text = written(&counted(&one()));
        let lists: Lists = toml::from_str(&text).expect("the lists are TOML");
        assert_eq!(lists.known, known(1));
    }
}
