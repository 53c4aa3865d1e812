//! What programs give: the outputs of jq 1.6 where the dialect agrees, and ours where it does not.

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
fn integers_are_exact_beyond_64_bits() {
    gives(".", "9007199254740993", "9007199254740993\n");
    gives(". + 1", "9007199254740992", "9007199254740993\n");
    gives(". + 1", "2147483647", "2147483648\n");
    gives(". - 1", "-2147483648", "-2147483649\n");
    gives(". * .", "4294967296", "18446744073709551616\n");
    gives(". + 1", "9223372036854775807", "9223372036854775808\n");
    gives("-.", "-9223372036854775808", "9223372036854775808\n");
    gives(
        "[length, -length]",
        "-9223372036854775808",
        "[9223372036854775808,-9223372036854775808]\n",
    );
    gives(". % 1000", "12345678901234567890", "890\n");
    gives(". == 12345678901234567890", "12345678901234567890", "true\n");
    gives(". < 12345678901234567891", "12345678901234567890", "true\n");
    gives("tostring | tonumber", "12345678901234567890", "12345678901234567890\n");
    gives(".[3000000000 - 2999999999]", "[1,2]", "2\n");
    gives("[floor, round, ceil]", "3000000000.5", "[3000000000,3000000001,3000000001]\n");
    gives(".[5000000000]", "[1]", "null\n");
}

#[test]
fn numbers_that_are_only_passed_on_keep_their_text() {
    for number in ["1.0", "0.10", "1e5", "1E400", "-1e-400", "100000000000000000000000000.5"] {
        gives(".", number, &format!("{number}\n"));
        gives("{a: .} | [.a]", number, &format!("[{number}]\n"));
    }
    gives(". + 0", "1E400", "1.7976931348623157e308\n");
}

#[test]
fn the_time_is_that_of_the_request() {
    gives("now", "null", "1500000000.25\n");
    gives("now | floor | todate", "null", "\"2017-07-14T02:40:00Z\"\n");
    gives("localtime == gmtime", "1500000000", "true\n");
    gives("strflocaltime(\"%H:%M\")", "1500000000", "\"02:40\"\n");
}

/// Where the dialect gives something else than jq without saying so.
#[test]
fn differences_that_are_not_errors_are_known() {
    // jq: [1,4]. jaq deletes one after the other, and each moves the rest.
    gives("del(.[1,2])", "[1,2,3,4]", "[1,3]\n");
    // jq: 0. Integers and floats are two things in jaq.
    gives("3.0 - 3", "null", "0.0\n");
    // jq: \",a\". Null is joined as any other value.
    gives("join(\",\")", "[null,\"a\"]", "\"null,a\"\n");
    // jq: an error.
    gives("1 / 0", "null", "1.7976931348623157e308\n");
}

#[test]
fn there_is_one_document_per_run() {
    gives("[., input]", "1", "[1]\n");
    gives("[inputs]", "1", "[]\n");
}

#[test]
fn an_error_is_told_in_the_programs_words() {
    fails("error(\"x\")", "null", "x");
    fails("error", "\"a \\\"quoted\\\" word\"", "a \"quoted\" word");
    fails("error({a: 1})", "null", "{\"a\":1}");
    fails("error(null)", "null", "null");
    fails(".a", "[1]", "cannot index [1] with \"a\"");
    fails(".[] + 1", "[\"a\"]", "cannot calculate \"a\" + 1");
    fails("fromjson", "\"[1,]\"", "not JSON at byte 3: expected a value");
    fails("fromjson", "\"nan\"", "not JSON at byte 0: expected a value");
    fails("strptime(\"%Y %Q\")", "\"2020 UTC\"", "time zones by name are not available");
    fails("1, error(\"late\")", "null", "late");
}

#[test]
fn a_message_is_cut_off_where_it_becomes_long() {
    let long = format!("[{}]", vec!["\"ä\""; 1000].join(","));
    let message = run(".a", &long).expect_err("an array has no fields").message;
    assert!(
        message.starts_with("cannot index [\"ä\",\"ä\"") && message.ends_with('…'),
        "{message}"
    );
    assert!(message.len() < 600, "{}", message.len());
    let message = run("error(.[0] * 1000)", &long).expect_err("an error").message;
    assert!(message.starts_with("ää") && message.ends_with('…') && message.len() < 600);
}

#[test]
fn what_a_program_does_not_have_is_named_with_the_reason() {
    let nowhere = "a program can write only outputs";
    refused("1 | env", "`env` is not available: a program has no environment", Some(4));
    refused("$ENV.PATH", "`$ENV` is not available: a program has no environment", Some(0));
    refused("debug", &format!("`debug` is not available: {nowhere}"), Some(0));
    refused("debug(1)", &format!("`debug` is not available: {nowhere}"), Some(0));
    refused("stderr", &format!("`stderr` is not available: {nowhere}"), Some(0));
    for stop in ["halt", "halt_error", "halt_error(1)", "halt(1)"] {
        assert!(check(stop).expect_err(stop).message.contains("cannot stop the server"), "{stop}");
    }
    refused(
        "input_filename",
        "`input_filename` is not available: a document has no file name",
        Some(0),
    );
    let import = "module `a` cannot be loaded: modules are not available";
    refused("import \"a\" as a; 1", import, Some(8));
    refused("import \"a\" as $a; $a", import, Some(8));
    refused("include \"a\"; 1", import, Some(9));
}

#[test]
fn a_bad_program_is_refused_where_it_is_bad() {
    refused("", "expected term, got the end of the program", Some(0));
    refused(".a |", "expected term, got the end of the program", Some(4));
    refused("1 + [2", "expected closing bracket, got the end of the program", Some(6));
    refused(".a + foo(1)", "filter `foo/1` is not defined", Some(5));
    refused("map($x)", "variable `$x` is not defined", Some(4));
    refused("break $x", "label `$x` is not defined", Some(6));
    refused("§", "expected token, got `§`", Some(0));
    refused("if 1 then 2", "expected else or end, got the end of the program", Some(11));
    refused("{a: }", "expected term, got `}`", Some(4));
    refused("a::b", "module `a` is not defined", Some(0));
}

#[test]
fn definitions_of_a_program_win_over_those_of_the_library() {
    gives("def map(f): \"mine\"; map(.)", "[1]", "\"mine\"\n");
    gives("def length: 7; [.[] | length], (map(length) | add)", "[[1],[2]]", "[7,7]\n14\n");
    gives("def f: def g: 3; g; f", "null", "3\n");
}
