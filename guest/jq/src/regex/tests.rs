//! Tests of the regular expressions, most of them against tables of what jq answers.

mod failures;
mod matches;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::ControlFlow;

use super::{Codepoints, Flags, Regex, Span};

/// The matches as the tables write them.
fn found(pattern: &str, flags: &str, text: &str) -> Result<String, String> {
    let regex = Regex::new(pattern, &Flags::parse(flags)?)?;
    let counts = Codepoints::new(text);
    let write = |span: Option<Span>| match span.map(|span| counts.count(span)) {
        Some((offset, length)) => format!("{offset}+{length}"),
        None => "-".to_string(),
    };
    let mut all = Vec::new();
    regex.matches(text, |found| {
        let groups = (1..=regex.names().len()).map(|number| write(found.group(number)));
        let spans: Vec<String> =
            core::iter::once(write(Some(found.span()))).chain(groups).collect();
        all.push(spans.join(" "));
        ControlFlow::Continue(())
    })?;
    assert_eq!(regex.is_match(text)?, !all.is_empty(), "{pattern} {text}");
    Ok(all.join("|"))
}

/// Under Miri, a few of the cases: all of them take minutes.
fn sample<T>(cases: &[T]) -> impl Iterator<Item = &T> {
    cases.iter().step_by(if cfg!(miri) { 25 } else { 1 })
}

#[test]
fn matches_are_those_of_jq() {
    for (pattern, flags, text, expected) in sample(matches::MATCHES) {
        assert_eq!(
            found(pattern, flags, text).as_deref(),
            Ok(*expected),
            "{pattern} {flags} {text}"
        );
    }
}

#[test]
fn failures_are_those_of_jq() {
    for (pattern, expected) in sample(failures::FAILURES) {
        let message = found(pattern, "", "a").unwrap_err();
        assert_eq!(message.strip_prefix("Regex failure: "), Some(*expected), "{pattern}");
    }
}

#[test]
fn flags_are_letters() {
    assert_eq!(Flags::parse("gq").unwrap_err(), "gq is not a valid modifier string");
    let flags = Flags::parse("gixspln").unwrap();
    assert!(flags.global && flags.ignore_case && flags.extended && flags.single_line);
    assert!(flags.dot_all && flags.longest && flags.no_empty);
}

#[test]
fn names_are_those_of_the_groups() {
    let regex = Regex::new("(a)(?<x>b)(?<x>c)", &Flags::default()).unwrap();
    let names: Vec<Option<&str>> = regex.names().iter().map(Option::as_deref).collect();
    assert_eq!(names, [None, Some("x"), Some("x")]);
}

#[test]
fn texts_of_spans_are_lossy_inside_a_character() {
    let counts = Codepoints::new("é€x");
    assert_eq!(counts.text((0, 2)), "é");
    assert_eq!(counts.text((1, 2)), "\u{fffd}");
    assert_eq!(counts.text((9, 4)), "");
    assert_eq!(counts.count((2, 6)), (1, 2));
    assert_eq!(counts.count((3, 3)), (2, 0));
    assert_eq!(counts.count((1, 2)), (0, 1));
}

#[test]
fn offsets_count_characters_of_long_texts() {
    let count = if cfg!(miri) { 20 } else { 100 };
    let text = "aé€😀".repeat(count);
    let counts = Codepoints::new(&text);
    for (index, (place, _)) in text.char_indices().enumerate() {
        assert_eq!(counts.count((place, text.len())), (index, 4 * count - index));
    }
}

#[test]
fn a_break_ends_the_matches() {
    let regex = Regex::new("a", &Flags::parse("g").unwrap()).unwrap();
    let mut count = 0;
    regex
        .matches("aaa", |_| {
            count += 1;
            if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(count, 2);
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn plain_patterns_take_linear_time() {
    let text = "a".repeat(100_000) + "b";
    for pattern in ["(a+)+$", "^(a|aa)+$", "a*a*a*a*c", "(x+x+)+y", "(.*?,){2}c", ".*?.*?c"] {
        assert_eq!(found(pattern, "", &text).as_deref(), Ok(""), "{pattern}");
    }
    assert_eq!(found("(a*)*b", "", &text).as_deref(), Ok("0+100001 100000+0"));
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn too_much_work_fails() {
    let text = "a".repeat(10_000) + "b";
    let message = found("(?=(a+)+$)", "g", &text).unwrap_err();
    assert_eq!(message, "Regex failure: retry-limit-in-match over");
    let message = found("(?<p>\\g<p>a)", "g", &text).unwrap_err();
    assert_eq!(message, "Regex failure: match-stack limit over");
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn patterns_that_are_too_big_fail() {
    let failure = |pattern: &str| Regex::new(pattern, &Flags::default()).map(drop);
    let too_deep = Err("Regex failure: parse depth limit over".to_string());
    let too_big = Err("Regex failure: too big regular expression".to_string());
    assert_eq!(failure(&"(".repeat(100_000)), too_deep);
    assert_eq!(failure(&("a".to_string() + &"*".repeat(1_000))), too_deep);
    assert_eq!(failure(&"a|".repeat(200_000)), too_big);
    assert_eq!(failure(&"[^\\w]".repeat(5_000)), too_big);
    assert_eq!(failure(&("(?<a>)".repeat(5_000) + &"\\k<a>".repeat(5_000))), too_big);
    assert_eq!(failure("((((a{100}){100}){100}){100}){100}"), Ok(()));
}
