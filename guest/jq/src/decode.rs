//! Reads a JSON document into the heap: RFC 8259, strictly, without recursion.
//!
//! Strings without escapes stay in the document, and so do numbers that a double does not print as they are written.

pub(crate) mod message;

use alloc::vec::Vec;

use crate::heap::{Full, Heap, SCANNED_MAX};
use crate::number;
use crate::text;
use crate::value::{Origin, Value};

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// What is at this byte is not JSON, or the document ends there.
    Syntax(usize),
    /// It nests deeper than the limit at this byte.
    Depth(usize),
    Full,
}

/// A container that is not closed yet. Its values are on the stack from `base`.
struct Open {
    base: u32,
    is_object: bool,
    /// A bit for each key, by a cheap hash.
    keys: [u64; BLOOM_WORDS],
    may_repeat: bool,
}

struct Decoder<'d, 'h, 'r> {
    heap: &'h mut Heap<'r>,
    document: &'d [u8],
    at: usize,
    stack: &'h mut Vec<Value>,
    base: usize,
    open: Vec<Open>,
    depth_max: usize,
    /// Whether strings may be left in the document: it is the heap's.
    is_own: bool,
}

/// Reads the document of the run.
pub(crate) fn document<'r>(
    heap: &mut Heap<'r>,
    document: &'r [u8],
    stack: &mut Vec<Value>,
    depth_max: usize,
) -> Result<Value, DecodeError> {
    decode(heap, document, stack, depth_max, true)
}

/// Reads a text that does not outlive the call, for `fromjson`.
pub(crate) fn text(
    heap: &mut Heap<'_>,
    document: &[u8],
    stack: &mut Vec<Value>,
    depth_max: usize,
) -> Result<Value, DecodeError> {
    decode(heap, document, stack, depth_max, false)
}

fn decode(
    heap: &mut Heap<'_>,
    document: &[u8],
    stack: &mut Vec<Value>,
    depth_max: usize,
    is_own: bool,
) -> Result<Value, DecodeError> {
    if let Err(error) = core::str::from_utf8(document) {
        return Err(DecodeError::Syntax(error.valid_up_to()));
    }
    let base = stack.len();
    /// Some tools write it in front of a document. RFC 8259 lets a reader pass over it.
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let at = if document.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut decoder =
        Decoder { heap, document, at, stack, base, open: Vec::new(), depth_max, is_own };
    let result = decoder.run();
    stack.truncate(base);
    result
}

impl Decoder<'_, '_, '_> {
    fn run(&mut self) -> Result<Value, DecodeError> {
        loop {
            let byte = self.next_byte()?;
            let value = match byte {
                b'{' | b'[' => {
                    if let Some(empty) = self.begin(byte == b'{')? {
                        empty
                    } else {
                        continue;
                    }
                }
                _ => self.scalar(byte)?,
            };
            if let Some(whole) = self.complete(value)? {
                return match self.peek() {
                    None => Ok(whole),
                    Some(_) => self.fail(),
                };
            }
        }
    }

    fn fail<T>(&self) -> Result<T, DecodeError> {
        Err(DecodeError::Syntax(self.at))
    }

    /// The next byte that is not white space. It is not consumed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.document.get(self.at)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    #[inline]
    fn next_byte(&mut self) -> Result<u8, DecodeError> {
        match self.peek() {
            Some(byte) => Ok(byte),
            None => self.fail(),
        }
    }

    /// Opens a container. Gives it if it is empty.
    fn begin(&mut self, is_object: bool) -> Result<Option<Value>, DecodeError> {
        if self.open.len() >= self.depth_max {
            return Err(DecodeError::Depth(self.at));
        }
        self.at += 1;
        let (end, empty) =
            if is_object { (b'}', Value::EMPTY_OBJECT) } else { (b']', Value::EMPTY_ARRAY) };
        if self.next_byte()? == end {
            self.at += 1;
            return Ok(Some(empty));
        }
        let base = self.stack.len() as u32;
        self.open.push(Open { base, is_object, keys: [0; BLOOM_WORDS], may_repeat: false });
        if is_object {
            self.key()?;
        }
        Ok(None)
    }

    fn key(&mut self) -> Result<(), DecodeError> {
        if self.next_byte()? != b'"' {
            return self.fail();
        }
        let key = self.string()?;
        let bit = bloom(self.heap.bytes(&key));
        let open = self.open.last_mut().expect("a key is in an object");
        let word = &mut open.keys[usize::from(bit >> 6) % BLOOM_WORDS];
        let bit = 1 << (bit & 63);
        if *word & bit != 0 && !open.may_repeat {
            let cells = &self.stack[open.base as usize..];
            // Of many keys an index is made anyway, which finds those that are equal.
            open.may_repeat = cells.len() > 2 * SCANNED_MAX as usize
                || cells.chunks_exact(2).any(|entry| self.heap.is_equal_string(&entry[0], &key));
        }
        *word |= bit;
        self.push(key)?;
        if self.next_byte()? != b':' {
            return self.fail();
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn push(&mut self, value: Value) -> Result<(), DecodeError> {
        if self.stack.len() == self.stack.capacity() {
            self.stack.try_reserve(self.stack.len() / 2 + 64).map_err(|_| DecodeError::Full)?;
        }
        self.stack.push(value);
        Ok(())
    }

    /// Puts a value where it belongs, and closes containers that end behind it. Gives the whole document.
    fn complete(&mut self, mut value: Value) -> Result<Option<Value>, DecodeError> {
        loop {
            let Some(open) = self.open.last() else { return Ok(Some(value)) };
            let is_object = open.is_object;
            self.push(value)?;
            match self.next_byte()? {
                b',' => {
                    self.at += 1;
                    if is_object {
                        self.key()?;
                    }
                    return Ok(None);
                }
                b'}' if is_object => {}
                b']' if !is_object => {}
                _ => return self.fail(),
            }
            self.at += 1;
            value = self.close()?;
        }
    }

    fn close(&mut self) -> Result<Value, DecodeError> {
        let open = self.open.pop().expect("what is closed was opened");
        let base = open.base as usize;
        let cells = &self.stack[base..];
        let value = if !open.is_object {
            self.heap.array(cells)
        } else if open.may_repeat {
            object_with_repeated_keys(self.heap, cells)
        } else {
            self.heap.object(cells)
        };
        self.stack.truncate(base.max(self.base));
        value.map_err(|Full| DecodeError::Full)
    }

    fn scalar(&mut self, byte: u8) -> Result<Value, DecodeError> {
        match byte {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Value::True),
            b'f' => self.word(b"false", Value::False),
            b'n' => self.word(b"null", Value::Null),
            _ => self.fail(),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, DecodeError> {
        for byte in word {
            if self.document.get(self.at) != Some(byte) {
                return self.fail();
            }
            self.at += 1;
        }
        Ok(value)
    }

    #[inline]
    fn string(&mut self) -> Result<Value, DecodeError> {
        let start = self.at + 1;
        let scanned = text::scan_string(self.document, start)
            .map_err(|fault| DecodeError::Syntax(fault.at))?;
        self.at = scanned.end;
        let raw = scanned.raw;
        if scanned.has_escapes {
            let mut out = Vec::new();
            out.try_reserve(raw.len()).map_err(|_| DecodeError::Full)?;
            text::unescape(raw, &mut out).map_err(|fault| DecodeError::Syntax(start + fault.at))?;
            return self.heap.string(&out).map_err(|Full| DecodeError::Full);
        }
        if self.is_own {
            return Ok(self.heap.document_string(start, raw.len()));
        }
        self.heap.string(raw).map_err(|Full| DecodeError::Full)
    }

    #[inline]
    fn number(&mut self) -> Result<Value, DecodeError> {
        /// So many digits are below 2^53.
        const DIGITS_EXACT: usize = 15;
        let rest = &self.document[self.at..];
        let digits_from = usize::from(rest[0] == b'-');
        let mut integer = 0i64;
        let mut len = digits_from;
        while let Some(digit) =
            rest.get(len).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9)
        {
            integer = integer.wrapping_mul(10).wrapping_add(i64::from(digit));
            len += 1;
        }
        let digits = len - digits_from;
        let is_plain = !matches!(rest.get(len), Some(b'.' | b'e' | b'E'));
        let is_canonical = digits == 1 || rest.get(digits_from) != Some(&b'0');
        if is_plain
            && (1..=DIGITS_EXACT).contains(&digits)
            && is_canonical
            && !(digits_from == 1 && integer == 0)
        {
            self.at += len;
            return Ok(Value::Number(if digits_from == 1 { -integer } else { integer } as f64));
        }
        self.literal()
    }

    #[inline(never)]
    fn literal(&mut self) -> Result<Value, DecodeError> {
        let rest = &self.document[self.at..];
        let Some(len) = number::scan(rest) else { return self.fail() };
        let start = self.at;
        self.at += len;
        // A zero in front of more digits ends the number there, and what follows is not JSON.
        if self
            .document
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
        {
            return self.fail();
        }
        if self.is_own {
            let (len, start) = (len as u32, start as u32);
            return Ok(Value::Literal { origin: Origin::Document, len, start, block: 0 });
        }
        self.heap.literal(&rest[..len]).map_err(|Full| DecodeError::Full)
    }
}

/// Words of the set of an object's keys.
const BLOOM_WORDS: usize = 4;

/// A number that differs for most keys of an object.
fn bloom(key: &[u8]) -> u8 {
    let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
    let middle = key[key.len() / 2];
    let sum = first.wrapping_mul(31) ^ last.wrapping_mul(7) ^ middle.wrapping_mul(13);
    sum ^ (key.len() as u8).wrapping_mul(37)
}

/// The last value of a key wins, at the place of the first.
pub(crate) fn object_with_repeated_keys(
    heap: &mut Heap<'_>,
    cells: &[Value],
) -> Result<Value, Full> {
    let mut object = Value::EMPTY_OBJECT;
    for entry in cells.chunks_exact(2) {
        object = heap.insert(object, entry[0], entry[1])?;
    }
    Ok(object)
}
