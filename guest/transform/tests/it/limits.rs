//! Every limit holds at its edge: the value passes, the value plus one is a clean error.

use crate::{LIMITS, PROGRAM_LIMITS, check, run, with_large_stack};
use transform::engine::{Engine, ErrorKind, Input, Program, ProgramLimits, RunLimits};

fn arrays(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

fn objects(depth: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

#[test]
fn documents_nest_as_deeply_as_allowed() {
    with_large_stack(|| {
        for nested in [arrays, objects] {
            assert_eq!(run(".", nested(10_000)), Ok(nested(10_000) + "\n"));
            let error = run(".", nested(10_001)).expect_err("one level too many");
            assert_eq!(error.kind, ErrorKind::Document);
            assert_eq!(error.message, "the document nests more than 10000 arrays and objects");
            assert_eq!(error.limit, Some(("depth-max", 10_000)));
        }
        assert_eq!(run(".", arrays(10_001)).expect_err("too deep").offset, Some(10_000));
        // Siblings do not add up.
        let wide = format!("[{}]", vec![arrays(9_999); 3].join(","));
        assert!(run("length", wide).is_ok());
    });
}

#[test]
fn outputs_nest_as_deeply_as_allowed() {
    with_large_stack(|| {
        assert_eq!(run("[.]", arrays(9_999)), Ok(arrays(10_000) + "\n"));
        let error = run("1, [.]", arrays(10_000)).expect_err("one level too many");
        assert_eq!(error.kind, ErrorKind::Output);
        assert_eq!(error.message, "an output nests more than 10000 arrays and objects");
        assert_eq!(error.limit, Some(("depth-max", 10_000)));
        let error = run("\"[\" * 10001 + \"]\" * 10001 | fromjson", "null").expect_err("too deep");
        assert!(error.message.starts_with("Exceeds depth limit for parsing"), "{}", error.message);
    });
}

#[test]
fn a_value_of_any_depth_is_refused_and_dropped() {
    // The default stack of a test thread, 2 MiB, does not hold the recursive drop of this.
    for program in
        ["reduce range(100000) as $i (null; [.])", "reduce range(100000) as $i (null; {a: .})"]
    {
        let error = run(program, "null").expect_err("too deep");
        assert_eq!(error.limit, Some(("depth-max", 10_000)));
    }
    let error = run("reduce range(100000) as $i (null; [.]) | [., .]", "null");
    assert_eq!(error.expect_err("too deep").limit, Some(("depth-max", 10_000)));
}

#[test]
fn a_run_gives_as_many_outputs_as_allowed() {
    let program = Program::compile("range(.)", PROGRAM_LIMITS).expect("a program");
    let limits = RunLimits { outputs_max: 3, ..LIMITS };
    let mut out = Vec::new();
    let input = |document| Input { document, now: None };
    assert_eq!(Engine::new().run(&program, input(b"3"), limits, &mut out), Ok(3));
    let error = Engine::new()
        .run(&program, input(b"4"), limits, &mut out)
        .expect_err("one output too many");
    assert_eq!((error.kind, error.limit), (ErrorKind::Output, Some(("outputs-max", 3))));
    assert_eq!(error.message, "the program gives more than 3 outputs");
    assert_eq!(out, b"0\n1\n2\n");
    assert_eq!(
        Engine::new().run(&program, input(b"1e9"), limits, &mut out).expect_err("many").limit,
        error.limit
    );
    let error = Engine::new().run(&program, Input { document: b"1", now: None }, limits, &mut out);
    assert_eq!(error, Ok(1));
}

#[test]
fn without_a_time_now_is_an_error() {
    let program = Program::compile("now", PROGRAM_LIMITS).expect("a program");
    let error =
        Engine::new().run(&program, Input { document: b"1", now: None }, LIMITS, &mut Vec::new());
    assert_eq!(error.expect_err("no time").message, "the time of the request is not known");
}

#[test]
fn a_program_is_as_long_as_allowed() {
    let limits = ProgramLimits { program_bytes_max: 3 };
    assert!(Program::compile("1+1", limits).is_ok());
    let error = Program::compile("1+10", limits).expect_err("one byte too many");
    assert_eq!(error.message, "the program has 4 bytes, at most 3 are allowed");
    assert_eq!(error.offset, None);
}

/// A piece that is repeated far beyond what a program may nest.
#[track_caller]
fn is_too_deep(before: &str, middle: &str, after: &str) {
    let (before, middle, after) = (before.to_owned(), middle.to_owned(), after.to_owned());
    with_large_stack(move || {
        let program = |times: usize| before.repeat(times) + &middle + &after.repeat(times);
        assert_eq!(check(&program(40)), Ok(()), "{before}");
        let error = check(&program(5_000)).expect_err(&before);
        assert!(error.message.contains("nest"), "{before}: {}", error.message);
        assert!(error.offset.is_some_and(|offset| offset <= program(5_000).len()), "{before}");
    });
}

#[test]
fn a_program_nests_as_deeply_as_allowed() {
    is_too_deep("(", "1", ")");
    is_too_deep("[", "1", "]");
    is_too_deep("first(", "1", ")");
    is_too_deep("def f: ", "1", "; f");
    is_too_deep("try (", "1", ")");
    is_too_deep("\"\\(", "1", ")\"");
    is_too_deep("{a: ", "1", "}");
}

#[test]
fn a_run_nests_as_deeply_as_the_stack_holds() {
    with_large_stack(|| {
        for program in
            ["def f: 1 + f; f", "def f: [f]; f", "[recurse(.,.)]", "def f(g): f(1 + g); f(1) + 1"]
        {
            let error = run(program, "null").expect_err(program);
            assert!(
                error.kind == ErrorKind::Memory || error.limit == Some(("call-depth", 1200)),
                "{program}: {error:?}"
            );
        }
        // A call in tail position and values of any depth need no stack.
        assert_eq!(
            run("def f: if . == 100000 then . else . + 1 | f end; f", "0").as_deref(),
            Ok("100000\n")
        );
        let deep = arrays(10_000);
        for program in
            ["[..] | length", "walk(.) | [..] | length", "if . == . then 10000 else 0 end"]
        {
            assert_eq!(run(program, &deep).as_deref(), Ok("10000\n"), "{program}");
        }
        for program in [".", "walk(.)", "tojson | fromjson"] {
            assert_eq!(run(program, &deep), Ok(arrays(10_000) + "\n"), "{program}");
        }
        assert_eq!(run("flatten", &deep).as_deref(), Ok("[]\n"));
    });
}

#[test]
fn brackets_words_and_strings_that_do_not_end_are_not_followed_forever() {
    with_large_stack(|| {
        for piece in ["(", "[", "{", "\"\\(", "if ", "[.[]|", "{a:", "def f: ", "- -", "reduce "] {
            assert!(check(&piece.repeat(10_000)).is_err(), "{piece}");
        }
    });
}

#[test]
fn siblings_do_not_add_up() {
    let fields: Vec<_> = (0..250).map(|n| format!("k{n}: (.a + .b // \"x\\n\\n\")")).collect();
    assert_eq!(check(&format!("{{{}}}", fields.join(", "))), Ok(()));
    let definitions: Vec<_> = (0..80).map(|n| format!("def f{n}: . + 1 + 2 + 3;")).collect();
    assert_eq!(check(&format!("{} .", definitions.join(" "))), Ok(()));
    let branches = vec!["if . == 1 then 2 + 3 elif . == 2 then 3 else 4 end"; 100];
    assert_eq!(check(&branches.join(" | ")), Ok(()));
    // Comments and strings are not code.
    assert_eq!(check(&format!("# {}\n1", "[".repeat(1000))), Ok(()));
    assert_eq!(check(&format!("\"{}\"", "[".repeat(1000))), Ok(()));
    assert_eq!(check(&format!("{{if: 1, \"then\": 2}}{}", ".a".repeat(200))), Ok(()));
}
