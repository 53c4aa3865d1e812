//! Where two JSON values differ.

use serde_json::{Map, Number, Value};

use crate::component::guest_text::GuestText;

/// The first differences, at most `most` of them: each with its path, such as `$.items[0].total`.
pub(super) fn differences(expected: &Value, got: &Value, most: usize) -> Vec<String> {
    let mut search = Search { path: "$".to_owned(), found: Vec::new(), most };
    search.compare(Some(expected), Some(got));
    search.found
}

struct Search {
    path: String,
    found: Vec<String>,
    most: usize,
}

impl Search {
    /// The depth is bounded, because the parser of both values bounds it.
    fn compare(&mut self, expected: Option<&Value>, got: Option<&Value>) {
        if self.found.len() >= self.most {
            return;
        }
        match (expected, got) {
            (Some(Value::Object(expected)), Some(Value::Object(got))) => {
                self.objects(expected, got)
            }
            (Some(Value::Array(expected)), Some(Value::Array(got))) => {
                for index in 0..expected.len().max(got.len()) {
                    self.below(&format!("[{index}]"), expected.get(index), got.get(index));
                }
            }
            (Some(Value::Number(expected)), Some(Value::Number(got))) if is_same(expected, got) => {
            }
            (expected, got) if expected == got => {}
            (expected, got) => {
                let (expected, got) = (shown(expected), shown(got));
                self.found.push(format!("{}: expected {expected}, got {got}", self.path));
            }
        }
    }

    fn objects(&mut self, expected: &Map<String, Value>, got: &Map<String, Value>) {
        for (key, value) in expected {
            self.below(&step(key), Some(value), got.get(key));
        }
        for (key, value) in got.iter().filter(|(key, _)| !expected.contains_key(*key)) {
            self.below(&step(key), None, Some(value));
        }
    }

    fn below(&mut self, step: &str, expected: Option<&Value>, got: Option<&Value>) {
        let length = self.path.len();
        self.path.push_str(step);
        self.compare(expected, got);
        self.path.truncate(length);
    }
}

/// Whether two numbers have one value: `1` and `1.0` do. Whole numbers are compared exactly.
fn is_same(left: &Number, right: &Number) -> bool {
    let is_whole = |number: &Number| number.is_i64() || number.is_u64();
    left == right || (!(is_whole(left) && is_whole(right)) && left.as_f64() == right.as_f64())
}

/// A key in a path.
fn step(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !key.is_empty() && key.chars().all(is_plain) {
        format!(".{key}")
    } else {
        format!("[\"{}\"]", GuestText::name(key))
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(value) => GuestText::name(&value.to_string()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, got: &str, differences: &[&str]) {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(super::differences(&value(expected), &value(got), 3), differences);
    }

    #[test]
    fn a_difference_has_its_path() {
        check(r#"{"a":[1,{"b":null}]}"#, r#"{ "a" : [1.0, {"b": null}] }"#, &[]);
        check(
            r#"{"id":1,"items":[{"total":0}]}"#,
            r#"{"items":[{"total":1}],"id":"1"}"#,
            &[r#"$.id: expected 1, got "1""#, "$.items[0].total: expected 0, got 1"],
        );
        check("[1,2]", "[1]", &["$[1]: expected 2, got nothing"]);
        check("[]", "[null]", &["$[0]: expected nothing, got null"]);
        check(
            r#"{"a b":1}"#,
            r#"{"":2}"#,
            &[r#"$["a b"]: expected 1, got nothing"#, r#"$[""]: expected nothing, got 2"#],
        );
        check(
            "[1,2,3,4]",
            "[5,6,7,8]",
            &["$[0]: expected 1, got 5", "$[1]: expected 2, got 6", "$[2]: expected 3, got 7"],
        );
        check("true", "{}", &["$: expected true, got {}"]);
    }

    #[test]
    fn large_whole_numbers_are_compared_exactly() {
        check(
            "9007199254740993",
            "9007199254740992",
            &["$: expected 9007199254740993, got 9007199254740992"],
        );
        check("-1", "18446744073709551615", &["$: expected -1, got 18446744073709551615"]);
        check("100", "1e2", &[]);
    }

    #[test]
    fn long_values_are_cut() {
        let long = format!("[\"{}\"]", "x".repeat(1000));
        let value = serde_json::from_str::<Value>(&long).unwrap();
        let found = differences(&Value::Null, &value, 1);
        assert!(found[0].len() < 250 && found[0].contains("cut at"), "{found:?}");
    }
}
