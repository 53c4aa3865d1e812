//! Builtins of objects.

use crate::check_all;

#[test]
fn from_entries() {
    check_all(&[
        (
            "from_entries",
            r#"[{"key":"a","value":null},{"key":false,"Key":"b"}]"#,
            &[r#"{"a":null,"b":null}"#],
        ),
        (
            "from_entries",
            r#"{"x":{"name":"a","Value":3},"y":{"Name":"b","value":false,"Value":1}}"#,
            &[r#"{"a":3,"b":false}"#],
        ),
        ("from_entries", r#"[{"k":"a","v":1}]"#, &["! Cannot use null (null) as object key"]),
        ("from_entries", r#"[{"key":1}]"#, &["! Cannot use number (1) as object key"]),
        (
            "from_entries",
            r#"[{"key":null,"value":1}]"#,
            &["! Cannot use null (null) as object key"],
        ),
        ("from_entries", r#"[{"key":false}]"#, &["! Cannot use null (null) as object key"]),
        ("from_entries", r#"[{"Name":false}]"#, &["! Cannot use boolean (false) as object key"]),
        ("from_entries", "[1]", &[r#"! Cannot index number with string ("key")"#]),
        ("from_entries", "[]", &["{}"]),
        ("to_entries", "[1]", &[r#"[{"key":0,"value":1}]"#]),
        ("with_entries(.value += 1)", r#"{"b":1,"a":2}"#, &[r#"{"b":2,"a":3}"#]),
    ]);
}

#[test]
fn keys_and_has() {
    check_all(&[
        ("keys", r#"{"é":1,"z":2,"😀":3,"ﬀ":4}"#, &[r#"["z","é","ﬀ","😀"]"#]),
        ("has(0), has(\"a\"), has([])", "null", &["false", "false", "false"]),
        ("has(\"a\")", "[]", &["! Cannot check whether array has a string key"]),
        (
            "walk(if type == \"object\" then del(.a) else . end)",
            r#"[{"a":1,"b":{"a":2}}]"#,
            &[r#"[{"b":{}}]"#],
        ),
        ("walk(numbers)", r#"[1,"a",{"x":2,"y":"b"}]"#, &[]),
    ]);
}
