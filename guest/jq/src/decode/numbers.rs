//! Numbers in a document.

use alloc::borrow::Cow;

use super::Decoder;
use crate::number::{self, Parsed};
use crate::value::{Origin, Value};

impl Decoder<'_, '_, '_> {
    /// Reads a number.
    #[inline(always)]
    pub(super) fn number(&mut self, start: usize) -> Option<usize> {
        /// So many digits are below 2^53.
        const DIGITS_EXACT: usize = 15;
        let is_negative = self.byte(start) == b'-';
        let first = start + usize::from(is_negative);
        let mut at = first;
        let mut integer = 0i64;
        // Three digits at a turn: numbers are short, and a turn of a loop costs more in a guest.
        while let Some(digit) = digit(self.byte(at)) {
            integer = integer.wrapping_mul(10).wrapping_add(digit);
            at += 1;
            let Some(digit) = self::digit(self.byte(at)) else { break };
            integer = integer.wrapping_mul(10).wrapping_add(digit);
            at += 1;
            let Some(digit) = self::digit(self.byte(at)) else { break };
            integer = integer.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        let len = at - first;
        // No zero in front of other digits.
        let is_canonical = len == 1 || self.byte(first) != b'0';
        if !(1..=DIGITS_EXACT).contains(&len) || !is_canonical {
            return self.odd_number(start);
        }
        match self.byte(at) {
            b'.' => self.fraction(start, at),
            b'e' | b'E' => self.odd_number(start),
            _ if is_negative && integer == 0 => self.odd_number(start),
            _ => {
                let integer = if is_negative { -integer } else { integer };
                self.push(Value::Number(integer as f64))?;
                Some(at)
            }
        }
    }

    /// Reads a number with a point at `point`, which begins as a canonical text does.
    fn fraction(&mut self, start: usize, point: usize) -> Option<usize> {
        /// With so many digits behind the point jq prints no exponent.
        const PLAIN: usize = 6;
        let mut end = point + 1;
        while digit(self.byte(end)).is_some() {
            end += 1;
        }
        let decimals = end - point - 1;
        let is_canonical = 0 < decimals && (decimals <= PLAIN || self.byte(point - 1) != b'0');
        if !is_canonical || matches!(self.byte(end), b'e' | b'E') {
            return self.odd_number(start);
        }
        self.canonical_number(start, end)
    }

    /// A number that is written as jq writes it.
    fn canonical_number(&mut self, start: usize, end: usize) -> Option<usize> {
        let number = if self.is_own {
            let (len, start) = ((end - start) as u32, start as u32);
            Value::Literal { origin: Origin::Document, len, start, block: 0 }
        } else {
            self.heap.literal(&self.document[start..end]).ok()?
        };
        self.push(number)?;
        Some(end)
    }

    #[inline(never)]
    fn odd_number(&mut self, start: usize) -> Option<usize> {
        let end = self.odd_number_end(start)?;
        let number = match number::from_literal(&self.document[start..end]) {
            Parsed::Literal(Cow::Borrowed(_)) => return self.canonical_number(start, end),
            Parsed::Literal(Cow::Owned(text)) => self.heap.literal(&text).ok()?,
            Parsed::Double(double) => Value::Number(double),
        };
        self.odd_end = self.odd_end.max(end);
        self.push(number)?;
        Some(end)
    }
}

/// The value of a digit.
#[inline(always)]
fn digit(byte: u8) -> Option<i64> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(i64::from(digit))
}
