//! Compares what a command printed with what a page shows.
//!
//! `…` or `...` stands for anything in a line, and alone in a line for any lines. A time such as `0.3 ms` stands for any
//! time. A size such as `12KiB` stands for one that differs by at most a quarter: compilers and versions change it a
//! little, and a page must not be wrong by more. Spaces that align columns do not count.

use std::sync::LazyLock;

use regex::Regex;

/// By how much a size may differ from the one in the page.
const SIZE_RATIO_MAX: f64 = 1.25;

/// What is not taken literally: dots, times, sizes, and several spaces.
static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?<any>…|\.\.\.)|(?<time>\b[0-9]+(?:\.[0-9]+)? ?(?:ns|µs|ms|s)\b)|(?<size>\b[0-9]+(?:\.[0-9]+)? ?(?:B|KiB|MiB|GiB)\b)|(?<space>  +)",
    )
    .expect("the expression is valid")
});

/// A line of a page.
struct Line {
    expression: Regex,
    /// The sizes in it, in bytes.
    sizes: Vec<f64>,
}

/// What a page shows of the output of a command.
pub(super) struct Expected {
    /// None stands for any lines.
    lines: Vec<Option<Line>>,
}

impl Expected {
    /// The whole output.
    pub(super) fn whole(lines: &[String]) -> Self {
        Self { lines: lines.iter().map(|line| Line::new(line)).collect() }
    }

    /// Some lines of the output of a server, which also logs.
    pub(super) fn within(lines: &[String]) -> Self {
        let mut expected = Self::whole(lines);
        expected.lines.insert(0, None);
        expected.lines.push(None);
        expected
    }

    /// Whether this was printed.
    pub(super) fn matches(&self, printed: &[String]) -> bool {
        // Which beginnings of what was printed match the lines so far.
        let mut reached = vec![false; printed.len() + 1];
        reached[0] = true;
        for line in &self.lines {
            let mut next = vec![false; printed.len() + 1];
            match line {
                None => {
                    let first = reached.iter().position(|is_reached| *is_reached);
                    next[first.unwrap_or(printed.len() + 1)..].fill(true);
                }
                Some(line) => {
                    for (at, printed) in printed.iter().enumerate() {
                        next[at + 1] = reached[at] && line.matches(printed);
                    }
                }
            }
            if !next.contains(&true) {
                return false;
            }
            reached = next;
        }
        reached[printed.len()]
    }
}

impl Line {
    /// None if the line stands for any lines.
    fn new(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if matches!(line.trim_start(), "…" | "...") {
            return None;
        }
        let (mut expression, mut sizes, mut end) = ("^".to_owned(), Vec::new(), 0);
        for found in PARTS.captures_iter(line) {
            let part = found.get_match();
            expression += &regex::escape(&line[end..part.start()]);
            end = part.end();
            expression += if found.name("any").is_some() {
                ".*"
            } else if found.name("time").is_some() {
                r"[0-9]+(?:\.[0-9]+)? ?(?:ns|µs|ms|s)"
            } else if found.name("space").is_some() {
                " +"
            } else {
                sizes.push(bytes(part.as_str()));
                r"([0-9]+(?:\.[0-9]+)? ?(?:B|KiB|MiB|GiB))"
            };
        }
        expression += &regex::escape(&line[end..]);
        let expression = Regex::new(&(expression + "$")).expect("the parts are valid");
        Some(Self { expression, sizes })
    }

    fn matches(&self, printed: &str) -> bool {
        let printed = printed.trim_end();
        let Some(found) = self.expression.captures(printed) else { return false };
        let printed = found.iter().skip(1).flatten().map(|part| bytes(part.as_str()));
        self.sizes.iter().zip(printed).all(|(expected, printed)| {
            let (least, most) = (expected.min(printed), expected.max(printed));
            most <= least * SIZE_RATIO_MAX
        })
    }
}

/// A size such as `1.5 KiB` in bytes.
fn bytes(size: &str) -> f64 {
    let digits = size.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(size.len());
    let number: f64 = size[..digits].parse().expect("the expression takes only numbers");
    let unit = match size[digits..].trim() {
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => 1.0,
    };
    number * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(expected: &str, printed: &str, is_equal: bool) {
        assert_eq!(Expected::whole(&lines(expected)).matches(&lines(printed)), is_equal);
    }

    #[test]
    fn text_is_taken_literally() {
        check("a (b) [c] 1.0", "a (b) [c] 1.0  ", true);
        check("a", "a b", false);
        check("a", "b a", false);
        check("1.0", "1x0", false);
        check("a\nb", "a", false);
        check("a", "a\nb", false);
        check("", "", true);
    }

    #[test]
    fn dots_stand_for_anything() {
        check("a … c", "a b c", true);
        check("a ... c", "a b d", false);
        check("…", "", true);
        check("…\nb\n...", "b", true);
        check("…\nb\n…\nb", "a\nb\nc\nb", true);
        check("a\n…\nb", "a\nb\nc", false);
        check("a\n…\nc\n…", "a\nb", false);
    }

    #[test]
    fn a_time_stands_for_any_time_and_a_size_for_one_that_is_near() {
        check("ok 0.61 ms, 7s", "ok 12 µs, 0.01s", true);
        check("ok 0.61 ms", "ok ms", false);
        check("3.1 KiB of 15.5 MiB", "2.9 KiB of 15.5 MiB", true);
        check("3.1 KiB of 15.5 MiB", "3.1 KiB of 8 MiB", false);
        check("1MiB", "1023KiB", true);
        check("0 B left", "0 B left", true);
        check("0 B left", "8 B left", false);
        check("…, 89KiB", "hello.wasm: processor, 95KiB", true);
        check("…, 89KiB", "hello.wasm: processor, 950KiB", false);
    }

    #[test]
    fn spaces_that_align_do_not_count() {
        check("a      0.61 ms  b", "a     10.61 ms  b", true);
        check("a b", "a  b", false);
    }

    #[test]
    fn a_server_goes_on_printing() {
        let log = lines("memory: 1MiB\nlistening\nGET /\nPOST /");
        assert!(Expected::within(&lines("listening\nGET /")).matches(&log));
        assert!(Expected::within(&lines("GET /\n…")).matches(&log));
        assert!(!Expected::within(&lines("listening\nPOST /")).matches(&log));
        assert!(!Expected::within(&lines("PUT /")).matches(&log));
    }
}
