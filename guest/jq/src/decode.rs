//! Reads a JSON document into the heap: RFC 8259, strictly, without recursion.
//!
//! Strings without escapes stay in the document, and so do numbers that a double does not print as they are written.

mod check;
mod keys;
mod known_key;
pub(crate) mod message;
mod numbers;
mod parts;
mod strings;

use alloc::vec::Vec;

use crate::heap::Heap;
use crate::plan::demand::Demand;
use crate::text::window::{self, window};
use crate::value::Value;
use keys::may_repeat;
pub(crate) use keys::object_with_repeated_keys;
use known_key::KnownKey;

/// A character that jq prints with an escape, although JSON does not ask for one.
const DELETE: u8 = 0x7F;

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// What is at this byte is not JSON, or the document ends there.
    Syntax(usize),
    /// It nests deeper than the limit at this byte.
    Depth(usize),
    Full,
}

/// A container that is not closed yet.
#[derive(Clone, Copy)]
struct Open {
    /// Where its values start on the stack.
    base: usize,
    is_object: bool,
    /// The offset of its bracket.
    start: usize,
    /// How many arrays and objects nest in it, with itself.
    levels: usize,
    /// The container before it at the same place, of which it may be a repetition: records are alike. Or `null`.
    before: Value,
    /// Whether its keys are those of `before` so far. Then no two of them are equal.
    is_alike: bool,
}

struct Decoder<'d, 'h, 'r> {
    heap: &'h mut Heap<'r>,
    document: &'d [u8],
    stack: Vec<Value>,
    /// The innermost container. At the end it is what holds the document.
    inner: Open,
    /// Those around it.
    outer: Vec<Open>,
    depth_max: usize,
    /// Whether strings may be left in the document: it is the heap's.
    is_own: bool,
    /// How many strings have something that JSON text escapes.
    odd_strings: usize,
    /// Whether one of them is a key. Then no key is compared with one of an object before.
    has_odd_keys: bool,
    /// The offset behind the last part that is not printed as it is written here: space, escapes, odd numbers.
    odd_end: usize,
    /// Whether there may be something else than ASCII in a string.
    is_beyond_ascii: bool,
    /// Why it has failed. Its functions give `None` then.
    fault: DecodeError,
    /// A string without its escapes.
    unescaped: Vec<u8>,
    /// The brackets of the containers that are only checked.
    checked: Vec<u8>,
    /// The keys of the objects of which parts are read, so many for each shape.
    shapes: Vec<KnownKey>,
}

/// Reads so much of the document of the run.
pub(crate) fn document<'r>(
    heap: &mut Heap<'r>,
    document: &'r [u8],
    demand: &Demand,
    stack: &mut Vec<Value>,
    depth_max: usize,
) -> Result<Value, DecodeError> {
    decode(heap, document, demand, stack, depth_max, true)
}

/// Reads a text that does not outlive the call, for `fromjson`.
pub(crate) fn text(
    heap: &mut Heap<'_>,
    document: &[u8],
    stack: &mut Vec<Value>,
    depth_max: usize,
) -> Result<Value, DecodeError> {
    decode(heap, document, &Demand::WHOLE, stack, depth_max, false)
}

fn decode(
    heap: &mut Heap<'_>,
    document: &[u8],
    demand: &Demand,
    stack: &mut Vec<Value>,
    depth_max: usize,
    is_own: bool,
) -> Result<Value, DecodeError> {
    /// Some tools write it in front of a document. RFC 8259 lets a reader pass over it.
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let base = stack.len();
    let before = Value::Null;
    let mut decoder = Decoder {
        heap,
        document,
        stack: core::mem::take(stack),
        inner: Open { base, is_object: false, start: 0, levels: 0, before, is_alike: false },
        outer: Vec::new(),
        depth_max,
        is_own,
        // A text that does not outlive the call is not copied from.
        odd_end: if is_own { 0 } else { usize::MAX },
        odd_strings: 0,
        has_odd_keys: false,
        is_beyond_ascii: false,
        fault: DecodeError::Full,
        unescaped: Vec::new(),
        checked: Vec::new(),
        shapes: Vec::new(),
    };
    let start = if document.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut result = match decoder.run(start, demand) {
        Some(()) => Ok(decoder.stack[base]),
        None => Err(decoder.fault),
    };
    if decoder.is_beyond_ascii
        && let Err(fault) = core::str::from_utf8(document)
    {
        let at = fault.valid_up_to();
        let is_first = match result {
            Err(DecodeError::Syntax(other) | DecodeError::Depth(other)) => at < other,
            _ => true,
        };
        if is_first {
            result = Err(DecodeError::Syntax(at));
        }
    }
    *stack = decoder.stack;
    stack.truncate(base);
    result
}

/// Functions that read something take the offset where it starts, and give the offset behind it. What they read is on
/// the stack then.
impl Decoder<'_, '_, '_> {
    /// Reads so much of the document.
    #[inline(always)]
    fn run(&mut self, start: usize, demand: &Demand) -> Option<()> {
        let at = self.spaces(start);
        let at = if demand.is_whole() { self.value(at)? } else { self.demanded(at, demand)? };
        let at = self.spaces(at);
        if at == self.document.len() { Some(()) } else { self.fail(at) }
    }

    /// Reads a whole value.
    fn value(&mut self, start: usize) -> Option<usize> {
        let floor = self.outer.len();
        let mut at = start;
        loop {
            at = self.spaces(at);
            at = match self.byte(at) {
                b'"' => self.string(at)?,
                b'-' | b'0'..=b'9' => self.number(at)?,
                byte @ (b'{' | b'[') => {
                    let is_object = byte == b'{';
                    let end = if is_object { b'}' } else { b']' };
                    if self.outer.len() >= self.depth_max {
                        return self.fail_with(DecodeError::Depth(at));
                    }
                    let start = at;
                    at = self.spaces(at + 1);
                    if self.byte(at) != end {
                        self.open(is_object, start)?;
                        if is_object {
                            at = self.key(at)?;
                        }
                        continue;
                    }
                    self.inner.levels = self.inner.levels.max(2);
                    self.push(if is_object { Value::EMPTY_OBJECT } else { Value::EMPTY_ARRAY })?;
                    at + 1
                }
                b't' => self.word(at, b"true", Value::True)?,
                b'f' => self.word(at, b"false", Value::False)?,
                b'n' => self.word(at, b"null", Value::Null)?,
                _ => return self.fail(at),
            };
            // The value is complete, and maybe containers that hold it.
            loop {
                if self.outer.len() == floor {
                    return Some(at);
                }
                at = self.spaces(at);
                let is_object = self.inner.is_object;
                match self.byte(at) {
                    b',' => {
                        at += 1;
                        if is_object {
                            at = self.spaces(at);
                            at = self.key(at)?;
                        }
                        break;
                    }
                    b'}' if is_object => {}
                    b']' if !is_object => {}
                    _ => return self.fail(at),
                }
                at += 1;
                self.close(at)?;
            }
        }
    }

    /// What is at this offset is not JSON.
    #[cold]
    fn fail<T>(&mut self, at: usize) -> Option<T> {
        self.fail_with(DecodeError::Syntax(at))
    }

    #[cold]
    fn fail_with<T>(&mut self, fault: DecodeError) -> Option<T> {
        self.fault = fault;
        None
    }

    /// The byte at an offset, or 0, which no JSON text has, behind the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.document.get(at).copied().unwrap_or(0)
    }

    /// The offset behind white space.
    ///
    /// Most texts have none, or one space. A loop costs a guest more than its steps, since each turn asks for the time.
    #[inline(always)]
    fn spaces(&mut self, at: usize) -> usize {
        if self.byte(at) > b' ' {
            return at;
        }
        self.odd_end = self.odd_end.max(at + 1);
        if self.byte(at + 1) > b' ' && is_space(self.byte(at)) {
            return at + 1;
        }
        self.more_spaces(at)
    }

    #[inline(never)]
    fn more_spaces(&self, mut at: usize) -> usize {
        while is_space(self.byte(at)) {
            at += 1;
        }
        at
    }

    /// Opens a container.
    #[inline(always)]
    fn open(&mut self, is_object: bool, start: usize) -> Option<()> {
        let base = self.stack.len();
        let before = self.before();
        let is_alike = matches!(before, Value::Object { .. });
        self.outer.try_reserve(1).ok()?;
        self.outer.push(self.inner);
        self.inner = Open { base, is_object, start, levels: 1, before, is_alike };
        Some(())
    }

    /// The value before the one that begins: the element before it, or what stands at its place in the container
    /// before its own.
    #[inline(always)]
    fn before(&self) -> Value {
        let Open { base, is_object, before, .. } = self.inner;
        let at = self.stack.len() - base;
        if !is_object && at > 0 {
            return self.stack[base + at - 1];
        }
        self.heap.cells(before).get(at).copied().unwrap_or(Value::Null)
    }

    /// Reads a key, and the colon.
    #[inline(always)]
    fn key(&mut self, at: usize) -> Option<usize> {
        let end = if self.inner.is_alike { self.key_before(at)? } else { 0 };
        let end = if end == 0 { self.new_key(at)? } else { end };
        let end = self.spaces(end);
        if self.byte(end) != b':' {
            return self.fail(end);
        }
        Some(end + 1)
    }

    #[inline(never)]
    fn new_key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at) != b'"' {
            return self.fail(at);
        }
        self.inner.is_alike = false;
        let before = self.odd_strings;
        let end = self.string(at)?;
        self.has_odd_keys |= self.odd_strings > before;
        Some(end)
    }

    /// Reads the key that the object before has at this place. Gives 0 if it is not here.
    #[inline(always)]
    fn key_before(&mut self, at: usize) -> Option<usize> {
        let cell = self.stack.len() - self.inner.base;
        let Some(&key) = self.heap.cells(self.inner.before).get(cell) else { return Some(0) };
        if self.byte(at) != b'"' || self.has_odd_keys {
            return Some(0);
        }
        let start = at + 1;
        let Value::Short { len, bytes } = key else { return self.long_key_before(start, key) };
        let len = usize::from(len);
        match window(self.document, start) {
            Some(window) if window[len] == b'"' && window::starts_with(window, &bytes, len) => {
                self.push(key)?;
                Some(start + len + 1)
            }
            _ => Some(0),
        }
    }

    #[inline(never)]
    fn long_key_before(&mut self, start: usize, key: Value) -> Option<usize> {
        let bytes = self.heap.bytes(&key);
        let end = start + bytes.len();
        if self.document.get(start..end) != Some(bytes) || self.byte(end) != b'"' {
            return Some(0);
        }
        self.push(key)?;
        Some(end + 1)
    }

    #[inline(always)]
    fn push(&mut self, value: Value) -> Option<()> {
        if self.stack.len() == self.stack.capacity() {
            self.grow_stack()?;
        }
        self.stack.push(value);
        Some(())
    }

    #[cold]
    fn grow_stack(&mut self) -> Option<()> {
        self.stack.try_reserve(self.stack.len() / 2 + 64).ok()
    }

    /// Closes the innermost container, which ends in front of this offset.
    #[inline(always)]
    fn close(&mut self, end: usize) -> Option<()> {
        let Open { base, is_object, start, levels, is_alike, .. } = self.inner;
        self.inner = self.outer.pop()?;
        self.inner.levels = self.inner.levels.max(levels + 1);
        let cells = &self.stack[base..];
        let value = if is_object && !is_alike && may_repeat(self.heap, cells) {
            self.odd_end = self.odd_end.max(end);
            object_with_repeated_keys(self.heap, cells)
        } else if self.odd_end <= start {
            self.heap.document_container(is_object, cells, start..end, levels)
        } else {
            self.heap.container(is_object, cells, levels > 1)
        };
        self.stack.truncate(base);
        self.push(value.ok()?)
    }

    fn word(&mut self, start: usize, word: &[u8], value: Value) -> Option<usize> {
        let end = self.check_word(start, word)?;
        self.push(value)?;
        Some(end)
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
}
