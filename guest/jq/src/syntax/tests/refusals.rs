//! Programs that are none.

use super::error;

#[track_caller]
fn refuse(program: &str, at: usize, message: &str) {
    let error = error(program);
    assert_eq!((error.at, error.message.as_str()), (at, message), "{program}");
}

#[test]
fn messages_say_what_was_found() {
    refuse("1 + | 2", 4, "expected an expression, found `|`");
    refuse("1 +", 3, "expected an expression, found the end of the program");
    refuse("not true", 4, "expected the end of the program, found `true`");
    refuse("(1", 2, "expected `)`, found the end of the program");
    refuse("[1)", 2, "expected `]`, found `)`");
    refuse("if 1 else 2 end", 5, "expected `then`, found `else`");
    refuse("if 1 then 2", 11, "expected `end`, found the end of the program");
    refuse(
        "1 == 2 == 3",
        7,
        "found `==` after an operator of its kind, expected parentheses around one of them",
    );
    refuse(
        ".a = .b += 1",
        8,
        "found `+=` after an operator of its kind, expected parentheses around one of them",
    );
    refuse(". a", 2, "expected the end of the program, found `a`");
    refuse(".a . b", 5, "expected a string, found `b`");
    refuse("{(1): 2}", 1, "expected a string as the key of an object, found a number");
    refuse("{a: 1, 2}", 7, "expected a key: a name, a variable, a string or `(`, found `2`");
    refuse("{a b}", 3, "expected `,` or `}`, found `b`");
    refuse("break x", 6, "expected a variable such as `$x`, found `x`");
    refuse("reduce . as $x (0)", 17, "expected `;`, found `)`");
    refuse("foreach . as $x (0; 1; 2; 3)", 24, "expected `)`, found `;`");
    refuse("é", 0, "found `é`, which is not a part of the language");
    refuse("1 as $ x | 2", 5, "expected a name after `$`");
    refuse("@ \"x\"", 0, "expected the name of a format after `@`");
    refuse("\"a\\(1", 5, "expected `)`, found the end of the program");
    refuse("1 + \"a", 4, "found the end of the program, expected the string's closing `\"`");
    refuse("\"a\\x\"", 2, "found `\\x`, which is not an escape of a string");
    refuse("\"\\u12\"", 1, "expected four hexadecimal digits after `\\u`");
    refuse("\"\\u+123\"", 1, "expected four hexadecimal digits after `\\u`");
    refuse(
        r#""\ud83dx""#,
        1,
        r"found the first half of a surrogate pair, expected both: `\uD83D\uDE00`",
    );
    refuse(
        "1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        2,
        "expected the end of the program, found `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`",
    );
}

#[test]
fn modules_are_not_available() {
    refuse("import \"a\" as a; 1", 0, "found `import`, but modules are not available");
    refuse(" include \"a\"; 1", 1, "found `include`, but modules are not available");
    refuse("module {}; 1", 0, "found `module`, but modules are not available");
    refuse("def f: 1; import \"a\" as a; 1", 10, "found `import`, but modules are not available");
}

/// jq 1.8.2 refuses each of these.
const REFUSED: &[&str] = &[
    "1?//2",
    ".a?//1",
    "1 + def f: 1; f",
    "1 + label $x | 2",
    "f()",
    "def f(): 1; 1",
    "def f($a, $b): 1; 1",
    "def if: 1; 1",
    "def f: 1",
    "{a: 1 as $x | 2}",
    "{a: label $x | 1}",
    "{a: def f: 1; f}",
    "{,}",
    "{$__loc__: 1}",
    "{1: 2}",
    "{-1: 2}",
    "{@base64: 1}",
    "{@base64}",
    "{(1)}",
    "{([1, 2]): 3}",
    "{({a: null}): 3}",
    "{(1 + 1): 3}",
    "{(null == 1): 3}",
    "{($__loc__): 1}",
    ". as [] | 1",
    ". as {} | 1",
    ". as {a} | 1",
    ". as [$a,] | 1",
    ". as {$__loc__} | 1",
    ". as $__loc__ | 1",
    ". as {(1): $x} | 2",
    ". as $x",
    ". as $x, 1",
    "1 ?// 2",
    ".a.[1:2]",
    ".a.[:2]",
    ".[:]",
    ".[",
    "..\"a\"",
    ".. \"a\"",
    ".$a",
    ".@base64",
    "1.a",
    "1..5",
    ".[0].5",
    "1e",
    "\"a\" \"b\"",
    "@json \"a\" \"b\"",
    "try",
    "try 1 catch",
    "try 1 catch 2 catch 3",
    "reduce 1, 2 as $x (0; 1)",
    "if 1 then 2 else 3 elif 4 then 5 end",
    "if 1 then end",
    "label $__loc__ | 1",
    "label x | 1",
    "break",
    "::a",
    "a::",
    ".a::b",
    "1 |",
    "| 1",
    "1,",
    ",",
    "1;",
    ")",
    "}",
    "]",
    "(1]",
    "\"\\(1]\"",
    "\"\\",
    "\"\\(",
    "'a'",
    "1\u{b}",
    "\u{feff}1",
    "1\u{a0}",
    "$",
    "$$",
    "&",
    "!",
    "1 ! 2",
    "1 === 2",
    "a = = b",
    "1 and",
    "-",
    "?",
    "1 . 2",
];

#[test]
fn what_jq_refuses() {
    for program in REFUSED {
        assert!(!error(program).message.is_empty(), "{program}");
    }
}
