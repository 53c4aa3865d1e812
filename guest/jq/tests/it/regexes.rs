//! Builtins of regular expressions: their arguments, captures and outputs.

use crate::{check, check_all};

#[test]
fn arguments() {
    check_all(&[
        ("test([\"A\",\"i\"]), test([\"A\"])", "\"a\"", &["true", "false"]),
        ("test(1)", "\"a\"", &["! number not a string or array"]),
        ("test([])", "\"a\"", &["! array not a string or array"]),
        ("test(1; \"s\")", "\"a\"", &["! number (1) is not a string"]),
        ("match(\"a\"; 1)", "\"a\"", &["! number (1) is not a string"]),
        ("test(1; \"s\")", "[]", &["! array ([]) cannot be matched, as it is not a string"]),
        ("splits([\"a\",\"g\"]; null)", "\"a\"", &[r#"! array (["a","g"]) is not a string"#]),
        ("split(\"a\"; 1)", "\"a\"", &[r#"! number (1) and string ("g") cannot be added"#]),
    ]);
}

#[test]
fn substitution() {
    check_all(&[
        ("gsub(\"(?<x>[a-c])\"; \"<\\(.x)>\")", "\"abd\"", &["\"<a><b>d\""]),
        ("gsub(\"\"; \"-\")", "\"ab\"", &["\"-a-b-\""]),
        ("[gsub(\"a\"; \"x\", \"y\")]", "\"aba\"", &[r#"["xbx","yby"]"#]),
        ("sub(\"a\"; empty)", "\"abc\"", &["\"abc\""]),
        ("[splits(\", *\")]", "\"a,b, c\"", &[r#"["a","b","c"]"#]),
        (
            "[capture(\"(?<x>a)|(?<y>b)\"; \"g\")]",
            "\"ab\"",
            &[r#"[{"x":"a","y":null},{"x":null,"y":"b"}]"#],
        ),
    ]);
}

/// A pattern that stands in the program is compiled with it; its errors come when it is used.
#[test]
fn patterns_in_the_program() {
    check("if . then test(\"(\") else 1 end", "false", &["1"]);
    check(
        "[.[] | try test(\"(\") catch \"refused\"]",
        "[\"a\",\"b\"]",
        &["[\"refused\",\"refused\"]"],
    );
    check(
        "test(\"A\"; \"i\"), test(\"A\"), test([\"A\", \"i\"])",
        "\"a\"",
        &["true", "false", "true"],
    );
    check("test(\"A\"; \"q\")", "\"a\"", &["! q is not a valid modifier string"]);
    check("def test($x): $x; test(\"(\")", "\"a\"", &["\"(\""]);
    check(
        "[scan(\"a\"; \"i\")], gsub(\"a\"; \"b\"; \"i\"), sub(\"a\"; \"b\"), [splits(\"a\")]",
        "\"aAa\"",
        &["[\"a\",\"A\",\"a\"]", "\"bbb\"", "\"bAa\"", "[\"\",\"A\",\"\"]"],
    );
    check("split(\"(\"), split(\"[(]\"; null)", "\"a(b\"", &["[\"a\",\"b\"]", "[\"a\",\"b\"]"]);
    check("[test(\"a\", \"b\", \"\\(.)\")]", "\"b\"", &["[false,true,true]"]);
}
