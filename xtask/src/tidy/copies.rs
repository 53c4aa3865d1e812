//! A published crate holds its own copy of the contract, because a package contains only files of its folder. The
//! copies do not differ.

use super::finding::{Finding, Source};

/// The contract, and its copies.
const ORIGINAL: &str = "wit/processor/processor.wit";
const COPIES: [&str; 2] = ["guest/sdk/wit/processor.wit", "host/wit/processor.wit"];

/// The copies that are missing or differ.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let text = |path: &str| sources.iter().find(|source| source.path == path).map(|it| &*it.text);
    let Some(original) = text(ORIGINAL) else { return vec![finding(ORIGINAL, 1, "is missing")] };
    let differs = |copy: &&str| text(copy) != Some(original);
    let finding = |copy: &str| {
        let message = format!("differs from {ORIGINAL}; run `cp {ORIGINAL} {copy}`");
        finding(copy, first_difference(original, text(copy).unwrap_or_default()), &message)
    };
    COPIES.into_iter().filter(differs).map(finding).collect()
}

fn first_difference(one: &str, two: &str) -> usize {
    one.lines().zip(two.lines()).take_while(|(one, two)| one == two).count() + 1
}

fn finding(path: &str, line: usize, message: &str) -> Finding {
    Finding { path: path.to_owned(), line, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_copies(copies: &[&str], expected: &[(&str, usize)]) {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let copies = COPIES.iter().zip(copies).map(|(path, text)| source(path, text));
        let sources: Vec<_> = copies.chain([source(ORIGINAL, "a\nb\n")]).collect();
        let found = check(&sources);
        let found: Vec<_> = found.iter().map(|it| (it.path.as_str(), it.line)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_copy_that_differs_or_is_missing_is_found() {
        check_copies(&["a\nb\n", "a\nb\n"], &[]);
        check_copies(&["a\nb\n", "a\nc\n"], &[(COPIES[1], 2)]);
        check_copies(&["a\nb", "a\nb\n"], &[(COPIES[0], 3)]);
        check_copies(&["a\nb\n"], &[(COPIES[1], 1)]);
    }
}
