//! The texts that are numbers: strict JSON, program text, and the wider forms that `tonumber` takes.

use super::decimal::{self, Decimal};
use super::digits::digits_end;
use alloc::{borrow::Cow, vec::Vec};

/// A number read from text.
#[derive(Debug, PartialEq)]
pub(crate) enum Parsed<'a> {
    /// A small integer, a NaN or an infinity: its text holds nothing that the double does not.
    Double(f64),
    /// The canonical text of a finite number, which must be kept.
    Literal(Cow<'a, [u8]>),
}

/// The end of the exponent that starts at `start`, or `start` where none does.
fn exponent_end(text: &[u8], start: usize) -> usize {
    if !matches!(text.get(start), Some(b'e' | b'E')) {
        return start;
    }
    let digits = start + 1 + usize::from(matches!(text.get(start + 1), Some(b'+' | b'-')));
    let end = digits_end(text, digits);
    if end > digits { end } else { start }
}

/// The length of the longest JSON number (RFC 8259, section 6) at the start of `text`.
///
/// The caller looks at the byte after it: `01`, `1.` and `1e` give the length of their first digit.
pub(crate) fn scan(text: &[u8]) -> Option<usize> {
    let start = usize::from(text.first() == Some(&b'-'));
    let mut end = match text.get(start)? {
        b'0' => start + 1,
        b'1'..=b'9' => digits_end(text, start + 1),
        _ => return None,
    };
    if text.get(end) == Some(&b'.') {
        let fraction = digits_end(text, end + 1);
        if fraction == end + 1 {
            return Some(end);
        }
        end = fraction;
    }
    Some(exponent_end(text, end))
}

/// The length of the longest number of program text at the start of `text`: `007`, `1.` and `.5` are numbers there,
/// and no number has a sign.
pub(crate) fn scan_program(text: &[u8]) -> Option<usize> {
    let mut end = digits_end(text, 0);
    if text.get(end) == Some(&b'.') {
        let fraction = digits_end(text, end + 1);
        if end > 0 || fraction > end + 1 {
            end = fraction;
        }
    }
    if end == 0 { None } else { Some(exponent_end(text, end)) }
}

/// The value of an integer below 2^53 with the text that the double prints as.
pub(crate) fn small_integer(literal: &[u8]) -> Option<f64> {
    const LIMIT: u64 = 1 << f64::MANTISSA_DIGITS;
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    let negative = digits.len() < literal.len();
    if digits.is_empty()
        || digits.len() > 16
        || (digits[0] == b'0' && (negative || digits.len() > 1))
    {
        return None;
    }
    let mut value: u64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    let double = value as f64;
    (value < LIMIT).then_some(if negative { -double } else { double })
}

/// The number of a text that is known to have the form of a finite number; beyond the largest exponent it is infinite.
pub(crate) fn from_literal(literal: &[u8]) -> Parsed<'_> {
    if let Some(value) = small_integer(literal) {
        return Parsed::Double(value);
    }
    if decimal::is_canonical(literal) {
        return Parsed::Literal(Cow::Borrowed(literal));
    }
    match Decimal::read(literal) {
        None => Parsed::Double(f64::NAN),
        Some(decimal) if decimal.is_infinite() => Parsed::Double(decimal.infinity()),
        Some(decimal) => {
            let mut canonical = Vec::with_capacity(literal.len() + 8);
            decimal.write(&mut canonical);
            small_integer(&canonical).map_or(Parsed::Literal(Cow::Owned(canonical)), Parsed::Double)
        }
    }
}

/// The number that `tonumber` makes of `text`. JSON texts of jq take the same forms where a number may stand.
///
/// These are a sign, digits with or without a point (at least one digit), an exponent; and in any case of letters
/// `inf`, `infinity`, and `nan` or `snan` with zeros after it. No space and no other text goes with them.
pub(crate) fn parse(text: &str) -> Option<Parsed<'_>> {
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    match unsigned.first()? {
        b'0'..=b'9' | b'.' if scan_program(unsigned) == Some(unsigned.len()) => {
            Some(from_literal(bytes))
        }
        b'i' | b'I' | b'n' | b'N' | b's' | b'S' => {
            special(unsigned, bytes[0] == b'-').map(Parsed::Double)
        }
        _ => None,
    }
}

/// The number of program text; `-` before it is an operator, for which see [`negate_literal`](super::negate_literal).
pub(crate) fn parse_program_literal(text: &str) -> Option<Parsed<'_>> {
    let bytes = text.as_bytes();
    (scan_program(bytes) == Some(bytes.len())).then(|| from_literal(bytes))
}

/// The infinity or NaN that `name` names.
fn special(name: &[u8], negative: bool) -> Option<f64> {
    if name.eq_ignore_ascii_case(b"inf") || name.eq_ignore_ascii_case(b"infinity") {
        return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let start = usize::from(matches!(name.first(), Some(b's' | b'S')));
    let (nan, zeros) = name.get(start..)?.split_at_checked(3)?;
    (nan.eq_ignore_ascii_case(b"nan") && zeros.iter().all(|byte| *byte == b'0')).then_some(f64::NAN)
}
