//! Containers that the document has as they are to be printed are copied from it. These are what must not be.

use crate::{check, sample};

/// A document of which every container is long enough to be copied.
const DOCUMENT: &str = r#"{"items":[{"id":1,"name":"a name that makes the object long enough to be copied","tags":["one of the tags","another of the tags","the last tag of all of them"]},{"id":2,"name":"another name that makes the object long enough to be copied","tags":[]}],"meta":{"count":2,"next":null,"text":"so that this object is long enough to be copied too"}}"#;

fn changed(from: &str, to: &str) -> String {
    assert!(DOCUMENT.contains(from), "{from}");
    DOCUMENT.replacen(from, to, 1)
}

#[test]
fn what_was_changed_deep_inside() {
    for (program, expected) in sample(&[
        (".items[0].id = 7", changed("\"id\":1", "\"id\":7")),
        (".items[0].tags[1] = 7", changed("\"another of the tags\"", "7")),
        (".items[0].tags += [7]", changed("of all of them\"]", "of all of them\",7]")),
        (".items[1].tags[0] = 7", changed("[]", "[7]")),
        (".meta.count += 1", changed("\"count\":2", "\"count\":3")),
        (".meta.new = 7", changed("copied too\"", "copied too\",\"new\":7")),
        (
            "del(.items[0].name)",
            changed("\"name\":\"a name that makes the object long enough to be copied\",", ""),
        ),
        (
            "(.items[] | .id) |= . + 1",
            changed("\"id\":2", "\"id\":3").replacen("\"id\":1", "\"id\":2", 1),
        ),
        (
            "reduce (0, 1) as $i (.; .items[$i].id += 5)",
            changed("\"id\":2", "\"id\":7").replacen("\"id\":1", "\"id\":6", 1),
        ),
        (". as $old | .items[0].id = 7 | $old", DOCUMENT.into()),
        (".items[0].id = 7 | .items[0].id = 1", DOCUMENT.into()),
        (". * {meta: {count: 7}}", changed("\"count\":2", "\"count\":7")),
        (
            "walk(if . == 2 then 7 else . end)",
            DOCUMENT.replace("\"id\":2", "\"id\":7").replace("\"count\":2", "\"count\":7"),
        ),
        (". as $d | reduce range(3) as $i ($d; .meta.count = $i)", DOCUMENT.into()),
        (". as [$x] ?// $x | $x", DOCUMENT.into()),
    ]) {
        check(program, DOCUMENT, &[expected]);
    }
}

#[test]
fn parts_of_what_was_read() {
    let array = r#"["the first of some elements","the second of them","the third of them","the fourth of them","the last"]"#;
    check(".[1:3]", array, &[r#"["the second of them","the third of them"]"#]);
    check(".[:-1]", array, &[&array.replace(",\"the last\"", "")]);
    check(
        ".[1:] | .[0] = 1",
        array,
        &[&array.replace("\"the first of some elements\",\"the second of them\"", "1")],
    );
    check("[., .[0:]] | .[1][0] = 1 | .[0]", array, &[array]);
    check("[limit(2; .[])]", array, &[r#"["the first of some elements","the second of them"]"#]);
    check(". + [1], .", array, &[&array.replace("\"]", "\",1]"), array]);
    check("{a: ., b: .[0:5]}", array, &[&format!("{{\"a\":{array},\"b\":{array}}}")]);
}

#[test]
fn what_is_printed_in_another_way() {
    let long = "a text that makes the array long enough to be copied from the document";
    for &(part, expected) in sample(&[
        (" 1", "1"),
        ("1 ", "1"),
        ("\n1", "1"),
        ("1e2", "1E+2"),
        ("1.0E1", "10"),
        ("\"\\u0061\"", "\"a\""),
        ("\"\\/\"", "\"/\""),
        ("\"\u{7f}\"", "\"\\u007f\""),
        ("\"\\u001F\"", "\"\\u001f\""),
        ("\"\\uD83D\\uDE00\"", "\"😀\""),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        // These are printed as they are.
        ("\"\\n\\\"\\\\\\u001f\\u007f\"", "\"\\n\\\"\\\\\\u001f\\u007f\""),
        ("-0", "-0"),
        ("1.50", "1.50"),
    ]) {
        for (before, behind) in [("", ""), ("[0,", "]"), ("[[1,2],{\"x\":[", "]}]")] {
            let document = |part: &str| format!("[\"{long}\",{before}{part}{behind},\"{long}\"]");
            check(".", &document(part), &[&document(expected)]);
            let nested = |part: &str| format!("[{},{}]", document("1"), document(part));
            check(".", &nested(part), &[&nested(expected)]);
        }
    }
}

/// A key that repeats the one of the object before is read in another way than a new one.
#[test]
fn keys_that_are_printed_in_another_way() {
    let long = "a text that makes the object long enough to be copied from the document";
    for (key, printed) in [
        ("a\u{7f}", "a\\u007f"),
        ("a key that no value can hold\u{7f}", "a key that no value can hold\\u007f"),
        ("\\u0061", "a"),
        ("a\\/", "a/"),
        ("a\\n", "a\\n"),
    ] {
        let document = |key: &str| {
            format!("[{{\"{key}\":\"{long}\"}},{{\"{key}\":\"{long}\"}},{{\"{key}\":\"{long}\"}}]")
        };
        check(".", &document(key), &[&document(printed)]);
        check(
            ".[1:]",
            &document(key),
            &[&document(printed).replacen(&format!("{{\"{printed}\":\"{long}\"}},"), "", 1)],
        );
    }
}

#[test]
fn texts_in_texts() {
    let text = serde_json::Value::from(DOCUMENT).to_string();
    check("fromjson", &text, &[DOCUMENT]);
    check("fromjson | .items[0].id = 7", &text, &[&changed("\"id\":1", "\"id\":7")]);
    check("tojson", DOCUMENT, &[&text]);
    check("[., 1] | tojson | fromjson | .[0]", DOCUMENT, &[DOCUMENT]);
    check("try error catch .meta.count", DOCUMENT, &["2"]);
}
