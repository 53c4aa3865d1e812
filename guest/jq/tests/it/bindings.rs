//! Variables, destructuring, `reduce` and `foreach`, and the order in which parts are evaluated.

use crate::check_all;

#[test]
fn destructuring() {
    check_all(&[
        ("[1,2] as [$a,$a] | $a", "null", &["2"]),
        ("[[1,2],[3]] as [[$a],[$a]] | $a", "null", &["3"]),
        (". as {a:$x,b:$x} | $x", r#"{"a":1,"b":2}"#, &["1"]),
        (". as {$a:[$a]} | $a", r#"{"a":[5]}"#, &["[5]"]),
        (". as [$a,[$a,$b],$b] | [$a,$b]", "[1,[2,3],4]", &["[2,4]"]),
        ("5 as [[$a],{b:$c}] | 1", "null", &["! Cannot index number with number (1)"]),
        ("5 as {a:$x,b:$y} | 1", "null", &[r#"! Cannot index number with string ("a")"#]),
        (
            ".[] as [$a] ?// $a | if ($a|type) == \"number\" then error(\"x\") else $a end",
            "[[1,2]]",
            &["[1,2]"],
        ),
        (
            ". as {(\"a\",\"b\"):$x,(\"c\",\"d\"):$y} | [$x,$y]",
            r#"{"a":1,"b":2,"c":3,"d":4}"#,
            &["[1,3]", "[1,4]", "[2,3]", "[2,4]"],
        ),
    ]);
}

/// The key of an entry is looked up in the value that is taken apart, and sees that value.
#[test]
fn keys_of_patterns_see_what_is_taken_apart() {
    check_all(&[
        (". as {b:{(.k):$x}} | $x", r#"{"k":"a","b":{"a":3,"k":"z","z":4}}"#, &["4"]),
        (r#"{"k":"a","a":1} as {(.k):$x} | $x"#, r#"{"k":"b"}"#, &["1"]),
        (
            r#". as {b:{(.k = 1 | "k"):$x}} | [$x, .]"#,
            r#"{"b":{"k":2}}"#,
            &[r#"[2,{"b":{"k":2}}]"#],
        ),
    ]);
}

#[test]
fn folds() {
    check_all(&[
        ("reduce empty as $x (1; 2)", "null", &["1"]),
        ("reduce (1,2) as $x (0; empty)", "null", &["null"]),
        ("reduce (1,2) as $x (0; .*10, .+$x)", "null", &["3"]),
        ("[foreach (1,2) as $x (0; .+$x, .*10)]", "null", &["[1,0,2,0]"]),
        ("[foreach (1,2) as $x (0; empty; .)]", "null", &["[]"]),
    ]);
}

#[test]
fn errors_come_in_the_order_of_evaluation() {
    check_all(&[
        ("def f($a; $b): 1; f(error(\"a\"); empty)", "null", &["! a"]),
        ("def f($a; $b): 1; f(empty; error(\"b\"))", "null", &[]),
        ("{(1,{}): empty}", "null", &[]),
        ("{(.): error(\"value\")}", "1", &["! value"]),
        ("pow(error(\"a\"); error(\"b\"))", "null", &["! b"]),
        ("error(\"a\") + error(\"b\")", "null", &["! b"]),
        (r#""\(error("a")) \(error("b"))""#, "null", &["! b"]),
        (r#""\(halt) \(error("b"))""#, "null", &["! b"]),
        (r#"@csv "\(.) \(0)""#, "null", &["! number (0) cannot be csv-formatted, only array"]),
    ]);
}

#[test]
fn an_alternative_passes_errors_on() {
    check_all(&[
        ("error(\"x\") // 1", "null", &["! x"]),
        ("(1, error(\"x\")) // 2", "null", &["1", "! x"]),
        (".a // 1", "2", &[r#"! Cannot index number with string ("a")"#]),
        ("[.[] // 5]", "[null,false]", &["[5]"]),
        ("try error(null) catch .", "null", &["null"]),
    ]);
}

#[test]
fn a_break_in_a_try_is_an_error() {
    check_all(&[
        ("label $f | try break $f catch .", "null", &[r#"{"__jq":0}"#]),
        ("[label $f | 1, (break $f)?, 2]", "null", &["[1,2]"]),
        ("[label $f | (try (1, 2) catch .) | ., break $f]", "null", &["[1]"]),
    ]);
}

#[test]
fn a_question_mark_hides_only_its_own_step() {
    check_all(&[
        ("[.a?, .[0]?, .[1:]?, .[]?]", "1", &["[]"]),
        ("[.[error(\"x\")]?]", "null", &["! x"]),
        ("[.a.b?]", "1", &[r#"! Cannot index number with string ("a")"#]),
        ("[(.a.b)?]", "1", &["[]"]),
    ]);
}
