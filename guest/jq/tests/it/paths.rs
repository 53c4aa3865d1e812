//! Path expressions: which ones there are, and what jq says of others.

use crate::check_all;

#[test]
fn a_path_is_followed_as_long_as_the_value_is_the_one_there() {
    check_all(&[
        (
            "path(null), path(.a | 1 | null), path(1 | null | .a)",
            "null",
            &["[]", "[\"a\"]", "[\"a\"]"],
        ),
        (". as $x | path(1 | $x)", "\"a\"", &["[]"]),
        ("path(if 1 then null else . end)", "null", &["[]"]),
        ("path({} | getpath([\"b\"]))", "null", &["[]"]),
        ("path(getpath([\"a\",\"b\"]) | .c)", r#"{"a":null}"#, &[r#"["a","b","c"]"#]),
        ("path(tostring), path(tonumber?), path(abs)", "\"a\"", &["[]", "[]"]),
        ("path(.a // .b | .c)", "null", &[r#"["b","c"]"#]),
        ("path(.a | try error catch .)", "null", &["[\"a\"]"]),
        ("path(label $x | .a, break $x)", "null", &["[\"a\"]"]),
        ("[paths(..)]", "[[1]]", &["[[0],[0],[0,0]]"]),
        ("[paths(type == \"number\")]", "[1,[2]]", &["[[0],[1,0]]"]),
        ("path(first(.[], 1))", "[2]", &["[0]"]),
        ("[path(limit(2; .[]))], [path(skip(1; .[]))]", "[1,2,3]", &["[[0],[1]]", "[[1],[2]]"]),
        ("del(.. | select(. == 1))", "[1,[1,2]]", &["[[2]]"]),
    ]);
}

#[test]
fn what_is_not_a_path() {
    check_all(&[
        ("path(1)", "1", &["! Invalid path expression with result 1"]),
        ("path([])", "[]", &["! Invalid path expression with result []"]),
        ("path(\"a\")", "\"a\"", &["! Invalid path expression with result \"a\""]),
        ("path(.a | {})", "null", &["! Invalid path expression with result {}"]),
        (
            "path([1] | .[]?)",
            "null",
            &["! Invalid path expression near attempt to iterate through [1]"],
        ),
        (
            "path([1] | .[0]?)",
            "null",
            &["! Invalid path expression near attempt to access element 0 of [1]"],
        ),
        ("path(1 | ..)", "null", &["! Invalid path expression with result 1"]),
        ("path(last(.[]))", "[1,2]", &["! Invalid path expression with result 2"]),
        ("paths(.a)", "2", &[r#"! Cannot index number with string ("a")"#]),
        (
            "to_entries[] |= 1",
            "[]",
            &["! Invalid path expression near attempt to iterate through []"],
        ),
    ]);
}

/// The source and the update go on along one path, and the state has only its value.
#[test]
fn folds_keep_only_the_value() {
    check_all(&[
        ("path(reduce 1 as $x (.; .a) | .b)", "null", &["[\"b\"]"]),
        (
            "path(reduce 1 as $x (1; .) | .b)",
            "null",
            &["! Invalid path expression near attempt to access element \"b\" of 1"],
        ),
        (
            "path(reduce .[] as $x (.; .[0]))",
            "[[1]]",
            &["! Invalid path expression near attempt to access element 0 of [[1]]"],
        ),
        (
            "path(foreach ([1] | .[]) as $x (.; .a))",
            "null",
            &["! Invalid path expression near attempt to iterate through [1]"],
        ),
    ]);
}

#[test]
fn getpath() {
    check_all(&[
        ("getpath([\"a\",\"b\"])", r#"{"a":1}"#, &[r#"! Cannot index number with string ("b")"#]),
        ("getpath([true])", "null", &["! Cannot index null with boolean (true)"]),
        ("getpath([\"a\",0,\"b\"])", "null", &["null"]),
        ("getpath([null])", "null", &["! Cannot index null with null (null)"]),
        ("getpath([{\"start\":1}])", "[1]", &["! Array/string slice indices must be integers"]),
        ("getpath([{\"start\":1,\"end\":null}]), getpath([[2]])", "[1,2]", &["[2]", "[1]"]),
        ("getpath(1)", "null", &["! Path must be specified as an array"]),
    ]);
}
