//! Differences from libjq that are known, each with its reason.

use super::answer::Answer;

/// A known difference.
struct Exception {
    name: &'static str,
    /// Whether it explains that the answers to a program differ.
    explains: fn(program: &str, right: &Answer, given: &Answer) -> bool,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        // libjq leaves out functions that nothing calls before it looks at the names in them.
        name: "a name that is not defined, in a function that nothing calls",
        explains: |_, right, given| match (right, given) {
            (Answer::Ran(..), Answer::Refused(message)) => message.contains("is not defined"),
            _ => false,
        },
    },
    Exception {
        // libjq evaluates constant expressions when it compiles. We say so when the program runs.
        name: "a constant that cannot be a key",
        explains: |_, right, _| matches!(right, Answer::Refused(message) if message.contains("as object key")),
    },
    Exception {
        // Behind `?//`, an error or a `break` anywhere later makes jq go back and try the next pattern. What takes the first
        // value only breaks too.
        name: "what follows `?//`",
        explains: |program, _, given| {
            let others = program.replace("?//", "");
            let fails = matches!(given, Answer::Ran(_, Some(_)));
            program.contains("?//") && (fails || ENDS.iter().any(|word| others.contains(word)))
        },
    },
    Exception {
        // jq checks the path at every step, we check it where it ends. And jq takes some results for the value at the
        // path because they are the same value, such as an empty string.
        name: "where a wrong path is noticed",
        explains: |_, right, given| {
            [right, given].iter().any(|answer| answer.text().contains("Invalid path expression"))
        },
    },
    Exception {
        name: "text segments in patterns, which we do not have",
        explains: |_, _, given| given.text().contains("text segment boundaries are not supported"),
    },
    Exception {
        // jq looks at the rest of the path before it refuses to change a part of a string.
        name: "which of two errors is given for a slice of a string",
        explains: |_, _, given| given.text().contains("Cannot update string slices"),
    },
    Exception {
        // jq's message ends at the character NUL of the text that it quotes.
        name: "a message that quotes the character NUL",
        explains: |_, right, given| right.text().contains("(while parsing '") && given.text().contains("\\u0000"),
    },
    Exception {
        // The mathematical functions are those of the C library there, and of the crate `libm` here.
        name: "the last digits of a mathematical function",
        explains: |program, right, given| {
            MATHEMATICS.iter().any(|name| program.contains(name)) && are_alike(right, given, 1e-12)
        },
    },
    Exception {
        // jq negates a 0 that was written to 0 and one that was computed to -0. We do not tell them apart.
        name: "the opposite of 0",
        explains: |program, right, given| program.contains("-(") && are_alike(right, given, 0.0),
    },
    Exception {
        // libjq goes on from an empty match by bytes and not by characters.
        name: "empty matches in text that is not ASCII",
        explains: |program, right, _| {
            REGEXES.iter().any(|name| program.contains(name)) && !(program.is_ascii() && right.text().is_ascii())
        },
    },
];

/// What may end an evaluation early.
const ENDS: [&str; 9] = ["?", "break", "error", "try", "first", "limit", "=", "any", "all"];

/// The functions with results that are rounded.
const MATHEMATICS: [&str; 10] =
    ["pow", "atan2", "exp10", "exp2", "cbrt", "gamma", "hypot", "sqrt", "drem", "significand"];

/// The functions that look for patterns.
const REGEXES: [&str; 5] = ["match(", "capture(", "scan(", "split", "sub("];

/// The known difference that explains the two answers.
pub(super) fn name(program: &str, right: &Answer, given: &Answer) -> Option<&'static str> {
    EXCEPTIONS.iter().find(|known| (known.explains)(program, right, given)).map(|known| known.name)
}

/// Whether the answers have the same text but for numbers that differ by no more than this part of them.
fn are_alike(right: &Answer, given: &Answer, part: f64) -> bool {
    let (right, given) = (right.text(), given.text());
    let is_near = |(a, b): (f64, f64)| a == b || (a - b).abs() <= part * a.abs().max(b.abs());
    let (left, right) = (numbers(&right), numbers(&given));
    left.0 == right.0 && left.1.len() == right.1.len() && left.1.into_iter().zip(right.1).all(is_near)
}

/// A text without its numbers, and these. What looks like a number and is none counts as 0.
fn numbers(text: &str) -> (String, Vec<f64>) {
    let is_part = |letter: char| letter.is_ascii_digit() || "+-.".contains(letter);
    let numbers = text.split(|letter| !is_part(letter)).filter(|number| !number.is_empty());
    (text.replace(is_part, ""), numbers.map(|number| number.parse().unwrap_or(0.0)).collect())
}
