//! Assignments through all kinds of paths.

use crate::check_all;

#[test]
fn updates() {
    check_all(&[
        (".[] |= empty", "[1,2,3]", &["[]"]),
        ("(.[] | select(. > 1)) |= empty", "[1,2,3]", &["[1]"]),
        ("(.[0,1] | .[-2:]) |= [.]", "[]", &["[[null],[null]]"]),
        (".[-1:] |= [\"x\"]", "[1,2]", &["[1,\"x\"]"]),
        ("first(.[]) |= 5", "[1,2]", &["[5,2]"]),
        ("limit(2; .[]) |= 5", "[1,2,3]", &["[5,5,3]"]),
        ("(.a, .b) = (1, 2)", "null", &[r#"{"a":1,"b":1}"#, r#"{"a":2,"b":2}"#]),
        ("(.a // .b) |= 3", r#"{"b":1}"#, &[r#"{"b":3}"#]),
        ("getpath([\"a\",0]) += 1", "null", &[r#"{"a":[1]}"#]),
        ("(if .a then .b else .c end) = 1", "null", &[r#"{"c":1}"#]),
        ("(try .a catch .) |= 1", "null", &[r#"{"a":1}"#]),
        ("(.. | numbers) |= . + 1", "[1,{\"a\":2}]", &["[2,{\"a\":3}]"]),
        (".a += (1, 2)", r#"{"a":1}"#, &[r#"{"a":2}"#, r#"{"a":3}"#]),
    ]);
}

/// What cannot be changed is still looked at first.
#[test]
fn the_error_of_the_filter_comes_first() {
    check_all(&[
        (".[:1] /= 0.1", "\"a\"", &[r#"! string ("a") and number (0.1) cannot be divided"#]),
        (".[-1] |= error(\"x\")", "[]", &["! x"]),
        (".[1:] |= \"x\"", "\"abc\"", &["! Cannot update string slices"]),
        (
            r#"setpath([{"start":"a"}]; 1)"#,
            "\"abc\"",
            &["! Array/string slice indices must be integers"],
        ),
        (".[-5] = 1", "[1]", &["! Out of bounds negative array index"]),
    ]);
}

/// As in jq: containers along the sorted places, what is inside of a part before the part, and not at all if it goes.
#[test]
fn deletions_come_in_order() {
    check_all(&[
        ("del(.a[1:], .a)", r#"{"a":"str"}"#, &["{}"]),
        ("del(.a[1:])", r#"{"a":"str"}"#, &["! Cannot delete fields from string"]),
        (
            r#"delpaths([["a",0],["a"],["b","c"]])"#,
            r#"{"a":[1],"b":{"c":1,"d":2}}"#,
            &[r#"{"b":{"d":2}}"#],
        ),
        (
            "del(.[0].a, .[1].a, .[2])",
            r#"[{"a":1,"b":2},{"a":3},{"a":4},5]"#,
            &[r#"[{"b":2},{},5]"#],
        ),
        ("del(.[] | .a, .b)", r#"[{"a":1},{"b":2},{"c":3}]"#, &[r#"[{},{},{"c":3}]"#]),
        ("del(.a.b.c)", r#"{"a":{"b":null},"d":1}"#, &[r#"{"a":{"b":null},"d":1}"#]),
        ("del(.[1:][0], .[0])", "[1,2,3,4]", &["[3,4]"]),
        ("del(.[0.5:1.5] | ..)", "[1,2,3]", &["[3]"]),
    ]);
}
