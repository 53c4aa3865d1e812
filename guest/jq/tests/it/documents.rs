//! `fromjson`: what it takes beyond JSON, and what it says of other texts.

use crate::check;

#[track_caller]
fn check_messages(cases: &[(&str, &str)]) {
    for (text, message) in cases {
        let input = serde_json::Value::from(*text).to_string();
        check("fromjson", &input, &[&format!("! {message} (while parsing '{text}')")]);
    }
}

#[test]
fn messages() {
    check_messages(&[
        ("", "Expected JSON value"),
        ("1 2", "Unexpected extra JSON values"),
        ("1\"a\"", "Unexpected extra JSON values"),
        ("tru", "Invalid literal at EOF at line 1, column 3"),
        ("nu", "Invalid literal at EOF at line 1, column 2"),
        ("NaN1", "Invalid numeric literal at EOF at line 1, column 4"),
        ("\n\n x", "Invalid numeric literal at EOF at line 3, column 2"),
        ("é", "Invalid numeric literal at EOF at line 1, column 2"),
        ("[1 2]", "Expected separator between values at line 1, column 5"),
        ("[1,]", "Expected another array element at line 1, column 4"),
        ("[,1]", "Expected value before ',' at line 1, column 2"),
        ("1,", "Expected value before ',' at line 1, column 2"),
        ("[1:2]", "':' not as part of an object at line 1, column 3"),
        (":", "Expected string key before ':' at line 1, column 1"),
        ("{", "Unfinished JSON term at EOF at line 1, column 1"),
        ("{\"a\":1,}", "Expected another key-value pair at line 1, column 8"),
        ("{\"a\"}", "Objects must consist of key:value pairs at line 1, column 5"),
        ("{\"a\", 1}", "Objects must consist of key:value pairs at line 1, column 5"),
        ("{1:2}", "Object keys must be strings at line 1, column 3"),
        ("{\"a\":}", "Unmatched '}' at line 1, column 6"),
        ("{]", "Unmatched ']' at line 1, column 2"),
        ("{'a': 123}", "Invalid string literal; expected \", but got ' at line 1, column 5"),
        ("\"a", "Unfinished string at EOF at line 1, column 2"),
        ("\"\\x\"", "Invalid escape at line 1, column 4"),
        ("\"\\u12\"", "Invalid \\uXXXX escape at line 1, column 6"),
        ("\"\\u12x4\"", "Invalid characters in \\uXXXX escape at line 1, column 8"),
        ("\"\\ud800\"", "Invalid \\uXXXX\\uXXXX surrogate pair escape at line 1, column 8"),
        (
            "\"\u{1}\"",
            "Invalid string: control characters from U+0000 through U+001F must be escaped at line 1, column 3",
        ),
    ]);
}

#[test]
fn a_text_that_nests_too_deep() {
    let text = "[".repeat(10_001);
    let message = format!(
        "! Exceeds depth limit for parsing at line 1, column 10001 (while parsing '{text}')"
    );
    check("fromjson", &format!("\"{text}\""), &[&message]);
}

#[test]
fn forms_beyond_json() {
    check(
        "map(fromjson)",
        r#"["+1",".5","5.","01","-01","1e5","[nan]"," NaN ","Infinity"]"#,
        &["[1,0.5,5,1,-1,1E+5,[null],null,1.7976931348623157e+308]"],
    );
    check("map(fromjson | isnan)", r#"["nan","NaN","-nan","nan0"]"#, &["[true,true,true,true]"]);
}

#[test]
fn documents_are_strict() {
    for document in ["nan", "[NaN]", "+1", "01", ".5", "1 2", "[1,]", "'a'"] {
        let lines = crate::lines(".", document, &arenaria_jq::Limits::default());
        assert!(lines.len() == 1 && lines[0].starts_with("! Document"), "{document}: {lines:?}");
    }
}
