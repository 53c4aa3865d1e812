//! Cases, with the answers that jq 1.8.2 gave.

use super::syntax::{scan_program, small_integer};
use super::*;
use alloc::{format, string::String, vec::Vec};
use core::cmp::Ordering;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn canonical(literal: &str) -> String {
    text(|out| write_literal(literal.as_bytes(), out))
}

fn double(value: f64) -> String {
    text(|out| write_double(value, out))
}

#[test]
fn canonical_texts() {
    for (literal, expected) in [
        ("1.10", "1.10"),
        ("1e2", "1E+2"),
        ("1.0e1", "10"),
        ("1.00e1", "10.0"),
        ("1.00e3", "1.00E+3"),
        ("12.34e5", "1.234E+6"),
        ("1e0", "1"),
        ("12e-1", "1.2"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1E-7"),
        ("0.0000012", "0.0000012"),
        ("1000e-10", "1.000E-7"),
        ("123456e-10", "0.0000123456"),
        ("100000000000000000000000000001", "100000000000000000000000000001"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("-0e5", "-0E+5"),
        ("0.000000", "0.000000"),
        ("0.0000000", "0E-7"),
        ("0e-6", "0.000000"),
        ("+1", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-00.00", "-0.00"),
        ("0001.50", "1.50"),
        ("1.e2", "1E+2"),
        ("1e00000000000000000000000000005", "1E+5"),
        ("no number", "null"),
    ] {
        assert_eq!(canonical(literal), expected, "{literal}");
        assert_eq!(canonical(expected), expected, "{literal}");
    }
}

#[test]
fn canonical_texts_at_the_bounds() {
    for (literal, expected) in [
        ("9E999999999", "9E+999999999"),
        ("99e999999998", "9.9E+999999999"),
        ("99e999999999", "1.7976931348623157e+308"),
        ("-1e99999999999999999999", "-1.7976931348623157e+308"),
        ("0.01e1000000001", "1E+999999999"),
        ("0e10000000000", "0E+999999999"),
        ("0e-10000000000", "0E-1147483646"),
        ("1E-1000000000", "1E-1000000000"),
        ("1e-1147483646", "1E-1147483646"),
        ("4e-1147483647", "0E-1147483646"),
        ("5e-1147483647", "1E-1147483646"),
        ("-25e-1147483647", "-3E-1147483646"),
        ("99e-1147483647", "1.0E-1147483645"),
        ("123456e-1147483649", "1.23E-1147483644"),
        ("5e-1147483648", "0E-1147483646"),
        ("-1e-9999999999", "-0E-1147483646"),
    ] {
        assert_eq!(canonical(literal), expected, "{literal}");
    }
}

#[test]
fn negated_texts() {
    for (literal, expected) in [
        ("1.10", "-1.10"),
        ("-1E+5", "1E+5"),
        ("-0", "0"),
        ("0.00", "0.00"),
        ("-0E+5", "0E+5"),
        ("0E-7", "0E-7"),
    ] {
        assert_eq!(text(|out| negate_literal(literal.as_bytes(), out)), expected);
    }
}

#[test]
fn doubles_of_literals() {
    for (literal, expected) in [
        ("1.10", 1.1),
        ("-12.5", -12.5),
        ("1e2", 100.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e1000", f64::INFINITY),
        ("-1e99999999999", f64::NEG_INFINITY),
        ("1e-1000", 0.0),
        ("1.7976931348623158e308", f64::MAX),
        ("1.7976931348623159e308", f64::INFINITY),
        ("2.4703282292062327e-324", 0.0),
        ("2.4703282292062328e-324", 5e-324),
        // The nearest doubles of these are others: 17 digits come first.
        ("1.00000000000000011102230246251566", 1.0),
        ("2.701207114025718850e126", 2.7012071140257187e126),
        ("3271315369453873.25", 3271315369453873.0),
        ("123456789012345678901", 123456789012345680000.0),
    ] {
        assert_eq!(to_double(literal.as_bytes()), expected, "{literal}");
    }
    assert!(to_double(b"-0").is_sign_negative() && to_double(b"-0.000e5").is_sign_negative());
    for none in ["", "-", ".", "e5", "nan", "1e", "12345678901234567890x"] {
        assert!(to_double(none.as_bytes()).is_nan(), "{none}");
    }
}

#[test]
fn printed_doubles() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (-17.0, "-17"),
        (12.5, "12.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.0001, "0.0001"),
        (0.00012345678901234567, "0.00012345678901234567"),
        (0.00001, "1e-05"),
        (1.5e-10, "1.5e-10"),
        (5e-324, "5e-324"),
        (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (1.5e16, "15000000000000000"),
        (1.5e17, "1.5e+17"),
        (-123e20, "-1.23e+22"),
        (9007199254740993.0, "9007199254740992"),
        (18446744073709551615.0, "18446744073709552000"),
        (1.2345678901234567e29, "123456789012345680000000000000"),
        (9999999999999998e2, "999999999999999700"),
        (3018235083345877.0 / 4.0, "754558770836469.2"),
        (f64::INFINITY, "1.7976931348623157e+308"),
        (f64::NEG_INFINITY, "-1.7976931348623157e+308"),
        (f64::NAN, "null"),
    ] {
        assert_eq!(double(value), expected);
    }
}

#[test]
fn order_of_literals() {
    let order = [
        "-1e1000000000",
        "-9e999999999",
        "-2",
        "-1.10",
        "-1e-1147483646",
        "0",
        "1e-1147483646",
        "1E-7",
        "1",
    ];
    let more = [
        "1.000000000000000000000000000001",
        "1.1",
        "99999.9999999999999999999",
        "1e5",
        "1e1000",
        "1e1001",
    ];
    let order: Vec<&str> =
        order.into_iter().chain(more).chain(["9e999999999", "1e1000000000"]).collect();
    for (i, a) in order.iter().enumerate() {
        for (j, b) in order.iter().enumerate() {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
        }
    }
    for (a, b) in [
        ("1.10", "1.1"),
        ("1.0", "1"),
        ("-0", "0e10"),
        ("1.0e5", "100000"),
        ("123456789e100", "1.23456789e108"),
        ("1e1000000000", "2e2000000000"),
        ("1e-9999999999", "0"),
        ("5e-1147483647", "1e-1147483646"),
        ("-0.00120e3", "-1.2"),
    ] {
        assert_eq!(compare(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a} {b}");
    }
}

#[test]
fn strict_and_program_numbers() {
    for (literal, strict, program) in [
        ("0", Some(1), Some(1)),
        ("01", Some(1), Some(2)),
        ("-1.5e+3,", Some(7), None),
        ("1.", Some(1), Some(2)),
        ("1.e3", Some(1), Some(4)),
        (".5", None, Some(2)),
        (".e1", None, None),
        ("1e", Some(1), Some(1)),
        ("1e+x", Some(1), Some(1)),
        ("-", None, None),
        ("", None, None),
        ("1.2.3", Some(3), Some(3)),
    ] {
        assert_eq!(
            (scan(literal.as_bytes()), scan_program(literal.as_bytes())),
            (strict, program),
            "{literal}"
        );
    }
}

fn parsed(number: Option<Parsed<'_>>) -> String {
    match number {
        None => "error".into(),
        Some(Parsed::Double(value)) => double(value),
        Some(Parsed::Literal(literal)) => String::from_utf8(literal.into_owned()).unwrap(),
    }
}

#[test]
fn numbers_of_texts() {
    for (input, expected) in [
        ("1.10", "1.10"),
        ("+5.43", "5.43"),
        (".89", "0.89"),
        ("-5.", "-5"),
        ("+00.5e+03", "5E+2"),
        ("-0", "-0"),
        ("1e1000", "1E+1000"),
        ("-1e1000000000", "-1.7976931348623157e+308"),
        ("Infinity", "1.7976931348623157e+308"),
        ("-iNF", "-1.7976931348623157e+308"),
        ("+nan", "null"),
        ("-sNaN00", "null"),
    ] {
        assert_eq!(parsed(parse(input)), expected, "{input}");
    }
    for input in [
        "", "-", "+", ".", "e5", ".e5", "1e", "1e+", "--1", " 1", "1 ", "1\0", "0x10", "1_000",
        "1.2.3", "nan1",
    ] {
        assert_eq!(parse(input), None, "{input}");
    }
    for input in ["infinit", "inf0", "nan0.0", "na", "s", "１", "é", "1é", "né", "true", "null"]
    {
        assert_eq!(parse(input), None, "{input}");
    }
    assert_eq!(parsed(parse_program_literal("1.")), "1");
    assert_eq!(parsed(parse_program_literal("100000000000000000001")), "100000000000000000001");
    assert_eq!(parse_program_literal("-1"), None);
}

#[test]
fn small_integers() {
    assert_eq!(small_integer(b"-17"), Some(-17.0));
    assert_eq!(small_integer(b"0"), Some(0.0));
    assert_eq!(small_integer(b"9007199254740991"), Some(9007199254740991.0));
    for literal in
        ["-0", "00", "01", "9007199254740992", "99999999999999999", "1.0", "1e1", "", "-", "+1"]
    {
        assert_eq!(small_integer(literal.as_bytes()), None, "{literal}");
    }
}

#[test]
fn remainders() {
    let (max, inf) = (i64::MAX as f64, f64::INFINITY);
    for (a, b, expected) in [
        (5.9, -2.9, 1.0),
        (-5.9, 2.0, -1.0),
        (-5.0, 5.0, 0.0),
        (inf, 5.0, 2.0),
        (-inf, 5.0, -3.0),
        (5.0, -inf, 5.0),
        (-inf, inf, -1.0),
        (inf, -inf, max),
        (-inf, -1.0, 0.0),
        (1e19, 1e18, 223372036854775807.0),
    ] {
        assert_eq!(modulo(a, b), Some(expected), "{a} {b}");
    }
    assert_eq!(double(modulo(-5.0, 5.0).unwrap()), "0");
    assert_eq!(modulo(5.0, -0.5), None);
    assert!(modulo(f64::NAN, 0.0).unwrap().is_nan());
}

#[test]
fn positions() {
    for (index, read, deleted, has) in [
        (1.7, Some(1), Some(1), true),
        (-1.5, Some(9), Some(9), false),
        (-0.5, Some(0), None, true),
        (-10.5, Some(0), Some(0), false),
        (-11.0, None, None, false),
        (10.0, None, None, false),
        (f64::NAN, None, None, false),
        (f64::INFINITY, None, None, false),
        (f64::NEG_INFINITY, None, None, false),
    ] {
        let found =
            (element_index(index, 10), deletion_index(index, 10), contains_index(index, 10));
        assert_eq!(found, (read, deleted, has), "{index}");
    }
    assert_eq!(store_index(-0.5, 0), Ok(0));
    assert_eq!(store_index(536870911.9, 0), Ok(536870911));
    assert!(
        store_index(536870912.0, 0).is_err()
            && store_index(-1.0, 0).is_err()
            && store_index(f64::NAN, 0).is_err()
    );
}

#[test]
fn slices() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    for (start, end, expected) in [
        (1.2, 3.5, (1, 4)),
        (-3.5, -1.5, (6, 9)),
        (-0.5, nan, (9, 10)),
        (nan, -0.5, (0, 10)),
        (5.0, 2.0, (5, 5)),
        (5.5, 5.5, (5, 6)),
        (1.6, 1.2, (1, 2)),
        (inf, inf, (10, 10)),
        (-inf, inf, (0, 10)),
        (nan, -inf, (0, 0)),
    ] {
        assert_eq!(slice_bounds(Some(start), Some(end), 10), expected, "{start} {end}");
    }
    assert_eq!(slice_bounds(None, None, 3), (0, 3));
}

#[test]
fn repeated_strings() {
    for (times, expected) in
        [(2.5, Some(2)), (0.5, Some(0)), (-0.0, Some(0)), (-0.5, None), (f64::NAN, None)]
    {
        assert_eq!(repetitions(times), expected, "{times}");
    }
    assert!(repetitions(f64::INFINITY).is_some_and(|times| times > REPETITION_LIMIT));
}

#[test]
fn long_texts_take_linear_time() {
    // Under Miri, a step takes so long that this would take minutes.
    const DIGITS: usize = if cfg!(miri) { 500 } else { 1_000_000 };
    let digits = "7".repeat(DIGITS);
    assert_eq!(canonical(&digits), digits);
    assert_eq!(compare(digits.as_bytes(), format!("{digits}.0").as_bytes()), Ordering::Equal);
    let small = format!("0.{}1", "0".repeat(DIGITS));
    assert_eq!(canonical(&small), format!("1E-{}", DIGITS + 1));
    assert_eq!(to_double(format!("{small}e{}", DIGITS + 1).as_bytes()), 1.0);
    assert!(to_double(format!("1e{digits}").as_bytes()).is_infinite());
}
