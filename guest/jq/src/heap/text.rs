//! Strings, and the digits of literals.

use alloc::vec::Vec;

use super::{Full, Heap, header};
use crate::text::window;
use crate::value::{BlockKind, Origin, SHORT_MAX, Sharing, Value};

/// The least room behind a string that grows, in bytes.
const ROOM_FIRST: usize = 32;

impl Heap<'_> {
    /// The bytes of a string or a literal. They are UTF-8.
    #[inline]
    pub(crate) fn bytes<'v>(&'v self, value: &'v Value) -> &'v [u8] {
        match value {
            Value::Short { len, bytes } => &bytes[..*len as usize],
            Value::Text { origin, len, start, .. } | Value::Literal { origin, len, start, .. } => {
                &self.source(*origin)[*start as usize..][..*len as usize]
            }
            _ => &[],
        }
    }

    /// Appends the bytes of a string or a literal.
    #[inline]
    pub(crate) fn append_bytes(&self, value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Text { origin, len, start, .. } | Value::Literal { origin, len, start, .. } => {
                window::append(out, self.source(*origin), *start as usize, *len as usize);
            }
            _ => out.extend_from_slice(self.bytes(value)),
        }
    }

    /// A string as text.
    pub(crate) fn str<'v>(&'v self, value: &'v Value) -> &'v str {
        core::str::from_utf8(self.bytes(value)).expect("strings are UTF-8")
    }

    /// Whether two strings are equal.
    #[inline]
    pub(crate) fn is_equal_string(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Short { len: n, bytes: a }, Value::Short { len: m, bytes: b }) => {
                n == m && a == b
            }
            (Value::Text { len: n, .. }, Value::Text { len: m, .. }) => {
                n == m && self.bytes(a) == self.bytes(b)
            }
            _ => false,
        }
    }

    /// A string of these bytes.
    pub(crate) fn string(&mut self, text: &[u8]) -> Result<Value, Full> {
        match Value::short(text) {
            Some(short) => Ok(short),
            None => self.text_block(&[text], 0),
        }
    }

    /// A number that keeps its digits.
    pub(crate) fn literal(&mut self, digits: &[u8]) -> Result<Value, Full> {
        Ok(match self.text_block(&[digits], 0)? {
            Value::Text { origin, len, start, block } => {
                Value::Literal { origin, len, start, block }
            }
            other => other,
        })
    }

    fn text_block(&mut self, pieces: &[&[u8]], room: usize) -> Result<Value, Full> {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (block, start) = self.new_text(len, len + room)?;
        let mut at = start;
        for piece in pieces {
            self.text[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        Ok(Value::Text { origin: Origin::Heap, len: len as u32, start: start as u32, block })
    }

    fn new_text(&mut self, len: usize, capacity: usize) -> Result<(u32, usize), Full> {
        let start = self.text.len();
        self.reserve_text(capacity)?;
        self.reserve_cells(1)?;
        self.text.resize(start + capacity, 0);
        let block = self.cells.len() as u32;
        let (capacity, len) = (capacity as u32, len as u32);
        self.cells.push(header(BlockKind::Text, Sharing::Shared, capacity, len, start as u32));
        Ok((block, start))
    }

    fn reserve_text(&mut self, additional: usize) -> Result<(), Full> {
        if self.text.capacity() - self.text.len() >= additional {
            return Ok(());
        }
        let room = self.limit.saturating_sub(self.len());
        if additional > room || u32::try_from(self.text.len() + additional).is_err() {
            return Err(Full);
        }
        let wanted = additional.max(self.text.len() / 2).min(room);
        self.text.try_reserve_exact(wanted).map_err(|_| Full)
    }

    /// Both strings, one behind the other: in place if there is room behind the first.
    pub(crate) fn concat(&mut self, first: Value, second: Value) -> Result<Value, Full> {
        let (n, m) = (self.bytes(&first).len(), self.bytes(&second).len());
        if m == 0 {
            return Ok(first);
        }
        if n == 0 {
            return Ok(second);
        }
        if n + m <= SHORT_MAX {
            let mut both = [0; SHORT_MAX];
            both[..n].copy_from_slice(self.bytes(&first));
            both[n..n + m].copy_from_slice(self.bytes(&second));
            return Ok(Value::Short { len: (n + m) as u8, bytes: both });
        }
        if let Value::Text { origin: Origin::Heap, len, start, block } = first
            && let Value::Block { extra, .. } = self.cells[block as usize]
            && self.take_room(block, start + len - extra, m as u32)
        {
            self.put(start as usize + n, &second);
            return Ok(Value::Text { origin: Origin::Heap, len: len + m as u32, start, block });
        }
        // A first concatenation is often the only one: no room is left behind a string that did not grow yet.
        let grows = matches!(first, Value::Text { origin: Origin::Heap, .. });
        let room = if grows { n.max(ROOM_FIRST) } else { 0 };
        let (block, start) = self.new_text(n + m, n + m + room)?;
        self.put(start, &first);
        self.put(start + n, &second);
        Ok(Value::Text { origin: Origin::Heap, len: (n + m) as u32, start: start as u32, block })
    }

    /// Copies a string to a place in the text.
    fn put(&mut self, at: usize, string: &Value) {
        match *string {
            Value::Short { len, bytes } => {
                let len = len as usize;
                self.text[at..at + len].copy_from_slice(&bytes[..len]);
            }
            Value::Text { origin: Origin::Heap, len, start, .. } => {
                self.text.copy_within(start as usize..(start + len) as usize, at);
            }
            Value::Text { origin, len, start, .. } => {
                let source =
                    if origin == Origin::Document { self.document } else { self.constants };
                let (start, len) = (start as usize, len as usize);
                self.text[at..at + len].copy_from_slice(&source[start..start + len]);
            }
            _ => {}
        }
    }

    /// The bytes `from..to` of a string, which must be character boundaries. It shares the string's block.
    pub(crate) fn substring(&self, string: Value, from: usize, to: usize) -> Value {
        if let Value::Text { origin, start, block, .. } = string {
            let at = start as usize + from;
            return Value::short_at(self.source(origin), at, to - from).unwrap_or(Value::Text {
                origin,
                len: (to - from) as u32,
                start: at as u32,
                block,
            });
        }
        Value::short(&self.bytes(&string)[from..to]).unwrap_or(Value::EMPTY_STRING)
    }
}
