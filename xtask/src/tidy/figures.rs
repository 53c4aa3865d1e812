//! A measured figure in the README stands in a section that names the command that repeats it.

use super::finding::{Finding, Source};

const UNITS: [&str; 5] = ["×", "requests/s", "µs", "ms", "MB"];
const COMMANDS: [&str; 2] = ["cargo xtask ", "curl "];

/// The figures without a command.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path == "README.md") {
        for section in sections(&source.text) {
            let named = |(_, line): &(usize, &str)| COMMANDS.iter().any(|word| line.contains(word));
            if section.iter().any(named) {
                continue;
            }
            for (number, line) in section.iter().filter(|(_, line)| has_figure(line)) {
                let message =
                    format!("expected a command in the section of this figure: {}", line.trim());
                findings.push(Finding { path: source.path.clone(), line: *number, message });
            }
        }
    }
    findings
}

/// The numbered lines from each heading to the next.
fn sections(text: &str) -> Vec<Vec<(usize, &str)>> {
    let mut sections = vec![Vec::new()];
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code && line.starts_with('#') {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push((index + 1, line));
        }
    }
    sections
}

fn has_figure(line: &str) -> bool {
    UNITS.iter().any(|unit| {
        line.match_indices(unit).any(|(at, _)| {
            let number = line[..at].trim_end().ends_with(|c: char| c.is_ascii_digit());
            number && !line[at + unit.len()..].starts_with(char::is_alphanumeric)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_without_a_command_is_found() {
        let found = |text: &str| {
            check(&[Source { path: "README.md".into(), text: text.into() }])
                .iter()
                .map(|finding| finding.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(found("# Speed\n1.6 × as fast\n# Again\n`cargo xtask load peers`"), [2]);
        assert_eq!(found("# Speed\n90,000 requests/s\n```\n# not a title\ncurl x\n```"), [0; 0]);
        assert_eq!(found("16MiB of memory and requests/s"), [0; 0]);
    }
}
