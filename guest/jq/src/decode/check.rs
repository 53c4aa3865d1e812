//! What nobody looks at is checked, but not read: the same faults are found at the same places.

use super::{DecodeError, Decoder};
use crate::number;
use crate::text;
use crate::text::window::{self, WINDOW, window};

impl Decoder<'_, '_, '_> {
    /// Checks a value.
    pub(super) fn check(&mut self, start: usize) -> Option<usize> {
        let mut at = start;
        loop {
            at = match self.byte(at) {
                b'"' => self.check_string(at + 1)?,
                b'-' | b'0'..=b'9' => self.check_number(at)?,
                bracket @ (b'{' | b'[') => {
                    if self.outer.len() + self.checked.len() >= self.depth_max {
                        return self.fail_with(DecodeError::Depth(at));
                    }
                    at = self.spaces(at + 1);
                    if self.byte(at) != end_of(bracket) {
                        self.checked.try_reserve(1).ok()?;
                        self.checked.push(bracket);
                        if bracket == b'{' {
                            at = self.check_key(at)?;
                        }
                        continue;
                    }
                    at + 1
                }
                b't' => self.check_word(at, b"true")?,
                b'f' => self.check_word(at, b"false")?,
                b'n' => self.check_word(at, b"null")?,
                _ => return self.fail(at),
            };
            // The value is complete, and maybe containers that hold it.
            loop {
                let Some(&bracket) = self.checked.last() else { return Some(at) };
                at = self.spaces(at);
                let byte = self.byte(at);
                if byte == b',' {
                    at = self.spaces(at + 1);
                    if bracket == b'{' {
                        at = self.check_key(at)?;
                    }
                    break;
                }
                if byte != end_of(bracket) {
                    return self.fail(at);
                }
                at += 1;
                self.checked.pop();
            }
        }
    }

    /// Checks a key, and what is between it and its value.
    #[inline(always)]
    fn check_key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at) != b'"' {
            return self.fail(at);
        }
        let end = self.check_string(at + 1)?;
        self.colon(end)
    }

    /// Passes over the colon behind a key, and the space around it.
    #[inline(always)]
    pub(super) fn colon(&mut self, at: usize) -> Option<usize> {
        let at = self.spaces(at);
        if self.byte(at) != b':' {
            return self.fail(at);
        }
        Some(self.spaces(at + 1))
    }

    /// Checks a string that starts behind its quote.
    #[inline(always)]
    pub(super) fn check_string(&mut self, start: usize) -> Option<usize> {
        if let Some(window) = window(self.document, start) {
            let len = window::plain_len(window);
            self.is_beyond_ascii |= window::has_high_bit(window);
            if len < WINDOW && window[len] == b'"' {
                return Some(start + len + 1);
            }
        }
        self.check_long_string(start)
    }

    /// The same. If the string has escapes, its text is `unescaped`.
    #[inline(never)]
    pub(super) fn check_long_string(&mut self, start: usize) -> Option<usize> {
        match self.plain_end(start) {
            Some(end) => Some(end + 1),
            None => self.check_odd_string(start),
        }
    }

    #[inline(never)]
    fn check_odd_string(&mut self, start: usize) -> Option<usize> {
        let (_, end) = self.odd_text(start)?;
        Some(end)
    }

    /// The text of a string with escapes, or near the end of the document. If it has escapes, the text is `unescaped`.
    #[inline(always)]
    pub(super) fn odd_text(&mut self, start: usize) -> Option<(bool, usize)> {
        let scanned = match text::scan_string(self.document, start) {
            Ok(scanned) => scanned,
            Err(fault) => {
                self.is_beyond_ascii = true;
                return self.fail(fault.at);
            }
        };
        self.is_beyond_ascii |= !scanned.raw.is_ascii();
        if scanned.has_escapes {
            self.unescaped.clear();
            self.unescaped.try_reserve(scanned.raw.len()).ok()?;
            if let Err(fault) = text::unescape(scanned.raw, &mut self.unescaped) {
                return self.fail(start + fault.at);
            }
        }
        Some((scanned.has_escapes, scanned.end))
    }

    /// Checks a number.
    #[inline(always)]
    fn check_number(&mut self, start: usize) -> Option<usize> {
        let first = start + usize::from(self.byte(start) == b'-');
        let mut end = self.digits(first);
        let is_canonical = end == first + 1 || self.byte(first) != b'0';
        if end == first || !is_canonical {
            return self.odd_number_end(start);
        }
        if self.byte(end) == b'.' {
            let point = end;
            end = self.digits(point + 1);
            if end == point + 1 {
                return self.odd_number_end(start);
            }
        }
        if matches!(self.byte(end), b'e' | b'E') {
            return self.odd_number_end(start);
        }
        Some(end)
    }

    #[inline(always)]
    fn digits(&self, start: usize) -> usize {
        let mut at = start;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        at
    }

    /// The end of a number of any form.
    #[inline(never)]
    pub(super) fn odd_number_end(&mut self, start: usize) -> Option<usize> {
        let Some(len) = number::scan(&self.document[start..]) else { return self.fail(start) };
        let end = start + len;
        // A zero in front of more digits ends the number there, and what follows is not JSON.
        if self.byte(end).is_ascii_alphanumeric() || self.byte(end) == b'.' {
            return self.fail(end);
        }
        Some(end)
    }

    /// Checks one of the words of JSON.
    pub(super) fn check_word(&mut self, start: usize, word: &[u8]) -> Option<usize> {
        let mut at = start;
        for byte in word {
            if self.byte(at) != *byte {
                return self.fail(at);
            }
            at += 1;
        }
        Some(at)
    }
}

/// The bracket that ends a container.
#[inline(always)]
pub(super) fn end_of(bracket: u8) -> u8 {
    if bracket == b'{' { b'}' } else { b']' }
}
