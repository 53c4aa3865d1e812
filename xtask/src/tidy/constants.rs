//! A numeric constant of the host stands in `config`, or in a list with its reason.

use serde::Deserialize;

use super::finding::{Finding, LISTS, Source};
use super::rust::{line, split, without_tests};

/// A constant that may stand where it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    path: String,
    name: String,
    reason: String,
}

const NUMBERS: [&str; 18] = [
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "Duration",
    "Size",
    "Timeout",
    "NonZeroUsize",
];

/// The constants in no list, and the entries of the list that name no constant.
pub(super) fn check(sources: &[Source], listed: &[Listed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; listed.len()];
    for source in sources.iter().filter(|source| outside_config(&source.path)) {
        let (code, _) = split(&source.text);
        for (name, at) in numeric(without_tests(&code)) {
            let same = |entry: &Listed| entry.path == source.path && entry.name == name;
            match listed.iter().position(same) {
                Some(entry) => used[entry] = true,
                None => {
                    let message = format!(
                        "expected the number `{name}` in host/src/config, or in {LISTS} with a reason"
                    );
                    findings.push(Finding {
                        path: source.path.clone(),
                        line: line(&code, at),
                        message,
                    });
                }
            }
        }
    }
    for (entry, used) in listed.iter().zip(used) {
        if !used || entry.reason.is_empty() {
            let message =
                format!("{}: `{}` is not there, or has no reason", entry.path, entry.name);
            findings.push(Finding { path: LISTS.to_owned(), line: 1, message });
        }
    }
    findings
}

fn outside_config(path: &str) -> bool {
    path.starts_with("host/src/")
        && path.ends_with(".rs")
        && !path.starts_with("host/src/config/")
        && !path.ends_with("tests.rs")
        && !path.contains("/tests/")
}

fn numeric(code: &str) -> impl Iterator<Item = (&str, usize)> {
    code.match_indices("const ").filter_map(|(at, word)| {
        let (name, rest) = code[at + word.len()..].split_once(':')?;
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let of_type = rest.trim_start().trim_start_matches(['[', '(', '&', ' ']);
        let end = of_type.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')?;
        let last = of_type[..end].rsplit("::").next()?;
        (name.chars().all(is_name) && NUMBERS.contains(&last)).then_some((name, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str, listed: &[Listed]) -> usize {
        check(&[Source { path: path.to_owned(), text: text.to_owned() }], listed).len()
    }

    #[test]
    fn a_number_outside_config_is_found() {
        let number =
            "const A_MAX: Duration = Duration::from_secs(1);\nconst B: [f64; 2] = [1., 2.];";
        assert_eq!(found("host/src/pool/slots.rs", number, &[]), 2);
        assert_eq!(found("host/src/config/limits.rs", number, &[]), 0);
        assert_eq!(found("host/src/a.rs", "const A: &str = \"const B: u8 = 1\";", &[]), 0);
    }

    #[test]
    fn an_entry_that_names_nothing_is_found() {
        let entry = |name: &str| {
            [Listed { path: "host/src/a.rs".into(), name: name.into(), reason: "ABI".into() }]
        };
        assert_eq!(found("host/src/a.rs", "const A: u8 = 1;", &entry("A")), 0);
        assert_eq!(found("host/src/a.rs", "const A: u8 = 1;", &entry("B")), 2);
    }
}
