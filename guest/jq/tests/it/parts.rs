//! A program that looks at parts of a document gives what it would give if all of it was read.

use arenaria_jq::{Engine, Limits, Program, RunError};

use crate::{check_all, sample};

/// The programs that look at parts, in front of what the whole document is looked at for.
fn whole(program: &str) -> String {
    format!("(tojson | empty), ({program})")
}

fn run(program: &str, document: &str, limits: &Limits) -> (Result<(), RunError>, String) {
    let program = Program::compile(program, limits).unwrap();
    let mut out = Vec::new();
    let result = Engine::new().run(&program, document.as_bytes(), limits, None, &mut out);
    (result.map(drop), String::from_utf8(out).unwrap())
}

/// Programs that look at one part or another.
const PROGRAMS: [&str; 12] = [
    "1",
    "type",
    ".a",
    ".a?",
    ".[0]?",
    "[.[]? | .b?]",
    "length",
    "keys",
    "has(\"b\")",
    "{x: .a?.b?, y: .c?} | .x",
    "[.a[]? | select(.b?)] | length",
    "sort_by(.a)",
];

#[test]
fn only_what_is_looked_at_takes_memory() {
    let members: String =
        (0..2000).map(|n| format!(",\"m{n}\":{{\"deep\":[{n},[\"text\"]]}}")).collect();
    let document = format!("{{\"a\":1{members},\"b\":[{{\"c\":2,\"d\":[3]}}]}}");
    let limits = Limits { memory: 4 << 10, ..Limits::default() };
    for (program, expected) in [
        (".a", "1\n"),
        ("def f(g): g; . as {$a} | f(.b[] | .c + $a)", "3\n"),
        ("if .b then type else .a end", "\"object\"\n"),
        ("[.b[] | {c, d}] | map(.c)", "[2]\n"),
        ("first(.b[]).d | length", "1\n"),
        ("reduce .b[] as $x (0; . + $x.c)", "2\n"),
        (".b | group_by(.c) | map(length)", "[1]\n"),
    ] {
        assert_eq!(run(program, &document, &limits), (Ok(()), expected.to_owned()), "{program}");
        let whole = run(&whole(program), &document, &limits);
        assert_eq!(whole.0, Err(RunError::Memory), "{program}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "many runs take minutes")]
fn faults_are_found_where_nobody_looks() {
    let deep = "[".repeat(30) + &"]".repeat(30);
    let limits = Limits { document_depth: 20, ..Limits::default() };
    let values = [
        "01",
        "-",
        "1.",
        "1e",
        "1e+",
        ".5",
        "1x",
        "-0.5e-x",
        "tru",
        "nulls",
        "{",
        "[",
        "}",
        "]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "[}",
        "{]",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\n\"",
        "\"a text that is longer than a value, \\q\"",
        "\"\u{e9}\\\"",
        &deep,
        "1 1",
        "",
        ",",
        "nan",
    ];
    for value in sample(&values) {
        for document in [
            format!("{{\"z\":{value}}}"),
            format!("{{\"z\" : [ {value} ] , \"a\" : 1}}"),
            format!("[{{\"a\":{{\"b\":1}},\"z\":{{\"y\":[{value}]}}}},2]"),
            format!("{{\"a\":[{{\"b\":1}},{{\"y\":{value}}}]}}"),
            format!("[{value}"),
            value.to_string(),
        ] {
            let expected = run(".", &document, &limits).0;
            for program in PROGRAMS {
                let (result, _) = run(program, &document, &limits);
                match &expected {
                    Err(fault) => {
                        assert_eq!(result.as_ref(), Err(fault), "{program} on {document}")
                    }
                    Ok(()) => assert!(
                        matches!(result, Ok(()) | Err(RunError::Program { .. })),
                        "{program} on {document}: {result:?}"
                    ),
                }
            }
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_found_where_nobody_looks() {
    let limits = Limits::default();
    let padding = b", \"y\": \"a text that is longer than a value\"}";
    for (document, at) in [
        (&b"{\"z\":\"\xFF\",\"a\":1"[..], 6),
        (b"{\"z\":\"a text that is longer than a value \xC3\",\"a\":x", 41),
        (b"{\"\xFF\":1,\"a\":1", 2),
        (b"{\"a\":1,\"z\":[{\"\xED\xA0\x80\":1}]", 14),
    ] {
        for program in PROGRAMS {
            let program = Program::compile(program, &limits).unwrap();
            let document = [document, padding].concat();
            let result = Engine::new().run(&program, &document, &limits, None, &mut Vec::new());
            assert_eq!(
                result,
                Err(RunError::Document { offset: at }),
                "{}",
                document.escape_ascii()
            );
        }
    }
}

#[test]
fn parts_are_those_of_the_whole() {
    let documents = [
        "null",
        "false",
        "1.50",
        "\"text\"",
        "[]",
        "{}",
        "[[]]",
        "{\"a\":{}}",
        "{\"a\":[]}",
        "[1,[2],{\"a\":3}]",
        // The last of equal keys counts, at the place of the first.
        r#"{"a":1,"b":2,"a":{"b":3}}"#,
        r#"{"a":{"b":3},"b":2,"a":1}"#,
        r#"[{"a":1,"a":2},{"a":3,"b":4,"b":5,"a":6}]"#,
        r#"{"c":1,"a":{"b":1,"x":2,"b":[3]},"c":{"b":4}}"#,
        // Keys in other orders, and not all of them.
        r#"[{"a":1,"b":2,"z":3},{"b":4,"z":5,"a":6},{"z":7},{"b":8},{"a":9,"b":10,"z":11,"y":12}]"#,
        // Keys with escapes, and longer ones.
        r#"{"\u0061":{"\u0062":1},"a\"":2}"#,
        r#"[{"\u0061":1,"b":2},{"a":3,"\u0062":4},{"a":5,"b":6}]"#,
        r#"{"a":[{"b":1,"a key that is longer than a value":2},{"b":false}],"c":"d\ne"}"#,
        " [ { \"a\" : { \"b\" : [ 1 , 2 ] } , \"c\" : null } , { \"a\" : 2 } ] ",
    ];
    let limits = Limits::default();
    for document in sample(&documents) {
        for program in sample(&PROGRAMS) {
            let expected = run(&whole(program), document, &limits);
            assert_eq!(run(program, document, &limits), expected, "{program} on {document}");
        }
    }
}

#[test]
fn messages_show_the_whole() {
    check_all(&[
        (
            ".a + 1",
            r#"{"a":{"b":[1]}}"#,
            &[r#"! object ({"b":[1]}) and number (1) cannot be added"#],
        ),
        (".a | error", r#"{"a":{"b":[1],"c":2}}"#, &[r#"! {"b":[1],"c":2}"#]),
        (
            ".a | sort_by(.b)",
            r#"{"a":{"k":{"b":1,"c":[2]}}}"#,
            &[
                r#"! object ({"k":{"b":1,"c":[2]}}) and array ([[1]]) cannot be sorted, as they are not both arrays"#,
            ],
        ),
        (
            "[.[] | try (.a | group_by(.b)) catch .]",
            r#"[{"a":{"k":{"b":1,"c":[2]}}}]"#,
            &[
                r#"["object ({\"k\":{\"b\":1,\"c\":[2]}}) and array ([[1]]) cannot be sorted, as they are not both arrays"]"#,
            ],
        ),
        (".a | halt_error", r#"{"a":{"b":[1]}}"#, &[r#"! {"b":[1]}"#]),
        (
            "[.[] | try (.a | tonumber) catch .]",
            r#"[{"a":[{"b":1}]}]"#,
            &[r#"["array ([{\"b\":1}]) cannot be parsed as a number"]"#],
        ),
        (
            ". as {a: {b: $x}, c: {($x): $y}} | $y",
            r#"{"a":{"b":{"d":1}},"c":{}}"#,
            &[r#"! Cannot index object with object ({"d":1})"#],
        ),
    ]);
}

#[test]
fn what_comes_before_the_end_is_looked_at() {
    check_all(&[
        ("def f: .a; def g(h): h | f; [g(.[])]", r#"[{"a":1,"b":2},{"a":3}]"#, &["[1,3]"]),
        (
            ". as $d | .k[] | $d.a[.] // $d.b",
            r#"{"k":["x","y"],"a":{"x":{"z":1}},"b":[2]}"#,
            &[r#"{"z":1}"#, "[2]"],
        ),
        (
            "def f($x): $x.a, ($x | .b); f(.)",
            r#"{"a":{"c":1},"b":[2],"d":3}"#,
            &[r#"{"c":1}"#, "[2]"],
        ),
        ("def f: if .n then .n | f else .v end; f", r#"{"n":{"n":{"v":[1]}}}"#, &["[1]"]),
        ("[limit(2; .[])] == [.[0, 1]]", r#"[{"a":1},{"a":2},3]"#, &["true"]),
        ("(.a, .b) |= 1", r#"{"a":0,"c":{"d":2}}"#, &[r#"{"a":1,"c":{"d":2},"b":1}"#]),
        ("del(.a) | .c", r#"{"a":0,"c":{"d":2}}"#, &[r#"{"d":2}"#]),
        ("[paths]", r#"{"a":{"b":1}}"#, &[r#"[["a"],["a","b"]]"#]),
        (
            "label $f | .[] | if .s then ., break $f else .a end",
            r#"[{"a":[1],"b":2},{"s":1,"t":[2]},3]"#,
            &["[1]", r#"{"s":1,"t":[2]}"#],
        ),
        (
            "[foreach .[] as {$a} ({}; .[$a.k] = $a; .)] | length",
            r#"[{"a":{"k":"x","v":[1]}}]"#,
            &["1"],
        ),
        (
            "reduce .[] as {a: {k: $k}} (.; .[$k | length] = 0)",
            r#"[{"a":{"k":"x","v":[1]}}]"#,
            &[r#"[{"a":{"k":"x","v":[1]}},0]"#],
        ),
        (
            "map(.a) | unique_by(length)",
            r#"[{"a":[1]},{"a":[2]},{"a":[{"b":3},4]}]"#,
            &[r#"[[1],[{"b":3},4]]"#],
        ),
        (
            ".a < .b, .a == [1], .a == null, .b > 5",
            r#"{"a":[1],"b":{"c":1}}"#,
            &["true", "true", "false", "true"],
        ),
        (".[1:] | length, .[0].a", r#"[{"a":1},{"a":[2]},{"a":3}]"#, &["2", "[2]"]),
        ("debug | .a", r#"{"a":[1],"b":2}"#, &["[1]"]),
        ("reverse | .[0].a", r#"[{"a":[1],"b":2}]"#, &["[1]"]),
    ]);
}

/// The search for what is looked at has bounds of its own.
#[test]
#[cfg_attr(miri, ignore = "many runs take minutes")]
fn long_and_deep_programs_run() {
    let limits = Limits::default();
    let pipes = |n: usize| vec![".a?"; n].join(" | ");
    let twice = "def f: ., .; ".to_owned() + &vec!["f"; 14].join(" | ");
    let fields = (0..100).map(|n| format!("k{n}: .m{n}")).collect::<Vec<_>>().join(", ");
    let path = ".a".repeat(90) + "?";
    for program in [
        pipes(600),
        format!("({}), ({})", pipes(400), pipes(400)),
        format!("[{twice}] | length"),
        format!("{{{fields}}}"),
        path,
        "def f(g): g | g; f(f(f(f(f(f(.a?))))))".to_owned(),
        "def f: def g: f; if .a? then .a | g else . end; f".to_owned(),
    ] {
        let document = r#"{"a":{"a":{"b":[1]}},"m7":{"x":[2]},"m99":3}"#;
        assert_eq!(
            run(&program, document, &limits),
            run(&whole(&program), document, &limits),
            "{program}"
        );
    }
}
