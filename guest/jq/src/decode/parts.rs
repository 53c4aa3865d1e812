//! Reads as much of a document as the program looks at.

use super::check::end_of;
use super::keys::{may_repeat, object_with_repeated_keys};
use super::known_key::{KnownKey, NONE};
use super::{DELETE, DecodeError, Decoder, Open};
use crate::heap::Heap;
use crate::plan::demand::{Demand, Fields, Part};
use crate::text::window::{self, window};
use crate::value::{SHORT_MAX, Value};

/// The most keys of an object that are kept.
const SHAPE_LEN: usize = 16;

impl Decoder<'_, '_, '_> {
    /// Reads so much of a value. It recurses on the demand, which does not nest deep.
    pub(super) fn demanded(&mut self, at: usize, demand: &Demand) -> Option<usize> {
        let Demand::Parts { array, object } = demand else {
            let end = self.check(at)?;
            self.push(Value::Null)?;
            return Some(end);
        };
        let (part, empty) = match self.byte(at) {
            b'{' => (object, Value::EMPTY_OBJECT),
            b'[' => (array, Value::EMPTY_ARRAY),
            b'"' => return self.string(at),
            _ => return self.value(at),
        };
        match part {
            Part::Whole => self.value(at),
            Part::Kind => {
                let end = self.check(at)?;
                self.push(empty)?;
                Some(end)
            }
            Part::Fields(_) | Part::Each(_) => self.part(at, part, empty),
        }
    }

    /// Reads a part of a container.
    fn part(&mut self, start: usize, part: &Part, empty: Value) -> Option<usize> {
        let bracket = self.byte(start);
        if self.outer.len() >= self.depth_max {
            return self.fail_with(DecodeError::Depth(start));
        }
        let at = self.spaces(start + 1);
        if self.byte(at) == end_of(bracket) {
            self.inner.levels = self.inner.levels.max(2);
            self.push(empty)?;
            return Some(at + 1);
        }
        self.open_part(bracket == b'{', start)?;
        let end = match part {
            Part::Fields(fields) => {
                let mut seen = 0;
                let mut place = 0;
                let end = self.each_part(at, bracket, |decoder, at| {
                    place += 1;
                    decoder.field(at, fields, place - 1, &mut seen)
                })?;
                // No two keys are equal.
                self.inner.is_alike = true;
                end
            }
            Part::Each(each) => self.each_part(at, bracket, |decoder, at| {
                let mut at = at;
                if bracket == b'{' {
                    at = decoder.key(at)?;
                    at = decoder.spaces(at);
                }
                decoder.demanded(at, each)
            })?,
            Part::Kind | Part::Whole => unreachable!("these are read otherwise"),
        };
        self.close_part()?;
        Some(end)
    }

    #[inline(never)]
    fn open_part(&mut self, is_object: bool, start: usize) -> Option<()> {
        self.open(is_object, start)
    }

    /// Closes the innermost container. The document does not have what was read of it.
    fn close_part(&mut self) -> Option<()> {
        let Open { base, is_object, levels, is_alike, .. } = self.inner;
        self.inner = self.outer.pop()?;
        self.inner.levels = self.inner.levels.max(levels + 1);
        let cells = &self.stack[base..];
        let value = if is_object && !is_alike && do_repeat(self.heap, cells) {
            object_with_repeated_keys(self.heap, cells)
        } else {
            self.heap.container(is_object, cells, levels > 1)
        };
        self.stack.truncate(base);
        self.push(value.ok()?)
    }

    /// Calls a function at each element or member.
    #[inline(always)]
    fn each_part(
        &mut self,
        start: usize,
        bracket: u8,
        mut read: impl FnMut(&mut Self, usize) -> Option<usize>,
    ) -> Option<usize> {
        let mut at = start;
        loop {
            at = read(self, at)?;
            at = self.spaces(at);
            match self.byte(at) {
                b',' => at = self.spaces(at + 1),
                byte if byte == end_of(bracket) => return Some(at + 1),
                _ => return self.fail(at),
            }
        }
    }

    /// Reads a member of an object, if its key is one of these.
    #[inline(always)]
    fn field(&mut self, at: usize, fields: &Fields, place: usize, seen: &mut u64) -> Option<usize> {
        let (field, end) = self.field_key(at, fields, place)?;
        let at = self.colon(end)?;
        let Some((key, demand)) = fields.entries.get(usize::from(field)) else {
            return if self.byte(at) == b'"' { self.check_string(at + 1) } else { self.check(at) };
        };
        let bit = 1 << field;
        if *seen & bit != 0 {
            return self.field_again(at, key, demand);
        }
        *seen |= bit;
        self.push(*key)?;
        self.demanded(at, demand)
    }

    /// The last value of a key wins, at the place of the first.
    #[cold]
    fn field_again(&mut self, at: usize, key: &Value, demand: &Demand) -> Option<usize> {
        let end = self.demanded(at, demand)?;
        let value = self.stack.pop()?;
        let heap = &self.heap;
        let mut entries = self.stack[self.inner.base..].chunks_exact_mut(2);
        let entry = entries.find(|entry| heap.is_equal_string(&entry[0], key));
        entry.expect("the key was read before")[1] = value;
        Some(end)
    }

    /// The field that the key names, and the end of the key.
    #[inline(always)]
    fn field_key(&mut self, at: usize, fields: &Fields, place: usize) -> Option<(u8, usize)> {
        if self.byte(at) != b'"' {
            return self.fail(at);
        }
        let start = at + 1;
        let Some(window) = window(self.document, start) else {
            return self.long_field_key(start, fields);
        };
        let place = fields
            .shape
            .filter(|_| place < SHAPE_LEN)
            .map(|shape| usize::from(shape) * SHAPE_LEN + place);
        if let Some(place) = place
            && let Some(KnownKey { bytes, len, field }) = self.shapes.get(place)
            && usize::from(*len) <= SHORT_MAX
            && window[usize::from(*len)] == b'"'
            && window::starts_with(window, bytes, usize::from(*len))
        {
            return Some((*field, start + usize::from(*len) + 1));
        }
        let len = window::plain_len(window);
        self.is_beyond_ascii |= window::has_high_bit(window);
        if len > SHORT_MAX || window[len] != b'"' {
            return self.long_field_key(start, fields);
        }
        let short = window::short(window, len);
        let field = fields.entries.iter().position(|(key, _)| {
            matches!(key, Value::Short { len: n, bytes } if usize::from(*n) == len && *bytes == short)
        });
        let field = field.map_or(NONE, |field| field as u8);
        // The first object may be the only one.
        if let (Some(place), Value::Object { .. }) = (place, self.inner.before) {
            self.learn(place, KnownKey { bytes: short, len: len as u8, field })?;
        }
        Some((field, start + len + 1))
    }

    #[inline(never)]
    fn long_field_key(&mut self, start: usize, fields: &Fields) -> Option<(u8, usize)> {
        let end = self.check_long_string(start)?;
        let raw = &self.document[start..end - 1];
        let has_escapes = raw.contains(&b'\\');
        let text = if has_escapes { &self.unescaped[..] } else { raw };
        let field = fields.entries.iter().position(|(key, _)| self.heap.bytes(key) == text);
        if field.is_some() && (has_escapes || text.contains(&DELETE)) {
            self.has_odd_keys = true;
        }
        Some((field.map_or(NONE, |field| field as u8), end))
    }

    /// Keeps a key for the objects that follow.
    fn learn(&mut self, place: usize, key: KnownKey) -> Option<()> {
        if place >= self.shapes.len() {
            const UNKNOWN: KnownKey = KnownKey { bytes: [0; SHORT_MAX], len: NONE, field: NONE };
            let len = (place / SHAPE_LEN + 1) * SHAPE_LEN;
            self.shapes.try_reserve(len - self.shapes.len()).ok()?;
            self.shapes.resize(len, UNKNOWN);
        }
        self.shapes[place] = key;
        Some(())
    }
}

/// The check for objects of which parts are read, out of the way of the others.
#[inline(never)]
fn do_repeat(heap: &Heap<'_>, cells: &[Value]) -> bool {
    may_repeat(heap, cells)
}
