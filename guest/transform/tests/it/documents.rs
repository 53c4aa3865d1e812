//! Documents are read as RFC 8259 has it, and nothing else is. The cases are of the classes of
//! JSONTestSuite: `y` must be accepted, `n` refused, `i` is ours to decide.

use crate::run;
use proptest::prelude::*;
use serde_json::Value;
use transform::engine::ErrorKind;

#[track_caller]
fn reads(document: &[u8], expected: &str) {
    let shown = String::from_utf8_lossy(document).into_owned();
    assert_eq!(run(".", document), Ok(format!("{expected}\n")), "{shown}");
}

#[track_caller]
fn refuses(document: &[u8], offset: usize, message: &str) {
    let shown = String::from_utf8_lossy(document).into_owned();
    let error = run(".", document).expect_err(&shown);
    assert_eq!(error.kind, ErrorKind::Document, "{shown}");
    assert_eq!((error.offset, error.message.as_str()), (Some(offset), message), "{shown}");
}

#[test]
fn structures() {
    for document in ["[]", "{}", "[[]]", "[1]", "{\"\":0}", "[[],{}]", "{\"a\":[]}", "[null,1]"] {
        reads(document.as_bytes(), document);
    }
    reads(b" [ ] ", "[]");
    reads(b"\n{\t\"a\"\r:\n1 , \"b\" : [ 2 ] }\n", "{\"a\":1,\"b\":[2]}");
    reads(b"{\"a\":1,\"a\":2}", "{\"a\":2}");
    reads(b"{\"a\":1,\"\\u0061\":2}", "{\"a\":2}");

    let end = "expected a value, got the end of the document";
    refuses(b"", 0, end);
    refuses(b" ", 1, end);
    refuses(b"[", 1, end);
    refuses(b"[1,", 3, end);
    refuses(b"{\"a\":", 5, end);
    let value = "expected a value";
    refuses(b"]", 0, value);
    refuses(b"[,1]", 1, value);
    refuses(b"[1,,2]", 3, value);
    refuses(b"[1,]", 3, value);
    refuses(b"{\"a\":}", 5, value);
    refuses(b"[{]}", 2, "expected a key in double quotes");
    refuses(b"{\"a\":1,}", 7, "expected a key in double quotes");
    refuses(b"{1:1}", 1, "expected a key in double quotes");
    refuses(b"{a:1}", 1, "expected a key in double quotes");
    refuses(b"{'a':1}", 1, "expected a key in double quotes");
    refuses(b"{", 1, "expected a key in double quotes");
    refuses(b"{\"a\" 1}", 5, "expected `:`");
    refuses(b"{\"a\"}", 4, "expected `:`");
    refuses(b"{\"a\"", 4, "expected `:`");
    refuses(b"[1 2]", 3, "expected `,` or `]`");
    refuses(b"[1", 2, "expected `,` or `]`");
    refuses(b"[1}", 2, "expected `,` or `]`");
    refuses(b"{\"a\":1 \"b\":2}", 7, "expected `,` or `}`");
    refuses(b"{\"a\":1]", 6, "expected `,` or `}`");
    let more = "expected the end of the document";
    refuses(b"1 2", 2, more);
    refuses(b"[] []", 3, more);
    refuses(b"[]]", 2, more);
    refuses(b"{}#", 2, more);
    refuses(b"1\0", 1, more);
    refuses(b"[1]\x0c", 3, more);
}

#[test]
fn literals() {
    for document in ["null", "true", "false", "[null,true,false]"] {
        reads(document.as_bytes(), document);
    }
    let words =
        ["nul", "nulL", "True", "TRUE", "tru", "fals", "NaN", "Infinity", "nan", "undefined"];
    for word in words {
        refuses(word.as_bytes(), 0, "expected a value");
    }
    refuses(b"truex", 4, "expected the end of the document");
    refuses(b"// c\n1", 0, "expected a value");
    refuses(b"/* c */1", 0, "expected a value");
    refuses(b"# c\n1", 0, "expected a value");
    refuses(b"b\"a\"", 0, "expected a value");
    refuses(b"'a'", 0, "expected a value");
}

#[test]
fn numbers() {
    for number in [
        "0",
        "1",
        "-1",
        "10",
        "123456789012345678",
        "1234567890123456789",
        "-9223372036854775809",
        "0.1",
        "-0.0",
        "1.5e3",
        "1E5",
        "1e+5",
        "1e-5",
        "0e0",
        "0.0e-0",
        "123e1000",
        "-1.0",
    ] {
        reads(number.as_bytes(), number);
    }
    reads(b"[-0,0]", "[-0,0]");
    assert_eq!(run(". + 1, . == 0", "-0").as_deref(), Ok("1.0\ntrue\n"));
    let long = "7".repeat(5000);
    reads(long.as_bytes(), &long);
    let digit = "expected a digit";
    refuses(b"-", 1, digit);
    refuses(b"1.", 2, digit);
    refuses(b"1.e1", 2, digit);
    refuses(b"-.5", 1, digit);
    refuses(b"1e", 2, digit);
    refuses(b"1e+", 3, digit);
    refuses(b"1eE2", 2, digit);
    refuses(b"-a", 1, digit);
    refuses(b"-Infinity", 1, digit);
    let end = "expected the end of the document";
    refuses(b"01", 1, end);
    refuses(b"-01", 2, end);
    refuses(b"0x1", 1, end);
    refuses(b"1_000", 1, end);
    refuses(b"1.2.3", 3, end);
    refuses("1\u{ff11}".as_bytes(), 1, end);
    refuses(b"+1", 0, "expected a value");
    refuses(b".5", 0, "expected a value");
    refuses(b"++1", 0, "expected a value");
}

#[test]
fn strings() {
    reads(b"\"\"", "\"\"");
    reads("\"ä€😀\u{7f}\u{2028}\"".as_bytes(), "\"ä€😀\\u007f\u{2028}\"");
    reads(br#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\b\f\n\r\t""#);
    reads(br#""a\u0062c\u00E9\u20ac\uD83D\uDE00d""#, "\"abcé€😀d\"");
    reads(br#""\u0000\uFFFF""#, "\"\\u0000\u{ffff}\"");
    let end = "expected `\"`, got the end of the document";
    refuses(b"\"", 1, end);
    refuses(b"\"abc", 4, end);
    refuses(br#"["\""#, 4, end);
    let escape = "expected an escape sequence such as `\\n`";
    refuses(br#""\x41""#, 2, escape);
    refuses(br#""\a""#, 2, escape);
    refuses(br#""\'""#, 2, escape);
    refuses(b"\"\\", 2, escape);
    refuses("\"\\ä\"".as_bytes(), 2, escape);
    let hex = "expected a hexadecimal digit";
    refuses(br#""\u12""#, 5, hex);
    refuses(br#""\u12G4""#, 5, hex);
    refuses(br#""\u+123""#, 3, hex);
    refuses(br#""\uD83D\u12""#, 11, hex);
    let half = "expected a surrogate pair, got half of one";
    refuses(br#""\uD800""#, 1, half);
    refuses(br#""\uDC00""#, 1, half);
    refuses(br#""ab\uD800\uD800""#, 3, half);
    refuses(br#""\uD800x""#, 1, half);
    refuses(br#""\uD800\n""#, 1, half);
    let control = "expected an escape sequence, got a control character";
    refuses(b"\"a\nb\"", 2, control);
    refuses(b"\"\0\"", 1, control);
    refuses(b"\"\\n\t\"", 3, control);
    refuses(b"\"\x1f\"", 1, control);
}

#[test]
fn encodings() {
    reads(b"\xef\xbb\xbf[1]", "[1]");
    refuses(b"\xef\xbb\xbf\xef\xbb\xbf1", 3, "expected a value");
    refuses(b"[\xef\xbb\xbf1]", 1, "expected a value");
    let utf_8 = "the document is not valid UTF-8";
    refuses(b"\"\xff\"", 1, utf_8);
    refuses(b"\"ab\xc3\"", 3, utf_8);
    refuses(b"\"\xc0\xaf\"", 1, utf_8);
    refuses(b"\"\xed\xa0\x80\"", 1, utf_8);
    refuses(b"\"\xf4\x90\x80\x80\"", 1, utf_8);
    refuses(b"[1]\x80", 3, utf_8);
    refuses(b"\xff\xfe1\0", 0, utf_8);
    refuses(b"1\0", 1, "expected the end of the document");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        ".*\\PC{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// What serde_json reads is what it reads after a document has passed through.
    #[test]
    fn documents_pass_unchanged(value in value(), pretty in any::<bool>()) {
        let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
        let document = write(&value).expect("values can be written");
        let value: Value = serde_json::from_slice(&document).expect("strict JSON");
        let text = run(".", &document).expect("serde_json writes JSON");
        prop_assert_eq!(serde_json::from_str::<Value>(&text).expect("strict JSON"), value.clone());
        let text = run("tojson | fromjson", &document).expect("the same way twice");
        prop_assert_eq!(serde_json::from_str::<Value>(&text).expect("strict JSON"), value);
    }

    /// Broken documents are accepted exactly if serde_json accepts them.
    #[test]
    fn broken_documents_are_judged_as_by_serde_json(
        value in value(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(br#"[]{},:"\0123456789eE+-.truefalsn"#.to_vec())],
        how in 0..3_u8,
    ) {
        let mut document = serde_json::to_vec(&value).expect("values can be written");
        let at = at.index(document.len());
        match how {
            0 => document[at] = byte,
            1 => document.insert(at, byte),
            _ => drop(document.remove(at)),
        }
        match (run(".", &document), serde_json::from_slice::<Value>(&document)) {
            (Ok(_), Ok(_)) => {}
            (Err(error), Err(_)) => {
                prop_assert_eq!(error.kind, ErrorKind::Document);
                prop_assert!(error.offset.is_some_and(|offset| offset <= document.len()));
            }
            // A number that no float holds is JSON all the same.
            (Ok(_), Err(error)) if error.to_string().contains("number out of range") => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
        }
    }
}
