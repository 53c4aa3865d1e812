//! Giving up dead values never changes an answer. (`check` runs each program of the other files in both ways, too.)

use arenaria_jq::{Engine, Limits, Program, RunError};

use crate::check;

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn loops_give_up_what_they_leave_behind() {
    let cases = [
        ("[range(300) | tostring * 9] | add | length", "7110"),
        (
            "reduce range(300) as $i ({}; .[\"key number \\($i % 20)\"] += [$i]) | [.[] | length] | add",
            "300",
        ),
        ("[foreach range(50) as $i ([]; . + [[$i]]; length)] | add", "1275"),
        (
            "[range(30) as $i | {a: [$i, \"a string that is not short\"]} | .a[0] += 1 | .a[0]] | add",
            "465",
        ),
        (
            "def f($n): if $n == 0 then . else (. + [\"a string that is not short \\($n)\"]) | f($n - 1) end; [] | f(200) | length",
            "200",
        ),
        (
            "[limit(100; [1] | recurse(if length < 50 then . + [length] else empty end))] | length",
            "50",
        ),
        ("[.[] as [$a, $b] | {($a): [$b, $b]} | tojson] | add | length", "22"),
        ("[paths] | length", "6"),
        ("[walk(if type == \"array\" then map([.]) else . end) | .. | numbers] | add", "3"),
        (
            "[.[] | .[0] as $k | [range(20) | $k + \" and a long tail \\(.)\"] | unique | length] | add",
            "40",
        ),
        (
            "[group_by(.[1])[] | map(.[0] |= . + \" with something behind it\") | .[0][0]] | join(\",\") | length",
            "53",
        ),
        ("[tostream] | fromstream(.[]) | length", "2"),
        ("[match(\"a\"; \"g\")?] | length", "0"),
        ("[.[][0] | gsub(\"(?<x>.)\"; \"<\\(.x) in a longer text>\") | length] | add", "40"),
    ];
    for (program, expected) in cases {
        check(program, r#"[["a",1],["b",2]]"#, &[expected]);
    }
}

/// The keys of places that are deleted in the end are made in the rounds of loops.
#[test]
fn keys_of_paths_outlive_the_rounds() {
    let document =
        r#"[{"n":1,"a long key that is made 1":5},{"n":2,"a long key that is made 2":6}]"#;
    let left = r#"[{"n":1},{"n":2}]"#;
    check("del(.[] | .[\"a long key that is made \\(.n)\"])", document, &[left]);
    check("(.[] | .[\"a long key that is made \\(.n)\"]) |= empty", document, &[left]);
    check("del(.[] | .[1:])", "[[1,2],[3,4,5]]", &["[[1],[3]]"]);
    check(
        "[path(.[] | .[\"a long key that is made \\(.)\"]?)] | map(.[0])",
        "[null,1,null]",
        &["[0,2]"],
    );
}

/// A variable does not hold the value of the round before while the next one is made.
#[test]
fn variables_let_go_of_dead_values() {
    check("fromstream(combinations(1) | tostream)", r#"{"a":{},"name":"1"}"#, &["[{}]", "[\"1\"]"]);
    check("[combinations | add]", "[[[1],[2]],[[3],[4]]]", &["[[1,3],[1,4],[2,3],[2,4]]"]);
}

/// An argument binds its variables in a frame that is older than the function that evaluates it.
#[test]
fn variables_of_arguments_stay() {
    let program = "def f(g): (g), 1; def h($a; $b): [$a, $b];
        [f(. as $x | \"long enough for the heap \\($x)\" as $y | h($y + \" and more\"; $x) | h(.; $y))]";
    let expected =
        r#"[[["long enough for the heap 5 and more",5],"long enough for the heap 5"],1]"#;
    check(program, "5", &[expected]);
}

/// A value that holds others more than once has a text far longer than its memory.
#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn texts_are_bounded_too() {
    let limits = Limits { memory: 64 << 10, output: 100, ..Limits::default() };
    let shared = "reduce range(60) as $i (\"a\"; [., .])";
    let row = "(\"abc\" * 10000) as $long | [range(1000) | $long]";
    let (memory, output) = (Err(RunError::Memory), Err(RunError::Output));
    for (program, expected) in [
        (format!("{shared} | tojson | 1"), memory.clone()),
        (format!("{shared} | @html | 1"), memory.clone()),
        (format!("{shared} | error"), memory.clone()),
        (format!("{row} | join(\"\") | 1"), memory.clone()),
        (format!("{row} | @csv | 1"), memory.clone()),
        (format!("{row} | @sh | 1"), memory.clone()),
        ("[range(1e7)] | 1".to_owned(), memory),
        (format!("1, ({shared}), 2"), output),
    ] {
        let compiled = Program::compile(&program, &limits).unwrap();
        let mut out = Vec::new();
        let result = Engine::new().run(&compiled, b"null", &limits, None, &mut out);
        assert_eq!(result, expected, "{program}");
        assert!(out.is_empty() || out == b"1\n", "{program}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "large inputs take minutes")]
fn memory_that_is_kept_counts_in_the_next_run() {
    let (large, small) = (Limits::default(), Limits { memory: 64 << 10, ..Limits::default() });
    let mut engine = Engine::new();
    for program in ["[range(10000)] | length", "[limit(5000; repeat(\"abc\"))] | add | length"] {
        let program = Program::compile(program, &large).unwrap();
        let mut run = |limits| engine.run(&program, b"null", limits, None, &mut Vec::new());
        assert!(run(&large).is_ok());
        assert_eq!(run(&small), Err(RunError::Memory));
        assert!(run(&large).is_ok());
    }
}
