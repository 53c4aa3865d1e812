//! Outputs are strict JSON, whatever a program computes.

use crate::run;

#[track_caller]
fn written(program: &str, expected: &str) {
    assert_eq!(run(program, "null").as_deref(), Ok(expected), "{program}");
}

#[test]
fn numbers_that_json_has_not_are_written_as_jq_writes_them() {
    written("nan, [nan]", "null\n[null]\n");
    written("infinite", "1.7976931348623157e+308\n");
    written("-infinite", "-1.7976931348623157e+308\n");
    written("nan | tojson", "\"null\"\n");
    written("[infinite] | tojson", "\"[1.7976931348623157e+308]\"\n");
}

#[test]
fn superfluous_zeros_of_numbers_in_programs_are_not_written() {
    written("007", "7\n");
    written("007.50", "7.50\n");
    written("00.5", "0.5\n");
    written("-00.5", "-0.5\n");
    written("000e1", "0E+1\n");
    written("1.50e+10", "1.50E+10\n");
    written("0.0", "0.0\n");
}

#[test]
fn control_characters_are_escaped() {
    written(
        r#"[range(32), 34, 92, 127, 128] | implode"#,
        concat!(
            r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
            r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c"#,
            r#"\u001d\u001e\u001f\"\\\u007f"#,
            "\u{80}\"\n",
        ),
    );
}

#[test]
fn bytes_that_are_not_utf_8_become_the_replacement_character() {
    written("\"/w==\" | @base64d", "\"\u{fffd}\"\n");
    written("\"YfD/Yg==\" | @base64d | ., length", "\"a\u{fffd}\"\n2\n");
}

#[test]
fn objects_keep_their_order() {
    written("{b: 1, a: 2, \"0\": 3}", "{\"b\":1,\"a\":2,\"0\":3}\n");
    assert_eq!(
        run(".", r#"{"z":1,"a":2,"z":3}"#).as_deref(),
        Ok("{\"z\":3,\"a\":2}\n"),
        "the last of equal keys wins, at the place of the first"
    );
}

#[test]
fn tables_are_written_as_jq_writes_them() {
    written("[1, \"a,\\\"b\", null, true, 1.50] | @csv", "\"1,\\\"a,\\\"\\\"b\\\",,true,1.50\"\n");
    written("[\"a\\tb\\n\\\\\", nan, false] | @tsv", "\"a\\\\tb\\\\n\\\\\\\\\\t\\tfalse\"\n");
    let error = run("@csv", "[[1]]").expect_err("a table in a table");
    assert_eq!(error.message, "array ([1]) is not valid in a csv row");
    let error = run("@tsv", "{}").expect_err("not a row");
    assert_eq!(error.message, "object ({}) cannot be tsv-formatted, only array");
}
