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
fn refuses(document: &[u8], offset: usize) {
    let shown = String::from_utf8_lossy(document).into_owned();
    let error = run(".", document).expect_err(&shown);
    assert_eq!(error.kind, ErrorKind::Document, "{shown}");
    assert_eq!(error.offset, Some(offset), "{shown}");
    let message = match core::str::from_utf8(document) {
        Err(_) => "the document is not valid UTF-8".to_owned(),
        Ok(text) => match text[offset..].chars().next() {
            Some(found) => format!("expected JSON, got `{}`", found.escape_debug()),
            None => "expected JSON, got the end of the document".to_owned(),
        },
    };
    assert_eq!(error.message, message, "{shown}");
}

/// Refuses a word, a number or a string: anywhere in it.
#[track_caller]
fn refuses_within(document: &[u8]) {
    let shown = String::from_utf8_lossy(document).into_owned();
    let error = run(".", document).expect_err(&shown);
    assert_eq!(error.kind, ErrorKind::Document, "{shown}");
    assert!(error.offset.is_some_and(|offset| offset <= document.len()), "{shown}: {error:?}");
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

    refuses(b"", 0);
    refuses(b" ", 1);
    refuses(b"[", 1);
    refuses(b"[1,", 3);
    refuses(b"{\"a\":", 5);
    refuses(b"]", 0);
    refuses(b"[,1]", 1);
    refuses(b"[1,,2]", 3);
    refuses(b"[1,]", 3);
    refuses(b"{\"a\":}", 5);
    refuses(b"[{]}", 2);
    refuses(b"{\"a\":1,}", 7);
    refuses(b"{1:1}", 1);
    refuses(b"{a:1}", 1);
    refuses(b"{'a':1}", 1);
    refuses(b"{", 1);
    refuses(b"{\"a\" 1}", 5);
    refuses(b"{\"a\"}", 4);
    refuses(b"{\"a\"", 4);
    refuses(b"[1 2]", 3);
    refuses(b"[1", 2);
    refuses(b"[1}", 2);
    refuses(b"{\"a\":1 \"b\":2}", 7);
    refuses(b"{\"a\":1]", 6);
    refuses(b"1 2", 2);
    refuses(b"[] []", 3);
    refuses(b"[]]", 2);
    refuses(b"{}#", 2);
    refuses(b"1\0", 1);
    refuses(b"[1]\x0c", 3);
}

#[test]
fn literals() {
    for document in ["null", "true", "false", "[null,true,false]"] {
        reads(document.as_bytes(), document);
    }
    let words =
        ["nul", "nulL", "True", "TRUE", "tru", "fals", "NaN", "Infinity", "nan", "undefined"];
    for word in words {
        refuses_within(word.as_bytes());
    }
    refuses_within(b"truex");
    refuses_within(b"// c\n1");
    refuses_within(b"/* c */1");
    refuses_within(b"# c\n1");
    refuses_within(b"b\"a\"");
    refuses_within(b"'a'");
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
        "-1.0",
    ] {
        reads(number.as_bytes(), number);
    }
    // As jq writes them.
    for (number, written) in [
        ("1.5e3", "1.5E+3"),
        ("1E5", "1E+5"),
        ("1e+5", "1E+5"),
        ("1e-5", "0.00001"),
        ("0e0", "0"),
        ("0.0e-0", "0.0"),
        ("123e1000", "1.23E+1002"),
    ] {
        reads(number.as_bytes(), written);
    }
    reads(b"[-0,0]", "[-0,0]");
    assert_eq!(run(". + 1, . == 0", "-0").as_deref(), Ok("1\ntrue\n"));
    let long = "7".repeat(5000);
    reads(long.as_bytes(), &long);
    refuses_within(b"-");
    refuses_within(b"1.");
    refuses_within(b"1.e1");
    refuses_within(b"-.5");
    refuses_within(b"1e");
    refuses_within(b"1e+");
    refuses_within(b"1eE2");
    refuses_within(b"-a");
    refuses_within(b"-Infinity");
    refuses_within(b"01");
    refuses_within(b"-01");
    refuses_within(b"0x1");
    refuses_within(b"1_000");
    refuses_within(b"1.2.3");
    refuses_within("1\u{ff11}".as_bytes());
    refuses_within(b"+1");
    refuses_within(b".5");
    refuses_within(b"++1");
}

#[test]
fn strings() {
    reads(b"\"\"", "\"\"");
    reads("\"ä€😀\u{7f}\u{2028}\"".as_bytes(), "\"ä€😀\\u007f\u{2028}\"");
    reads(br#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\b\f\n\r\t""#);
    reads(br#""a\u0062c\u00E9\u20ac\uD83D\uDE00d""#, "\"abcé€😀d\"");
    // The second half of a surrogate pair alone has no character. jq replaces it.
    reads(br#""x\uDC00""#, "\"x\u{fffd}\"");
    reads(br#""\u0000\uFFFF""#, "\"\\u0000\u{ffff}\"");
    refuses_within(b"\"");
    refuses_within(b"\"abc");
    refuses_within(br#"["\""#);
    refuses_within(br#""\x41""#);
    refuses_within(br#""\a""#);
    refuses_within(br#""\'""#);
    refuses_within(b"\"\\");
    refuses_within("\"\\ä\"".as_bytes());
    refuses_within(br#""\u12""#);
    refuses_within(br#""\u12G4""#);
    refuses_within(br#""\u+123""#);
    refuses_within(br#""\uD83D\u12""#);
    for half in [&br#""\uD800""#[..], br#""ab\uD800\uD800""#, br#""\uD800x""#, br#""\uD800\n""#] {
        refuses_within(half);
    }
    refuses_within(b"\"a\nb\"");
    refuses_within(b"\"\0\"");
    refuses_within(b"\"\\n\t\"");
    refuses_within(b"\"\x1f\"");
}

#[test]
fn encodings() {
    reads(b"\xef\xbb\xbf[1]", "[1]");
    refuses(b"\xef\xbb\xbf\xef\xbb\xbf1", 3);
    refuses(b"[\xef\xbb\xbf1]", 1);
    refuses(b"\"\xff\"", 1);
    refuses(b"\"ab\xc3\"", 3);
    refuses(b"\"\xc0\xaf\"", 1);
    refuses(b"\"\xed\xa0\x80\"", 1);
    refuses(b"\"\xf4\x90\x80\x80\"", 1);
    refuses(b"[1]\x80", 3);
    refuses(b"\xff\xfe1\0", 0);
    refuses(b"1\0", 1);
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
