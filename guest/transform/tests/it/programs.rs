//! What programs give: the outputs and errors of jq 1.8.2.

use crate::{check, run};
use serde_json::Value;
use transform::engine::ErrorKind;

#[test]
fn outputs_are_those_of_jq() {
    let mut failures = String::new();
    let text = include_str!("programs.txt");
    let blocks = text.split("\n\n").skip(1);
    for block in blocks {
        let mut lines = block.trim_end().lines();
        let program = lines.next().expect("a program");
        let document = lines.next().expect("a document");
        let expected: Vec<Value> = lines.map(parse).collect();
        let got = match check(program) {
            Ok(()) => {
                run(program, document).map(|text| text.lines().map(parse).collect::<Vec<_>>())
            }
            Err(error) => panic!("{program}: {error}"),
        };
        let same = got.as_ref().is_ok_and(|got| {
            got.len() == expected.len() && got.iter().zip(&expected).all(|(a, b)| same(a, b))
        });
        if !same {
            failures +=
                &format!("{program}\n  on {document}\n  jq:   {expected:?}\n  here: {got:?}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("strict JSON")
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[track_caller]
fn gives(program: &str, document: &str, expected: &str) {
    assert_eq!(run(program, document).as_deref(), Ok(expected), "{program}");
}

#[track_caller]
fn fails(program: &str, document: &str, message: &str) {
    let error = run(program, document).expect_err(program);
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Run, message), "{program}");
}

#[track_caller]
fn refused(program: &str, message: &str, offset: Option<usize>) {
    let error = check(program).expect_err(program);
    assert_eq!((error.message.as_str(), error.offset), (message, offset), "{program}");
}

#[test]
fn numbers_are_those_of_jq() {
    gives(".", "9007199254740993", "9007199254740993\n");
    gives(". + 1", "9007199254740992", "9007199254740992\n");
    gives(". + 1", "2147483647", "2147483648\n");
    gives(". - 1", "-2147483648", "-2147483649\n");
    gives(". * .", "4294967296", "18446744073709552000\n");
    gives(". + 1", "9223372036854775807", "9223372036854776000\n");
    gives("-.", "-9223372036854775808", "9223372036854775808\n");
    gives(". % 1000", "12345678901234567890", "807\n");
    gives("tostring | tonumber", "12345678901234567890", "12345678901234567890\n");
    gives(".[3000000000 - 2999999999]", "[1,2]", "2\n");
    gives("[floor, round, ceil]", "3000000000.5", "[3000000000,3000000001,3000000001]\n");
    gives(".[5000000000]", "[1]", "null\n");
    gives("3.0 - 3", "null", "0\n");
}

#[test]
fn numbers_that_are_only_passed_on_keep_their_digits() {
    for (number, written) in [
        ("1.0", "1.0"),
        ("0.10", "0.10"),
        ("1e5", "1E+5"),
        ("1E400", "1E+400"),
        ("-1e-400", "-1E-400"),
        ("100000000000000000000000000.5", "100000000000000000000000000.5"),
    ] {
        gives(".", number, &format!("{written}\n"));
        gives("{a: .} | [.a]", number, &format!("[{written}]\n"));
    }
    gives(". + 0", "1E400", "1.7976931348623157e+308\n");
}

#[test]
fn the_time_is_that_of_the_request() {
    gives("now", "null", "1500000000.25\n");
    gives("now | floor | todate", "null", "\"2017-07-14T02:40:00Z\"\n");
    gives("localtime == gmtime", "1500000000", "true\n");
    gives("strflocaltime(\"%H:%M\")", "1500000000", "\"02:40\"\n");
}

#[test]
fn there_is_one_document_per_run() {
    fails("[., input]", "1", "break");
    gives("[inputs]", "1", "[]\n");
}

#[test]
fn an_error_is_told_in_the_programs_words() {
    fails("error(\"x\")", "null", "x");
    fails("error", "\"a \\\"quoted\\\" word\"", "a \"quoted\" word");
    fails("error({a: 1})", "null", "{\"a\":1}");
    fails("error(null)", "null", "null");
    fails(".a", "[1]", "Cannot index array with string (\"a\")");
    fails(".[] + 1", "[\"a\"]", "string (\"a\") and number (1) cannot be added");
    fails(
        "1 / 0",
        "null",
        "number (1) and number (0) cannot be divided because the divisor is zero",
    );
    fails(
        "strptime(\"%Y %Q\")",
        "\"2020 UTC\"",
        "date \"2020 UTC\" does not match format \"%Y %Q\"",
    );
    fails("1, error(\"late\")", "null", "late");
}

#[test]
fn a_message_is_cut_off_where_it_becomes_long() {
    let long = format!("[{}]", vec!["\"ä\""; 1000].join(","));
    let message = run("error(.[0] * 1000)", &long).expect_err("an error").message;
    assert!(message.starts_with("ää") && message.ends_with('…') && message.len() < 600);
}

#[test]
fn a_program_sees_nothing_outside_its_request() {
    for nothing in ["env", "$ENV"] {
        gives(nothing, "1", "{}\n");
    }
    for only_passes in ["debug", "debug(2)", "stderr"] {
        gives(only_passes, "1", "1\n");
    }
    gives("input_filename", "1", "null\n");
    gives("1, halt, 2", "1", "1\n");
    fails("\"x\" | halt_error", "1", "x");
}

#[test]
fn a_bad_program_is_refused_where_it_is_bad() {
    refused(".a |", "expected an expression, found the end of the program", Some(4));
    refused(".a + foo(1)", "foo/1 is not defined", Some(5));
    for (program, offset) in [
        ("1 + [2", 6),
        ("map($x)", 4),
        ("if 1 then 2", 11),
        ("{a: }", 4),
        ("import \"a\" as a; 1", 0),
        ("include \"a\"; 1", 0),
    ] {
        let error = check(program).expect_err(program);
        assert_eq!(error.offset, Some(offset), "{program}: {error:?}");
    }
}

#[test]
fn definitions_of_a_program_win_over_those_of_the_library() {
    gives("def map(f): \"mine\"; map(.)", "[1]", "\"mine\"\n");
    gives("def length: 7; [.[] | length], (map(length) | add)", "[[1],[2]]", "[7,7]\n14\n");
    gives("def f: def g: 3; g; f", "null", "3\n");
}
