//! Reads one JSON document into a value: RFC 8259 and nothing else.
//!
//! jaq's own reader accepts a superset of JSON and nests without limit, which a server must not.
//! This reader is lenient only where jq is: it skips one leading byte order mark, and of equal keys
//! in an object the last one wins, in the position of the first.
//!
//! Invariant: the document is valid UTF-8 before the first value is built, so slices between ASCII
//! delimiters are valid UTF-8 as well.

use jaq_json::{Map, Num, Val};

/// Integers with more digits than this stay text, because converting them takes quadratic time.
const INTEGER_DIGITS_MAX: usize = 1024;

/// A buffer for strings with escapes, which are then copied at their exact size.
pub(crate) trait Scratch {
    /// Empties the buffer.
    fn clear(&mut self);
    /// Appends bytes. `None` if memory is exhausted.
    fn extend(&mut self, bytes: &[u8]) -> Option<()>;
    /// The bytes that were appended since the buffer was emptied.
    fn bytes(&self) -> &[u8];
}

impl Scratch for Vec<u8> {
    fn clear(&mut self) {
        self.clear();
    }

    fn extend(&mut self, bytes: &[u8]) -> Option<()> {
        self.try_reserve(bytes.len()).ok()?;
        self.extend_from_slice(bytes);
        Some(())
    }

    fn bytes(&self) -> &[u8] {
        self
    }
}

/// Why a document was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not valid JSON. The text says what was expected.
    Syntax(&'static str),
    /// It nests deeper than allowed.
    Depth,
    /// The memory is exhausted.
    Memory,
}

/// A flaw and its position, in bytes from the beginning of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    pub(crate) flaw: Flaw,
    pub(crate) offset: usize,
}

/// Reads exactly one document that nests at most `depth_max` arrays and objects.
pub(crate) fn decode(
    document: &[u8],
    depth_max: usize,
    scratch: &mut impl Scratch,
) -> Result<Val, DecodeError> {
    if let Err(error) = core::str::from_utf8(document) {
        let flaw = Flaw::Syntax("the document is not valid UTF-8");
        return Err(DecodeError { flaw, offset: error.valid_up_to() });
    }
    let at = if document.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut decoder = Decoder { document, at, depth_left: depth_max, scratch };
    let value = decoder.document();
    value.map_err(|flaw| DecodeError { flaw, offset: decoder.at })
}

struct Decoder<'a, S> {
    document: &'a [u8],
    /// The next byte to read; after an error, the position of the error.
    at: usize,
    depth_left: usize,
    scratch: &'a mut S,
}

impl<S: Scratch> Decoder<'_, S> {
    fn document(&mut self) -> Result<Val, Flaw> {
        self.whitespace();
        let value = self.value()?;
        self.whitespace();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(Flaw::Syntax("expected the end of the document")),
        }
    }

    fn value(&mut self) -> Result<Val, Flaw> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.literal("null", Val::Null),
            Some(b't') => self.literal("true", Val::Bool(true)),
            Some(b'f') => self.literal("false", Val::Bool(false)),
            Some(_) => Err(Flaw::Syntax("expected a value")),
            None => Err(Flaw::Syntax("expected a value, got the end of the document")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Val, Flaw>) -> Result<Val, Flaw> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Flaw::Depth)?;
        self.at += 1;
        self.whitespace();
        let value = read(self)?;
        self.depth_left += 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Val, Flaw> {
        let mut items = Vec::new();
        if self.accept(b']') {
            return Ok(Val::Arr(items.into()));
        }
        loop {
            let item = self.value()?;
            items.try_reserve(1).map_err(|_| Flaw::Memory)?;
            items.push(item);
            self.whitespace();
            if self.accept(b']') {
                return Ok(Val::Arr(items.into()));
            }
            self.expect(b',', "expected `,` or `]`")?;
            self.whitespace();
        }
    }

    fn object(&mut self) -> Result<Val, Flaw> {
        let mut fields = Map::default();
        if self.accept(b'}') {
            return Ok(Val::obj(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Flaw::Syntax("expected a key in double quotes"));
            }
            let key = self.string()?;
            self.whitespace();
            self.expect(b':', "expected `:`")?;
            self.whitespace();
            let value = self.value()?;
            fields.try_reserve(1).map_err(|_| Flaw::Memory)?;
            fields.insert(key, value);
            self.whitespace();
            if self.accept(b'}') {
                return Ok(Val::obj(fields));
            }
            self.expect(b',', "expected `,` or `}`")?;
            self.whitespace();
        }
    }

    fn string(&mut self) -> Result<Val, Flaw> {
        self.at += 1;
        let start = self.at;
        self.plain();
        let plain = &self.document[start..self.at];
        if self.accept(b'"') {
            return text(plain);
        }
        self.scratch.clear();
        self.scratch.extend(plain).ok_or(Flaw::Memory)?;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => {
                    return Err(Flaw::Syntax(
                        "expected an escape sequence, got a control character",
                    ));
                }
                None => return Err(Flaw::Syntax("expected `\"`, got the end of the document")),
            }
            let start = self.at;
            self.plain();
            self.scratch.extend(&self.document[start..self.at]).ok_or(Flaw::Memory)?;
        }
        self.at += 1;
        text(self.scratch.bytes())
    }

    /// Skips characters of a string that need no escape.
    fn plain(&mut self) {
        let rest = &self.document[self.at..];
        let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        self.at += rest.iter().position(special).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        self.at += 1;
        let escaped = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(Flaw::Syntax("expected an escape sequence such as `\\n`")),
        };
        self.at += 1;
        self.push(escaped)
    }

    /// Reads `\uXXXX`, or a surrogate pair. A lone surrogate is an error at the beginning of its
    /// escape sequence, because it has no character.
    fn unicode(&mut self, start: usize) -> Result<(), Flaw> {
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                let second = if self.document[self.at..].starts_with(b"\\u") {
                    self.at += 1;
                    self.hex()?
                } else {
                    0
                };
                if !(0xdc00..=0xdfff).contains(&second) {
                    self.at = start;
                    return Err(Flaw::Syntax("expected a surrogate pair, got half of one"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        let Some(character) = char::from_u32(code) else {
            self.at = start;
            return Err(Flaw::Syntax("expected a surrogate pair, got half of one"));
        };
        self.push(character)
    }

    /// Reads `u` and four hexadecimal digits.
    fn hex(&mut self) -> Result<u32, Flaw> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code << 4 | digit.ok_or(Flaw::Syntax("expected a hexadecimal digit"))?;
            self.at += 1;
        }
        Ok(code)
    }

    fn push(&mut self, character: char) -> Result<(), Flaw> {
        let mut buffer = [0; 4];
        self.scratch.extend(character.encode_utf8(&mut buffer).as_bytes()).ok_or(Flaw::Memory)
    }

    /// Reads a number. An integer becomes an integer of any size. Other numbers, and minus zero,
    /// keep their text until a program computes with them, so that a value that is only passed on
    /// does not change.
    fn number(&mut self) -> Result<Val, Flaw> {
        let start = self.at;
        let negative = self.accept(b'-');
        let digits_start = self.at;
        if !self.accept(b'0') {
            self.digits()?;
        }
        let digits_end = self.at;
        let mut integer = true;
        if self.accept(b'.') {
            integer = false;
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            integer = false;
            let _ = self.accept(b'+') || self.accept(b'-');
            self.digits()?;
        }
        let digits = &self.document[digits_start..digits_end];
        let minus_zero = negative && digits == b"0";
        if integer && digits.len() <= 18 && !minus_zero {
            // At most 18 digits: no overflow.
            let absolute = digits.iter().fold(0_i64, |n, d| n * 10 + i64::from(d - b'0'));
            let number = if negative { -absolute } else { absolute };
            return Ok(Val::Num(Num::from_integral(number)));
        }
        let number = core::str::from_utf8(&self.document[start..self.at])
            .expect("digits, signs, points and exponents are ASCII");
        let exact = (integer && digits.len() <= INTEGER_DIGITS_MAX && !minus_zero)
            .then(|| Num::from_str_radix(number, 10))
            .flatten();
        Ok(Val::Num(exact.unwrap_or_else(|| Num::Dec(number.to_owned().into()))))
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let rest = &self.document[self.at..];
        match rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len()) {
            0 => Err(Flaw::Syntax("expected a digit")),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    fn literal(&mut self, word: &str, value: Val) -> Result<Val, Flaw> {
        if !self.document[self.at..].starts_with(word.as_bytes()) {
            return Err(Flaw::Syntax("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.document.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), Flaw> {
        if self.accept(byte) { Ok(()) } else { Err(Flaw::Syntax(message)) }
    }
}

/// A text string of its exact size.
fn text(bytes: &[u8]) -> Result<Val, Flaw> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Flaw::Memory)?;
    copy.extend_from_slice(bytes);
    Ok(Val::utf8_str(copy))
}
