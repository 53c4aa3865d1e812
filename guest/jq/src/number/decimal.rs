//! Decimal numbers of any length: their canonical text and their order, read in place from the text of a literal.
//!
//! jq holds literals in the General Decimal Arithmetic's form with the bounds below, so the text that it prints is that
//! standard's scientific string. jq also rounds to 147 483 648 digits; texts here are taken to be shorter.

use super::digits::{digits_end, integer_digits, scale};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The largest exponent that the first digit of a finite number can have.
const MAX_EXPONENT: i64 = 999_999_999;
/// The smallest exponent that the last digit of a number can have; digits below it are rounded away.
const MIN_EXPONENT: i64 = -1_147_483_646;
/// Exponents of texts stop growing here, far beyond both bounds and whatever the digits of a text can make up for.
const EXPONENT_CAP: i64 = 1_000_000_000_000_000;
/// Smaller numbers than ten to this power have an exponent in their canonical text.
const PLAIN_EXPONENT: i64 = -6;

/// The decimal number `±digits × 10^exponent`. Zero has no digits.
#[derive(Clone, Copy)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The digits before the point without the zeros that lead.
    head: &'a [u8],
    /// The digits after the point; where the head is empty, without the zeros that lead.
    tail: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads a whole text: a sign, digits with or without a point, an exponent.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
        let (head, rest) = unsigned.split_at_checked(digits_end(unsigned, 0))?;
        let (tail, rest) = match rest.strip_prefix(b".") {
            Some(fraction) => fraction.split_at_checked(digits_end(fraction, 0))?,
            None => (&rest[..0], rest),
        };
        if head.is_empty() && tail.is_empty() {
            return None;
        }
        let exponent = if rest.is_empty() { 0 } else { read_exponent(rest)? };
        let exponent = exponent.saturating_sub_unsigned(tail.len() as u64);
        let head = trim_leading_zeros(head);
        let tail = if head.is_empty() { trim_leading_zeros(tail) } else { tail };
        Some(Self { negative: text[0] == b'-', head, tail, exponent })
    }

    fn is_zero(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    fn len(&self) -> usize {
        self.head.len().saturating_add(self.tail.len())
    }

    /// The digits from the first to the last that is not zero.
    pub(super) fn significant_digits(&self) -> impl Iterator<Item = u8> {
        let tail = trim_trailing_zeros(self.tail);
        let head = if tail.is_empty() { trim_trailing_zeros(self.head) } else { self.head };
        head.iter().chain(tail).copied()
    }

    /// The exponent of the first digit.
    pub(super) fn leading_exponent(&self) -> i64 {
        self.exponent.saturating_add_unsigned((self.len() as u64).saturating_sub(1))
    }

    /// Whether the number is beyond the largest exponent.
    pub(super) fn is_infinite(&self) -> bool {
        !self.is_zero() && self.leading_exponent() > MAX_EXPONENT
    }

    /// The infinity of the number's sign.
    pub(super) fn infinity(&self) -> f64 {
        if self.negative { f64::NEG_INFINITY } else { f64::INFINITY }
    }

    /// The number rounded to the double that jq takes for it: to 17 digits, ties to even, then to the nearest double.
    pub(super) fn to_double(self) -> f64 {
        const PRECISION: usize = 17;
        let mut digits = self.head.iter().chain(self.tail).map(|byte| byte - b'0');
        let mut coefficient =
            digits.by_ref().take(PRECISION).fold(0u64, |sum, digit| sum * 10 + u64::from(digit));
        let dropped = self.len().saturating_sub(PRECISION) as u64;
        if let Some(next) = digits.next()
            && (next > 5 || (next == 5 && (coefficient % 2 == 1 || digits.any(|digit| digit > 0))))
        {
            coefficient += 1;
        }
        let value = scale(coefficient, self.exponent.saturating_add_unsigned(dropped));
        if self.negative { -value } else { value }
    }

    /// The text of the number rounded at the smallest exponent, halves away from zero, where it has digits below it.
    fn rounded(&self) -> Option<Vec<u8>> {
        if self.is_zero() || self.exponent >= MIN_EXPONENT {
            return None;
        }
        let dropped = MIN_EXPONENT.saturating_sub(self.exponent).unsigned_abs();
        let kept =
            (self.len() as u64).checked_sub(dropped).and_then(|kept| usize::try_from(kept).ok());
        let mut digits = Vec::with_capacity(kept.unwrap_or(0).saturating_add(16));
        let mut source = self.head.iter().chain(self.tail).copied();
        digits.push(b'0');
        digits.extend(source.by_ref().take(kept.unwrap_or(0)));
        if kept.is_some() && source.next().is_some_and(|digit| digit >= b'5') {
            // The zero in front stops the carry.
            for digit in digits.iter_mut().rev() {
                if *digit < b'9' {
                    *digit += 1;
                    break;
                }
                *digit = b'0';
            }
        }
        if self.negative {
            digits.insert(0, b'-');
        }
        digits.push(b'e');
        write_exponent(MIN_EXPONENT, &mut digits);
        Some(digits)
    }

    /// Appends the canonical text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.is_infinite() {
            let sign: &[u8] = if self.infinity() < 0.0 { b"-" } else { b"" };
            out.extend_from_slice(sign);
            // The largest double.
            out.extend_from_slice(b"1.7976931348623157e+308");
        } else if let Some(text) = self.rounded() {
            Decimal::read(&text).expect("rounded() writes a number").write_finite(out);
        } else {
            self.write_finite(out);
        }
    }

    fn write_finite(&self, out: &mut Vec<u8>) {
        let Self { negative, mut head, tail, mut exponent } = *self;
        if self.is_zero() {
            head = b"0";
            exponent = exponent.clamp(MIN_EXPONENT, MAX_EXPONENT);
        }
        let shown = Decimal { negative, head, tail, exponent };
        if negative {
            out.push(b'-');
        }
        let leading = shown.leading_exponent();
        if exponent > 0 || leading < PLAIN_EXPONENT {
            shown.write_digits(0, 1, out);
            if shown.len() > 1 {
                out.push(b'.');
                shown.write_digits(1, shown.len(), out);
            }
            out.push(b'E');
            write_exponent(leading, out);
        } else if leading < 0 {
            out.extend_from_slice(b"0.");
            out.extend((leading + 1..0).map(|_| b'0'));
            shown.write_digits(0, shown.len(), out);
        } else {
            let point = usize::try_from(leading).map_or(shown.len(), |leading| leading + 1);
            shown.write_digits(0, point, out);
            if exponent < 0 {
                out.push(b'.');
                shown.write_digits(point, shown.len(), out);
            }
        }
    }

    /// Appends the digits from `start` to before `end`.
    fn write_digits(&self, start: usize, end: usize, out: &mut Vec<u8>) {
        let middle = self.head.len();
        out.extend_from_slice(&self.head[start.min(middle)..end.min(middle)]);
        out.extend_from_slice(&self.tail[start.saturating_sub(middle)..end.saturating_sub(middle)]);
    }

    /// The order of two numbers that need no rounding.
    fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        if by_sign.is_ne() || self.is_zero() {
            return by_sign;
        }
        let infinite = MAX_EXPONENT + 1;
        let by_size =
            self.leading_exponent().min(infinite).cmp(&other.leading_exponent().min(infinite));
        let by_size = if by_size.is_ne() || self.is_infinite() {
            by_size
        } else {
            self.significant_digits().cmp(other.significant_digits())
        };
        if self.negative { by_size.reverse() } else { by_size }
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

/// The value of an exponent with its letter and sign; it stops growing at a cap.
fn read_exponent(text: &[u8]) -> Option<i64> {
    let signed = text.strip_prefix(b"e").or_else(|| text.strip_prefix(b"E"))?;
    let digits = signed.strip_prefix(b"-").or_else(|| signed.strip_prefix(b"+")).unwrap_or(signed);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |sum: i64, byte| (sum * 10 + i64::from(byte - b'0')).min(EXPONENT_CAP));
    Some(if signed[0] == b'-' { -value } else { value })
}

fn write_exponent(exponent: i64, out: &mut Vec<u8>) {
    out.push(if exponent < 0 { b'-' } else { b'+' });
    out.extend_from_slice(integer_digits(exponent.unsigned_abs(), &mut [0; 20]));
}

fn trim_leading_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

fn trim_trailing_zeros(digits: &[u8]) -> &[u8] {
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    &digits[..end]
}

/// Whether a text is canonical and has no exponent, as nearly all numbers have not.
///
/// False says nothing: canonical texts may have an exponent.
pub(crate) fn is_canonical(literal: &[u8]) -> bool {
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    let point = digits_end(digits, 0);
    let (integer, fraction) = digits.split_at(point);
    let Some((first, more)) = integer.split_first() else { return false };
    if *first == b'0' && !more.is_empty() {
        return false;
    }
    let Some(fraction) = fraction.strip_prefix(b".") else { return fraction.is_empty() };
    // Six zeros after `0.` make the number smaller than the layout without an exponent takes.
    let plain = *first != b'0' || fraction.len() <= 6 || fraction[..6] != *b"000000";
    plain && !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit)
}

/// Appends the canonical text of a literal, which is how jq prints it when nothing was computed with it.
///
/// A text beyond the largest exponent prints as the largest double; one that is not a number prints as NaN does.
pub(crate) fn write_literal(literal: &[u8], out: &mut Vec<u8>) {
    if is_canonical(literal) {
        out.extend_from_slice(literal);
        return;
    }
    match Decimal::read(literal) {
        Some(decimal) => decimal.write(out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends the canonical text of minus a literal, given by its canonical text. No zero keeps or gets a minus.
pub(crate) fn negate_literal(canonical: &[u8], out: &mut Vec<u8>) {
    let unsigned = canonical.strip_prefix(b"-").unwrap_or(canonical);
    let is_zero =
        unsigned.iter().take_while(|byte| **byte != b'E').all(|byte| matches!(byte, b'0' | b'.'));
    if unsigned.len() == canonical.len() && !is_zero {
        out.push(b'-');
    }
    out.extend_from_slice(unsigned);
}

/// The order of two literals by their exact values. A text that is not a number comes first, as NaN does.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (Some(left), Some(right)) = (Decimal::read(a), Decimal::read(b)) else {
        return Decimal::read(a).is_some().cmp(&Decimal::read(b).is_some());
    };
    let (left_text, right_text) = (left.rounded(), right.rounded());
    let left = left_text.as_deref().and_then(Decimal::read).unwrap_or(left);
    let right = right_text.as_deref().and_then(Decimal::read).unwrap_or(right);
    left.compare(&right)
}
