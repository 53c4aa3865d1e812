//! Builtins of regular expressions: their arguments, captures and outputs.

use crate::check_all;

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
