//! Words that our texts do without: in comments, strings and documents.

use serde::Deserialize;

use super::finding::{Finding, LISTS, Source};
use super::rust::{line, split};

/// A phrase, what to write instead, and phrases that it may stand in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Banned {
    phrase: String,
    instead: String,
    #[serde(default)]
    allowed: Vec<String>,
}

/// The banned phrases that stand in our texts.
pub(super) fn check(sources: &[Source], banned: &[Banned]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        // These name what they ban.
        if source.path.starts_with("xtask/src/tidy")
            || [LISTS, "CHANGELOG.md"].contains(&source.path.as_str())
        {
            continue;
        }
        let text =
            if source.path.ends_with(".rs") { split(&source.text).1 } else { source.text.clone() };
        let text = text.to_ascii_lowercase();
        for entry in banned {
            for at in places(&text, entry) {
                let message = format!("\"{}\": write {}", entry.phrase, entry.instead);
                findings.push(Finding {
                    path: source.path.clone(),
                    line: line(&text, at),
                    message,
                });
            }
        }
    }
    findings.sort_by_key(|finding| (finding.path.clone(), finding.line));
    findings
}

fn places<'a>(text: &'a str, entry: &'a Banned) -> impl Iterator<Item = usize> {
    let phrase = entry.phrase.to_ascii_lowercase();
    let places: Vec<usize> = text.match_indices(&phrase).map(|(at, _)| at).collect();
    places.into_iter().filter(move |&at| {
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = at + phrase.len();
        let alone = !text[..at].ends_with(in_word) && !text[end..].starts_with(in_word);
        let is_allowed = |allowed: &String| {
            text.match_indices(allowed.as_str())
                .any(|(from, _)| from <= at && end <= from + allowed.len())
        };
        alone && !entry.allowed.iter().any(is_allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_word_is_found_in_prose_alone() {
        let banned = [Banned {
            phrase: "who".into(),
            instead: "\"it\"".into(),
            allowed: vec!["those who".into()],
        }];
        let found = |path: &str, text: &str| {
            check(&[Source { path: path.into(), text: text.into() }], &banned).len()
        };
        assert_eq!(found("a.rs", "// Who grew is replaced.\nlet who = \"who\";"), 2);
        assert_eq!(found("a.md", "The whole, for those who ask."), 0);
    }
}
