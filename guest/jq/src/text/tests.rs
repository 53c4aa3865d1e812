use alloc::{string::String, vec, vec::Vec};

use super::{base64::Base64Fault, json::Scanned, utf8::decode_lossy, *};

/// What a function appends.
fn appended(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b">".to_vec();
    write(&mut out);
    String::from_utf8(out).unwrap().split_off(1)
}

#[test]
fn json_strings_are_written() {
    let check = |text: &str, expected: &str| {
        assert_eq!(appended(|out| write_json_string(text.as_bytes(), out)), expected)
    };
    check("", "\"\"");
    check("abcdefgh\"ijk\\", "\"abcdefgh\\\"ijk\\\\\"");
    check("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{80}\u{2028}</é😀", {
        "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\u007f\u{80}\u{2028}</é😀\""
    });
    for at in 0..20 {
        let text = "x".repeat(at) + "\n" + &"é".repeat(20 - at);
        check(&text, &alloc::format!("\"{}\"", text.replace('\n', "\\n")));
    }
}

#[test]
fn json_strings_are_found() {
    let scan = |bytes: &'static [u8]| scan_string(bytes, 1);
    assert_eq!(scan(b"\"\""), Ok(Scanned { raw: "".as_bytes(), end: 2, has_escapes: false }));
    assert_eq!(
        scan(b"\"abcdefghijk\",1"),
        Ok(Scanned { raw: "abcdefghijk".as_bytes(), end: 13, has_escapes: false })
    );
    assert_eq!(
        scan(b"\"ab\\\"\\\\\" \""),
        Ok(Scanned { raw: "ab\\\"\\\\".as_bytes(), end: 8, has_escapes: true })
    );
    assert_eq!(
        scan("\"é😀\u{7f}\"".as_bytes()).map(|scanned| scanned.raw),
        Ok("é😀\u{7f}".as_bytes())
    );
    let fault = |bytes: &'static [u8]| scan(bytes).map_err(|fault| (fault.at, &fault.message[..9]));
    assert_eq!(fault(b"\"abcdefghijk\nx\""), Err((12, "Invalid s")));
    assert_eq!(fault(b"\"ab\\\x01\""), Err((4, "Invalid s")));
    assert_eq!(fault(b"\"abc"), Err((4, "Unfinishe")));
    assert_eq!(fault(b"\"abc\\"), Err((5, "Unfinishe")));
    assert_eq!(scan_string(b"\"", 9).map_err(|fault| fault.at), Err(9));
}

#[test]
fn escapes_are_decoded() {
    let decode = |raw: &str| {
        let mut out = Vec::new();
        unescape(raw.as_bytes(), &mut out)
            .map(|()| String::from_utf8(out).unwrap())
            .map_err(|fault| (fault.at, fault.message))
    };
    assert_eq!(decode("é\\/\\b\\f\\n\\r\\t\\\"\\\\x").as_deref(), Ok("é/\u{8}\u{c}\n\r\t\"\\x"));
    assert_eq!(decode("\\u00e9\\uD83D\\ude00\\uffff\\u0000").as_deref(), Ok("é😀\u{ffff}\0"));
    assert_eq!(decode("\\udc00\\udfff").as_deref(), Ok("\u{fffd}\u{fffd}"));
    for raw in [
        "ab\\ud800x",
        "ab\\ud800",
        "ab\\ud800\\ud800",
        "ab\\ud800\\u0041",
        "ab\\ud83d\\ude0",
        "ab\\ud83d\\n",
    ] {
        assert_eq!(decode(raw), Err((2, "Invalid \\uXXXX\\uXXXX surrogate pair escape")), "{raw}");
    }
    assert_eq!(decode("\\u12"), Err((0, "Invalid \\uXXXX escape")));
    assert_eq!(decode("\\u+123"), Err((0, "Invalid characters in \\uXXXX escape")));
    assert_eq!(decode("\\n\\x"), Err((2, "Invalid escape")));
    assert_eq!(decode("\\"), Err((0, "Expected escape character at end of string")));
}

#[test]
fn formats_escape() {
    let text = "a<b>&'\"\0\t\n\r\\é ~-_.";
    assert_eq!(appended(|out| html(text, out)), "a&lt;b&gt;&amp;&apos;&quot;\\0\t\n\r\\é ~-_.");
    assert_eq!(appended(|out| csv_field(text, out)), "\"a<b>&'\"\"\\0\t\n\r\\é ~-_.\"");
    assert_eq!(appended(|out| tsv_field(text, out)), "a<b>&'\"\\0\\t\\n\\r\\\\é ~-_.");
    assert_eq!(appended(|out| shell_word(text, out)), "'a<b>&'\\''\"\\0\t\n\r\\é ~-_.'");
    assert_eq!(appended(|out| uri(text, out)), "a%3Cb%3E%26%27%22%00%09%0A%0D%5C%C3%A9%20~-_.");
}

#[test]
fn uris_are_decoded() {
    let decode = |text: &str| {
        let mut out = Vec::new();
        decode_uri(text, &mut out).then(|| String::from_utf8(out.clone()).unwrap()).ok_or(out.len())
    };
    assert_eq!(decode("a+%41%E2%98%83é%00").as_deref(), Ok("a+A☃é\0"));
    for text in ["%", "a%4", "%zz", "%%41", "%4%41", "%+1", "%ff", "%e2%98", "%ed%a0%80", "%é"] {
        assert_eq!(decode(text), Err(0), "{text}");
    }
}

#[test]
fn base64_is_written_and_read() {
    let decode = |text: &str| {
        let mut out = Vec::new();
        decode_base64(text, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    for (text, encoded) in
        [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("é😀\0", "w6nwn5iAAA==")]
    {
        assert_eq!(appended(|out| encode_base64(text, out)), encoded);
        assert_eq!(decode(encoded).as_deref(), Ok(text));
        assert_eq!(decode(encoded.trim_end_matches('=')).as_deref(), Ok(text));
    }
    for text in ["YQ=a", "YQ==YQ==", "YQ=====", "YR", "YQ==!", "YQ=é"] {
        assert_eq!(decode(text).as_deref(), Ok("a"), "{text}");
    }
    for text in ["Y", "YWJjZ", "a==="] {
        assert_eq!(decode(text), Err(Base64Fault::TrailingDigit), "{text}");
    }
    for text in ["YW Jj", "YWJj\n", "!", "-_-_", "é"] {
        assert_eq!(decode(text), Err(Base64Fault::InvalidByte), "{text}");
    }
    assert_eq!(decode("++//").as_deref(), Ok("\u{fffd}\u{fffd}"));
}

#[test]
fn wrong_utf8_is_replaced() {
    let check = |bytes: &[u8], expected: &str| {
        assert_eq!(
            appended(|out| decode_lossy(bytes, out)).replace('\u{fffd}', "?"),
            expected,
            "{bytes:x?}"
        );
    };
    check(b"A\xc3\xa9\xffA", "Aé?A");
    check(b"\xe2A", "?");
    check(b"\xe2AA", "?AA");
    check(b"\xe2\x98A", "?A");
    check(b"\xf0\x9f\x98\xf0\x9f\x98\x80", "?😀");
    check(b"\xed\xa0\x80\xe0\x80\x80\xf4\x90\x80\x80", "???");
    check(b"\xc0\x80\xf5\x80\x80\x80", "??????");
}

#[test]
fn texts_are_searched() {
    assert_eq!(indices("aaaa", "aa"), vec![0, 1, 2]);
    assert_eq!(indices("éaéa", "a"), vec![1, 3]);
    assert_eq!(indices("ababcabab", "abab"), vec![0, 5]);
    assert_eq!(indices("éééé", "éé"), vec![0, 1, 2]);
    assert!(indices("abc", "").is_empty());
    assert!(indices("", "a").is_empty());
    assert_eq!(
        (index("éaéa", "a"), rindex("éaéa", "a"), rindex("aaa", "aa")),
        (Some(1), Some(3), Some(1))
    );
    assert_eq!((index("abc", ""), rindex("abc", ""), index("abc", "x")), (None, None, None));
    // Quadratic time would not end here.
    let half = if cfg!(miri) { 1 << 9 } else { 1 << 19 };
    let (text, pattern) = ("a".repeat(2 * half), "a".repeat(half));
    assert_eq!(indices(&text, &pattern).len(), half + 1);
}

#[test]
fn texts_are_split() {
    let parts = |text, separator| split(text, separator).collect::<Vec<_>>();
    assert_eq!(parts("a,b,c", ","), ["a", "b", "c"]);
    assert_eq!(parts(",a,", ","), ["", "a", ""]);
    assert_eq!(parts("aaa", "aa"), ["", "a"]);
    assert_eq!(parts("aé😀", ""), ["a", "é", "😀"]);
    assert_eq!(parts("", ","), [""; 0]);
    assert_eq!(parts("", ""), [""; 0]);
    assert_eq!(parts("a", "abc"), ["a"]);
}

#[test]
fn texts_are_sliced() {
    let text = "aé😀xyz".repeat(if cfg!(miri) { 3 } else { 20 });
    let characters: Vec<char> = text.chars().collect();
    assert_eq!(codepoint_count(&text), characters.len());
    for from in 0..characters.len() + 2 {
        for to in 0..characters.len() + 2 {
            let expected: String = characters.iter().take(to).skip(from).collect();
            assert_eq!(slice(&text, from, to), expected);
        }
    }
    assert_eq!(slice("abc", 1, usize::MAX), "bc");
}

#[test]
fn texts_are_trimmed() {
    let space = "\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2028}\u{3000}";
    let text = alloc::format!("{space}a b{space}");
    assert_eq!(trim(&text), "a b");
    assert_eq!(ltrim(&text), alloc::format!("a b{space}"));
    assert_eq!(rtrim(&text), alloc::format!("{space}a b"));
    assert_eq!(trim("\u{200b}\u{feff}\u{1c}"), "\u{200b}\u{feff}\u{1c}");
    assert_eq!(
        (ltrimstr("abab", "ab"), rtrimstr("abab", "b"), ltrimstr("a", "b")),
        ("ab", "aba", "a")
    );
    assert_eq!((trimstr("abab", "ab"), trimstr("aba", "ab"), trimstr("ab", "ab")), ("", "a", ""));
    assert!(startswith("abc", "ab") && endswith("abc", "bc") && startswith("a", ""));
}

#[test]
fn codepoints_and_case_are_converted() {
    assert_eq!(explode("aé😀").collect::<Vec<_>>(), vec![97, 233, 0x1F600]);
    let implode = |numbers: &[f64]| {
        numbers.iter().filter_map(|number| implode_codepoint(*number)).collect::<String>()
    };
    assert_eq!(
        implode(&[65.9, -0.5, 55296.0, 1_114_112.0, -1.0, 4_294_967_361.0, 1e300, f64::NAN]),
        { "A\0\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}" }
    );
    assert_eq!(appended(|out| ascii_downcase("AZé[@ÀÉz", out)), "azé[@ÀÉz");
    assert_eq!(appended(|out| ascii_upcase("azé{`ÀÉZ", out)), "AZé{`ÀÉZ");
}

#[test]
fn values_are_abridged() {
    let check = |text: &str, expected: &str| {
        assert_eq!(appended(|out| abridge(text.as_bytes(), out)), expected)
    };
    check("\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
    check("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaaaaaaaaaaa...\"");
    check("[0,1,2,3,4,5,6,7,8,9,10,11,12]", "[0,1,2,3,4,5,6,7,8,9,10,1...]");
    check("{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbbbb\"}", "{\"a\":\"bbbbbbbbbbbbbbbbbbb...}");
    check("123456789012345678901234567890", "12345678901234567890123456...");
    check("12345678901234567890123456789", "12345678901234567890123456789");
    check("\"xxxx☆☆☆☆☆☆☆☆☆☆\"", "\"xxxx☆☆☆☆☆☆...\"");
    check("\"xxxxxx☆☆☆☆☆☆☆☆☆\"", "\"xxxxxx☆☆☆☆☆☆...\"");
}
