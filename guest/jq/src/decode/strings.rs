//! Strings in a document.

use alloc::vec::Vec;

use super::{DELETE, Decoder};
use crate::text;
use crate::text::window::{self, WINDOW, window};
use crate::value::{Origin, SHORT_MAX, Value};

impl Decoder<'_, '_, '_> {
    /// Reads a string, with its quotes.
    #[inline(always)]
    pub(super) fn string(&mut self, at: usize) -> Option<usize> {
        let start = at + 1;
        if let Some(window) = window(self.document, start) {
            let len = window::plain_len(window);
            self.is_beyond_ascii |= window::has_high_bit(window);
            if len <= SHORT_MAX && window[len] == b'"' {
                self.push(Value::Short { len: len as u8, bytes: window::short(window, len) })?;
                return Some(start + len + 1);
            }
        }
        self.long_string(start)
    }

    #[inline(never)]
    fn long_string(&mut self, start: usize) -> Option<usize> {
        match self.plain_end(start) {
            Some(end) => self.plain_string(start, end),
            None => self.odd_string(start),
        }
    }

    /// The offset of the quote that ends a string. None if the string has escapes, or ends near the end of the document.
    #[inline(always)]
    pub(super) fn plain_end(&mut self, start: usize) -> Option<usize> {
        let mut end = start;
        while let Some(window) = window(self.document, end) {
            let len = window::plain_len(window);
            self.is_beyond_ascii |= window::has_high_bit(window);
            end += len;
            if len < WINDOW {
                return (window[len] == b'"').then_some(end);
            }
        }
        None
    }

    /// Reads a string with escapes, or near the end of the document.
    #[inline(never)]
    fn odd_string(&mut self, start: usize) -> Option<usize> {
        let (has_escapes, end) = self.odd_text(start)?;
        let raw = &self.document[start..end - 1];
        if !has_escapes {
            if !raw.contains(&DELETE) {
                return self.plain_string(start, end - 1);
            }
            self.unescaped.clear();
            self.unescaped.try_reserve(raw.len()).ok()?;
            self.unescaped.extend_from_slice(raw);
        }
        self.odd_strings += 1;
        // Of the ways to escape a character jq prints one.
        let mut printed = Vec::new();
        text::write_json_string(&self.unescaped, &mut printed);
        if printed.get(1..printed.len() - 1) != Some(raw) {
            self.odd_end = self.odd_end.max(end);
        }
        let string = self.heap.string(&self.unescaped).ok()?;
        self.push(string)?;
        Some(end)
    }

    /// A string of which JSON text escapes nothing.
    #[inline(always)]
    fn plain_string(&mut self, start: usize, end: usize) -> Option<usize> {
        let string = if !self.is_own {
            self.heap.string(&self.document[start..end]).ok()?
        } else if let Some(short) = Value::short_at(self.document, start, end - start) {
            short
        } else {
            let (len, start) = ((end - start) as u32, start as u32);
            Value::Text { origin: Origin::Document, len, start, block: 0 }
        };
        self.push(string)?;
        Some(end + 1)
    }
}
