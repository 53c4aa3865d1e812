//! Trees of programs. Where two readings are possible, jq's results have shown which one is jq's.

use super::{check, definition, parse_definitions, tree};

#[test]
fn operators_bind_as_in_jq() {
    check("1+2*3", "(+ 1 (* 2 3))");
    check("1-2-3*4%5", "(- (- 1 2) (% (* 3 4) 5))");
    check("1*2+3", "(+ (* 1 2) 3)");
    check("1+2==3*4", "(== (+ 1 2) (* 3 4))");
    check("(1==2)==3", "(== (== 1 2) 3)");
    check("1 < 2 and 3 >= 4 or 5 != 6", "(or (and (< 1 2) (>= 3 4)) (!= 5 6))");
    check("1 or 2 and 3 or 4", "(or 1 (and 2 3) 4)");
    check("1 // 2 // 3", "(// 1 2 3)");
    check("1 // 2 or 3 // 4", "(// 1 (or 2 3) 4)");
    check(".a = 1 // 2", "(// (= (path . \"a\") 1) 2)");
    check("1 // .a |= 2 or 3", "(// 1 (|= (path . \"a\") (or 2 3)))");
    check(".a += 1 // .b //= 2", "(// (+= (path . \"a\") 1) (//= (path . \"b\") 2))");
    check("1, 2 | 3, 4 // 5 | 6", "(| (, 1 2) (, 3 (// 4 5)) 6)");
    check("(1, 2), (3 | 4) | 5", "(| (, (, 1 2) (| 3 4)) 5)");
    check("1 - (2 - 3)", "(- 1 (- 2 3))");
    check(".a-1", "(- (path . \"a\") 1)");
    check("a-b", "(- a b)");
    check("1 --1", "(- 1 (- 1))");
    check("-.a?", "(- (path . \"a\"?))");
    check("-1[0] * -2", "(* (- (path 1 0)) (- 2))");
    check("- -1", "(- (- 1))");
    check("not and true", "(and not true)");
}

#[test]
fn bindings_reach_to_the_end_of_the_query() {
    check("1 as $x|2 as $y|[$x,$y,$__loc__]", "(as 1 $x (as 2 $y (array (, $x $y (line 1)))))");
    check("1 + 2 as $x | -$x", "(as (+ 1 2) $x (- $x))");
    check("1 // 2 as $x | $x, 3", "(as (// 1 2) $x (, $x 3))");
    check("1, 2 as $x | 3, 4 | 5", "(, 1 (as 2 $x (| (, 3 4) 5)))");
    check("1 | 2 as $x | 3", "(| 1 (as 2 $x 3))");
    check("(1 as $x | 2), 3", "(, (as 1 $x 2) 3)");
    check("1, def f: 2; f | 3", "(, 1 (in (def f 2) (| f 3)))");
    check("label $out | 1, break $out", "(label $out (, 1 (break $out)))");
    check("try 1 catch . as $x | $x", "(as (try 1 .) $x $x)");
    check("def f: 1; def g(a; $b): 2; f + g(1; 2)", "(in (def f 1) (def g a $b 2) (+ f (g 1 2)))");
    check("def f: def g: 3; g; f", "(in (def f (in (def g 3) g)) f)");
    check("def f::g: 1; f::g", "(in (def f::g 1) f::g)");
}

#[test]
fn patterns() {
    let program = ". as [$a, {b: $c, $d, \"e\": $f, (\"g\"): $h, $i: [$j]}] ?// $a | $a";
    let pattern = "[$a {\"b\": $c $d \"d\" \"e\": $f \"g\": $h $i \"i\": [$j]}] ?// $a";
    check(program, &std::format!("(as . {pattern} $a)"));
    check(". as {if: $if, \"a\\(1)\": $x} | $if", "(as . {\"if\": $if (text \"a\" 1): $x} $if)");
    check("reduce .[] as [$a,$b] (0; 1)", "(reduce (path . []) [$a $b] 0 1)");
    check("reduce 1+2 as $x (0; . + $x) | 3", "(| (reduce (+ 1 2) $x 0 (+ . $x)) 3)");
    check("foreach 1 as $x (0; 1)", "(foreach 1 $x 0 1)");
    check("foreach -1 as $x (0; 1; 2).a", "(path (foreach (- 1) $x 0 1 2) \"a\")");
}

#[test]
fn steps_into_values() {
    check(".a.b", "(path . \"a\" \"b\")");
    check(". .a", "(path . \"a\")");
    check(".a?.b", "(path . \"a\"? \"b\")");
    check(".a??", "(try (path . \"a\"?))");
    check("(.a)?", "(try (path . \"a\"))");
    check(".a???.b", "(path (try (path . \"a\"?)) \"b\")");
    check("f???", "(try f)");
    check(".\"a\".\"b\\(1)\"?", "(path . \"a\" (text \"b\" 1)?)");
    check(".@base64 \"x\".@json \"y\"", "(path . (@base64 \"x\") (@json \"y\"))");
    check(".[\"a\"][0].[1].[]?[]", "(path . \"a\" 0 1 []? [])");
    check(".[1:2][:2][1:]?", "(path . 1:2 _:2 1:_?)");
    check("..[0]", "(path recurse 0)");
    check("...a", "(path recurse \"a\")");
    check(".. == 1", "(== recurse 1)");
    check("$x[0], f[0], $x.a", "(, (path $x 0) (path f 0) (path $x \"a\"))");
    check("\"abc\"[0:1]", "(path \"abc\" 0:1)");
    check(".and.if.__loc__", "(path . \"and\" \"if\" \"__loc__\")");
    check(".[.a | .b, .c]", "(path . (| (path . \"a\") (, (path . \"b\") (path . \"c\"))))");
    check("{a:1}.a", "(path (object \"a\": 1) \"a\")");
}

#[test]
fn control() {
    check("if . then 1 end", "(if . 1)");
    check("if 1 then 2 elif 3 then 4 else 5 end", "(if 1 2 3 4 5)");
    check("if 1, 2 then 3 | 4 end.a", "(path (if (, 1 2) (| 3 4)) \"a\")");
    check("try error(\"x\") catch .", "(try (error \"x\") .)");
    check("try -1 + 2", "(+ (try (- 1)) 2)");
    check("try error?", "(try (try error))");
    check("try try 1 catch 2 catch 3", "(try (try 1 2) 3)");
    check("try 1 catch .a.b // 2", "(// (try 1 (path . \"a\" \"b\")) 2)");
    check("limit(3; 1, 2; 3 | 4)", "(limit 3 (, 1 2) (| 3 4))");
    check("null, true, false, true(1)", "(, null true false (true 1))");
}

#[test]
fn objects() {
    check("{}", "(object)");
    check(
        "{a, if, \"b c\", @base64 \"d\", \"e\\(1)\",}",
        "(object \"a\" \"if\" \"b c\" (@base64 \"d\") (text \"e\" 1))",
    );
    check(
        "{$x, $__loc__, $x: 1, a::b: 2}",
        "(object \"x\": $x \"__loc__\": (line 1) $x: 1 \"a::b\": 2)",
    );
    check("{a: 1 | 2?, b: -1 | -2}", "(object \"a\": (| 1 (try 2)) \"b\": (| (- 1) (- 2)))");
    check(
        "{a: 1 + 2 // 3, b: .c = 4}",
        "(object \"a\": (// (+ 1 2) 3) \"b\": (= (path . \"c\") 4))",
    );
    check("{(1, 2): 3, (\"a\"): 4}", "(object (, 1 2): 3 \"a\": 4)");
    check(
        "{a: reduce 1 as $x (0; 1), and: 1 and 2}",
        "(object \"a\": (reduce 1 $x 0 1) \"and\": (and 1 2))",
    );
    check("{\"a\\(1)\": 2, @json \"x\": 3}", "(object (text \"a\" 1): 2 (@json \"x\"): 3)");
}

#[test]
fn literals() {
    check("[.5, 1., 1.e3, 1E+2, 00012]", "(array (, .5 1. 1.e3 1E+2 00012))");
    check("[]", "(array)");
    check("@json \"x\\(1 | 2)\", @text", "(, (@json \"x\" (| 1 2)) @text)");
    check(r#""a\"b\\\/\b\f\n\r\t\u00e9""#, r#""a\"b\\/\u{8}\u{c}\n\r\té""#);
    check(r#""\ud83d\ude00\ude00""#, "\"😀\u{fffd}\"");
    check("\"a\nb\u{1}é\"", "\"a\\nb\\u{1}é\"");
    check(r#""\("\("a")")""#, "(text (text \"a\"))");
    check("\"a\\(1 # )\n)b\"", "(text \"a\" 1 \"b\")");
    check("\"\"", "\"\"");
    check("1 |\n\n$__loc__, \"\n\\($__loc__)\"", "(| 1 (, (line 3) (text \"\\n\" (line 4))))");
}

#[test]
fn comments_and_blanks() {
    check("1 # a\\\n+ 2", "1");
    check("1 # a\\\\\n+ 2", "(+ 1 2)");
    check("1 # a\\\r\n+ 2", "1");
    check("1 # a\r+ 2", "1");
    check("1 # a\r\n+ 2", "(+ 1 2)");
    check("1 # a\\b\r\n+\t\r2#", "(+ 1 2)");
    check("#\\", ".");
}

#[test]
fn programs_without_a_body() {
    check("", ".");
    check(" # c\n", ".");
    check("def f: 1;", "(in (def f 1) .)");
}

#[test]
fn libraries() {
    let library = parse_definitions("def f: 1; # c\ndef g(f; $x): f | $x;").unwrap();
    let shown: std::vec::Vec<_> = library.iter().map(definition).collect();
    assert_eq!(shown, ["(def f 1)", "(def g f $x (| f $x))"]);
    assert_eq!(library[1].at, 14);
    assert_eq!(parse_definitions("").unwrap(), []);
    assert_eq!(parse_definitions("def f: 1; f").unwrap_err().at, 10);
    assert!(tree("def f: 1; f;").starts_with("11: "));
}
