//! Every limit holds at its edge: the value passes, the value plus one is a clean error.

use crate::{LIMITS, PROGRAM_LIMITS, check, run, with_large_stack};
use transform::engine::{Engine, ErrorKind, Input, PROGRAM_DEPTH_MAX, ProgramLimits, RunLimits};

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
            assert_eq!(run(".", nested(512)), Ok(nested(512) + "\n"));
            let error = run(".", nested(513)).expect_err("one level too many");
            assert_eq!(error.kind, ErrorKind::Document);
            assert_eq!(error.message, "the document nests more than 512 arrays and objects");
            assert_eq!(error.limit, Some(("depth-max", 512)));
        }
        assert_eq!(run(".", arrays(513)).expect_err("too deep").offset, Some(512));
        // Siblings do not add up.
        let wide = format!("[{}]", vec![arrays(511); 3].join(","));
        assert!(run("length", wide).is_ok());
    });
}

#[test]
fn outputs_nest_as_deeply_as_allowed() {
    with_large_stack(|| {
        assert_eq!(run("[.]", arrays(511)), Ok(arrays(512) + "\n"));
        let error = run("1, [.]", arrays(512)).expect_err("one level too many");
        assert_eq!(error.kind, ErrorKind::Output);
        assert_eq!(error.message, "an output nests more than 512 arrays and objects");
        assert_eq!(error.limit, Some(("depth-max", 512)));
        let error = run("[.] | tojson", arrays(512)).expect_err("one level too many");
        assert_eq!(error.kind, ErrorKind::Run);
        let error = run("\"[\" * 513 + \"]\" * 513 | fromjson", "null").expect_err("too deep");
        assert_eq!(error.message, "not JSON at byte 512: too many levels of arrays and objects");
    });
}

#[test]
fn a_value_of_any_depth_is_refused_and_dropped() {
    // The default stack of a test thread, 2 MiB, does not hold the recursive drop of this.
    for program in
        ["reduce range(300000) as $i (null; [.])", "reduce range(300000) as $i (null; {a: .})"]
    {
        let error = run(program, "null").expect_err("too deep");
        assert_eq!(error.limit, Some(("depth-max", 512)));
    }
    let error = run("reduce range(300000) as $i (null; [.]) | [., .]", "null");
    assert_eq!(error.expect_err("too deep").limit, Some(("depth-max", 512)));
}

#[test]
fn a_run_gives_as_many_outputs_as_allowed() {
    let program = Engine::new().compile("range(.)", PROGRAM_LIMITS).expect("a program");
    let limits = RunLimits { outputs_max: 3, ..LIMITS };
    let mut out = Vec::new();
    let input = |document| Input { document, now: None };
    assert_eq!(program.run(input(b"3"), limits, &mut out), Ok(3));
    let error = program.run(input(b"4"), limits, &mut out).expect_err("one output too many");
    assert_eq!((error.kind, error.limit), (ErrorKind::Output, Some(("outputs-max", 3))));
    assert_eq!(error.message, "the program gives more than 3 outputs");
    assert_eq!(out, b"0\n1\n2\n");
    assert_eq!(program.run(input(b"1e9"), limits, &mut out).expect_err("many").limit, error.limit);
    let error = program.run(Input { document: b"1", now: None }, limits, &mut out);
    assert_eq!(error, Ok(1));
}

#[test]
fn without_a_time_now_is_an_error() {
    let program = Engine::new().compile("now", PROGRAM_LIMITS).expect("a program");
    let error = program.run(Input { document: b"1", now: None }, LIMITS, &mut Vec::new());
    assert_eq!(error.expect_err("no time").message, "the time of the request is not known");
}

#[test]
fn a_program_is_as_long_as_allowed() {
    let limits = ProgramLimits { program_bytes_max: 3 };
    assert!(Engine::new().compile("1+1", limits).is_ok());
    let error = Engine::new().compile("1+10", limits).err().expect("one byte too many");
    assert_eq!(error.message, "the program has 4 bytes, at most 3 are allowed");
    assert_eq!(error.offset, None);
}

/// A piece that counts as `levels`, repeated to the limit and one time more.
#[track_caller]
fn check_depth(levels: usize, before: &str, middle: &str, after: &str, otherwise: usize) {
    let (before, middle, after) = (before.to_owned(), middle.to_owned(), after.to_owned());
    with_large_stack(move || {
        let program = |times: usize| before.repeat(times) + &middle + &after.repeat(times);
        let most = (PROGRAM_DEPTH_MAX - otherwise) / levels;
        assert_eq!(check(&program(most)), Ok(()), "{before}");
        let error = check(&program(most + 1)).expect_err(&before);
        assert_eq!(
            error.message,
            format!(
                "the program nests {} operators and brackets, at most 256 are allowed",
                (most + 1) * levels + otherwise
            )
        );
        assert!(error.offset.is_some_and(|offset| offset <= program(most + 1).len()));
        // Far beyond, and whatever follows.
        assert!(check(&program(20_000)).is_err());
    });
}

#[test]
fn a_program_nests_as_deeply_as_allowed() {
    check_depth(1, "(", "1", ")", 0);
    check_depth(1, "[", "1", "]", 0);
    check_depth(1, "-", "1", "", 0);
    check_depth(1, "1+", "1", "", 0);
    check_depth(1, ".|", ".", "", 1);
    check_depth(1, "1,", "1", "", 0);
    check_depth(1, "try ", "1", "", 0);
    check_depth(1, "first(", "1", ")", 0);
    check_depth(1, ".a//", "1", "", 1);
    check_depth(1, "1 and ", "1", "", 0);
    check_depth(2, "def f: ", "1", "; f", 0);
    check_depth(1, "if 1 then 1 else ", "1", " end", 0);
    check_depth(2, "\"\\(", "1", ")\"", 0);
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
