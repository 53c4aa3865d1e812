//! `fromjson`: what it takes beyond JSON, and what it says of other texts.

use crate::{check, sample};

#[track_caller]
fn check_messages(cases: &[(&str, &str)]) {
    for (text, message) in sample(cases) {
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
#[cfg_attr(miri, ignore = "large inputs take minutes")]
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

/// Where a document of these bytes is not JSON.
fn fault(document: &[u8]) -> Option<usize> {
    let limits = arenaria_jq::Limits::default();
    let program = arenaria_jq::Program::compile(".", &limits).unwrap();
    let result = arenaria_jq::Engine::new().run(&program, document, &limits, None, &mut Vec::new());
    match result {
        Ok(_) => None,
        Err(arenaria_jq::RunError::Document { offset }) => Some(offset),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn records_that_are_nearly_alike() {
    let long = "a key that no value can hold";
    // Each object is compared with the one before it, and with what stood at its place there.
    for &(document, expected) in sample(&[
        (r#"[{"a":1,"b":2},{"a":3,"b":4},{"a":5},{"a":6,"b":7,"c":8},{"b":9,"a":0},{}]"#, None),
        (r#"[{"a":{"x":1,"y":2}},{"a":{"x":3,"y":4,"z":5}},{"a":[]},{"a":{"x":6}}]"#, None),
        (r#"[[[{"a":1}],[{"a":2}]],[[{"a":3},{"a":4}]]]"#, None),
        // Of equal keys the last wins, at the place of the first.
        (r#"[{"a":1,"b":2},{"a":3,"a":4}]"#, Some(r#"[{"a":1,"b":2},{"a":4}]"#)),
        (r#"[{"a":1,"b":2},{"a":3,"b":4,"a":5}]"#, Some(r#"[{"a":1,"b":2},{"a":5,"b":4}]"#)),
        (
            r#"[{"a":1,"a":2},{"a":3,"b":4},{"a":5,"a":6}]"#,
            Some(r#"[{"a":2},{"a":3,"b":4},{"a":6}]"#),
        ),
        // A key is not one that only begins so, and escapes are not what they stand for.
        (r#"[{"a":1},{"ab":2},{"":3},{"a":4}]"#, None),
        (r#"[{"a\"b":1},{"a\"b":2},{"a\\":3},{"a\\":4}]"#, None),
        (r#"[{"a\nb":1,"c":2},{"a\nb":3,"c":4}]"#, None),
        ("[ { \"a\" : 1 } ,\n{ \"a\"\t:2}\r]", Some(r#"[{"a":1},{"a":2}]"#)),
    ]) {
        check(".", document, &[expected.unwrap_or(document)]);
        let document = document.replace("\"a\"", &format!("\"{long}\""));
        let expected = expected.map(|text| text.replace("\"a\"", &format!("\"{long}\"")));
        check(".", &document, &[expected.as_deref().unwrap_or(&document)]);
        check(
            ".",
            &format!("{document}                "),
            &[expected.as_deref().unwrap_or(&document)],
        );
    }
    for (document, at) in [
        (&br#"[{"a\"b":1},{"a"b":2}]"#[..], 16),
        (b"[{\"a\\nb\":1},{\"a\nb\":2}]", 15),
        (br#"[{"a":1},{"a" 2}]"#, 14),
        (br#"[{"a":1},{"a":2"#, 15),
        (br#"[{"a":1},{"a"#, 12),
        (br#"[{"a":1},{a":2}]"#, 10),
    ] {
        assert_eq!(fault(document), Some(at), "{}", document.escape_ascii());
        // Near the end of a document the bytes are looked at one by one.
        if document.ends_with(b"}]") {
            let longer =
                [&document[..document.len() - 1], b",\"more than sixteen bytes\"]"].concat();
            assert_eq!(fault(&longer), Some(at), "{}", longer.escape_ascii());
        }
    }
}

#[test]
fn numbers_keep_their_digits() {
    for &(number, expected) in sample(&[
        ("0", "0"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1E-7"),
        ("10.00000000", "10.00000000"),
        ("1.50", "1.50"),
        ("1e3", "1E+3"),
        ("1.5E+3", "1.5E+3"),
        ("999999999999999", "999999999999999"),
        ("100000000000000000001", "100000000000000000001"),
        ("1E1000", "1E+1000"),
    ]) {
        check(
            ".",
            &format!("[{number},{{\"a\":{number}}}]"),
            &[&format!("[{expected},{{\"a\":{expected}}}]")],
        );
        check("fromjson", &format!("\"[{number}]\""), &[&format!("[{expected}]")]);
    }
    for number in ["00", "-", "1.", "1.e5", "1e", "1e+", "-01", "1.5.2", "0x1", "1.5e", ".5"] {
        assert!(fault(format!("[{number}]").as_bytes()).is_some(), "{number}");
    }
}

#[test]
fn strings_of_every_length_and_at_every_end() {
    for len in (0..40).step_by(if cfg!(miri) { 15 } else { 1 }) {
        for text in ["x".repeat(len), "é".repeat(len), format!("{}\u{7f}", "x".repeat(len))] {
            let document = format!("[\"{text}\",\"{text}\\n\"]");
            let expected = document.replace('\u{7f}', "\\u007f");
            check(".", &document, &[&expected]);
            check("fromjson", &serde_json::Value::from(document).to_string(), &[&expected]);
            check(
                ".",
                &format!("\"{text}\""),
                &[&format!("\"{text}\"").replace('\u{7f}', "\\u007f")],
            );
        }
    }
}

#[test]
fn the_first_fault_is_told() {
    let text = "a text that is longer than a value";
    for (document, at) in [
        (format!("[\"{text}\", \"\u{0}\"]").into_bytes(), text.len() + 6),
        ([b"[\"", text.as_bytes(), b"\xFF\", x]"].concat(), text.len() + 2),
        (b"[\"\xC3\"]".to_vec(), 2),
        (b"[\"\xED\xA0\x80\", x]".to_vec(), 2),
        (b"[x, \"\xFF\"]".to_vec(), 1),
        (b"\xEF\xBB\xBF[1]x".to_vec(), 6),
        (b"\xFF".to_vec(), 0),
        (b"[1]\0".to_vec(), 3),
        (b"".to_vec(), 0),
        (b" [1, ".to_vec(), 5),
    ] {
        assert_eq!(fault(&document), Some(at), "{}", document.escape_ascii());
    }
}
