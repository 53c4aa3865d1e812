//! Doubles: the double of a literal, and the text of a double.

use super::decimal::{self, Decimal};
use super::digits::{integer_digits, parse_or_nan};
use crate::text::window::{self, WINDOW};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The powers of ten that are doubles without rounding.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Integers below this are doubles without rounding.
const EXACT_INTEGERS: u64 = 1 << f64::MANTISSA_DIGITS;

/// The double of a literal as jq takes it: the literal's first 17 significant digits, rounded half to even, then the
/// nearest double of these, which is an infinity beyond the range. NaN for a text that is not a number.
pub(crate) fn to_double(literal: &[u8]) -> f64 {
    if let Some(value) = short_decimal(literal) {
        return value;
    }
    let coefficient = literal.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    match coefficient.filter(|byte| byte.is_ascii_digit()).count() {
        0 => f64::NAN,
        1..=17 => parse_or_nan(literal),
        _ => Decimal::read(literal).map_or(f64::NAN, Decimal::to_double),
    }
}

/// The order of two literals by their exact values. A text that is not a number comes first, as NaN does.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    /// Of texts with so many digits the doubles have the order of the numbers.
    const DIGITS_EXACT: usize = 15;
    if a.len() <= DIGITS_EXACT
        && b.len() <= DIGITS_EXACT
        && let (Some(a), Some(b)) = (short_decimal(a), short_decimal(b))
    {
        return a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    }
    decimal::compare(a, b)
}

/// The value of a text of few digits without an exponent, by one exact division.
fn short_decimal(literal: &[u8]) -> Option<f64> {
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    if digits.len() > 17 {
        return None;
    }
    let mut coefficient: u64 = 0;
    let mut point = None;
    for (position, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => coefficient = coefficient * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(position + 1),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |start| digits.len() - start);
    if coefficient >= EXACT_INTEGERS || digits.len() == usize::from(point.is_some()) {
        return None;
    }
    let value = coefficient as f64 / POWERS_OF_TEN[decimals];
    Some(if digits.len() < literal.len() { -value } else { value })
}

/// Appends a double as jq prints what was computed: the shortest digits that read back as the same double.
///
/// NaN prints as `null`, infinities as the largest doubles. An exponent, of two digits at least, comes in for numbers
/// below 0.0001 and for those that would need more than fifteen zeros after their digits.
pub(crate) fn write_double(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"null");
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let size = value.abs().min(f64::MAX);
    // This cast saturates, so a large double gives a large integer.
    let integer = size as u64;
    if integer < EXACT_INTEGERS && integer as f64 == size {
        write_integer(integer, out);
        return;
    }
    // Core's own formatting rounds halves up where jq takes the even digit.
    let mut buffer = zmij::Buffer::new();
    let Some(shortest) = Decimal::read(buffer.format_finite(size).as_bytes()) else { return };
    let mut digits = [0; 20];
    let mut len = 0;
    for (slot, digit) in digits.iter_mut().zip(shortest.significant_digits()) {
        *slot = digit;
        len += 1;
    }
    write_digits(&digits[..len], shortest.leading_exponent() + 1, out);
}

/// Appends the digits of an integer below 10^16.
#[inline]
fn write_integer(mut integer: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 2 * WINDOW];
    let mut start = WINDOW;
    loop {
        start -= 1;
        digits[start] = b'0' + (integer % 10) as u8;
        integer /= 10;
        if integer == 0 {
            break;
        }
    }
    window::append(out, &digits, start, WINDOW - start);
}

/// Appends `0.digits × 10^point`; the digits are not empty and do not begin or end with zero.
fn write_digits(digits: &[u8], point: i64, out: &mut Vec<u8>) {
    let len = digits.len() as i64;
    if point <= -4 || point > len + 15 {
        let (first, rest) = digits.split_at(digits.len().min(1));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        let exponent = point - 1;
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.abs() < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(integer_digits(exponent.unsigned_abs(), &mut [0; 20]));
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend((point..0).map(|_| b'0'));
        out.extend_from_slice(digits);
    } else if point >= len {
        out.extend_from_slice(digits);
        out.extend((len..point).map(|_| b'0'));
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}
