//! What jq says of a text that is not JSON.
//!
//! This is for texts that the strict reader has refused. It goes through the tokens as jq does, so that it finds the
//! same mistake at the same place. Some texts are fine for jq, such as `[nan, +1, .5]`: these it writes anew as JSON.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::number::{self, Parsed};

/// jq's limit on what is open at once. A key without its value counts too.
const OPEN_MAX: usize = 10_000;

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Array {
        is_empty: bool,
    },
    Object {
        is_empty: bool,
    },
    /// A key that waits for its value.
    Key,
}

/// The value that was read last and is not yet in a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    None,
    String,
    Other,
}

struct Reader<'t> {
    text: &'t str,
    /// Where the current token starts.
    token: usize,
    open: Vec<Open>,
    last: Last,
    /// Values that are complete.
    values: usize,
    out: Vec<u8>,
}

/// The same value as JSON, or jq's message.
pub(crate) fn rewrite(text: &str) -> Result<Vec<u8>, String> {
    const BYTE_ORDER_MARK: char = '\u{FEFF}';
    let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if json.as_bytes().first() == Some(&0xEF) && json.len() == text.len() {
        // jq takes any character that starts with this byte for the mark.
        return Err(format!("Malformed BOM (while parsing '{text}')"));
    }
    let mut reader = Reader {
        text: json,
        token: 0,
        open: Vec::new(),
        last: Last::None,
        values: 0,
        out: Vec::new(),
    };
    match reader.read() {
        Ok(()) => Ok(reader.out),
        Err(message) => Err(format!("{message} (while parsing '{text}')")),
    }
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        let mut is_string = false;
        while at < bytes.len() && self.values < 2 {
            let byte = bytes[at];
            let step = match (is_string, byte) {
                (true, b'\\') => {
                    // The next byte does not end the string.
                    at += 1;
                    Ok(())
                }
                (true, b'"') => {
                    is_string = false;
                    self.string(at)
                }
                (true, _) => Ok(()),
                (false, b'"') => {
                    is_string = true;
                    self.literal(at)
                }
                (false, b' ' | b'\t' | b'\r' | b'\n') => self.literal(at),
                (false, b'[' | b',' | b']' | b'{' | b':' | b'}') => {
                    self.literal(at).and_then(|()| self.structure(byte))
                }
                (false, _) => {
                    at += 1;
                    continue;
                }
            };
            step.map_err(|message| format!("{message} at {}", self.place(at)))?;
            at += 1;
            if !is_string || byte == b'"' {
                self.token = at;
            }
        }
        if self.values < 2 {
            self.end(is_string)?;
        }
        match self.values {
            0 => Err(String::from("Expected JSON value")),
            1 => Ok(()),
            _ => Err(String::from("Unexpected extra JSON values")),
        }
    }

    fn end(&mut self, is_string: bool) -> Result<(), String> {
        let message = if is_string {
            Err("Unfinished string")
        } else {
            match self.literal(self.text.len()) {
                Ok(()) if !self.open.is_empty() => Err("Unfinished JSON term"),
                other => other,
            }
        };
        message.map_err(|message| {
            format!("{message} at EOF at {}", self.place(self.text.len().saturating_sub(1)))
        })
    }

    /// The line of a byte, and its number there, as jq counts them.
    fn place(&self, at: usize) -> String {
        let before = self.text.as_bytes().get(..=at).unwrap_or(self.text.as_bytes());
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        format!("line {}, column {column}", lines + 1)
    }

    fn value(&mut self, kind: Last) -> Result<(), &'static str> {
        if self.last != Last::None {
            return Err("Expected separator between values");
        }
        if self.open.is_empty() {
            self.values += 1;
        } else {
            self.last = kind;
        }
        Ok(())
    }

    /// Ends the number or word that began at the token.
    fn literal(&mut self, end: usize) -> Result<(), &'static str> {
        let token = self.text.get(self.token..end).unwrap_or_default();
        self.token = end;
        let word = match token.as_bytes() {
            [] => return Ok(()),
            [b't', ..] => "true",
            [b'f', ..] => "false",
            [b'n', b'u', ..] => "null",
            [b'\'', ..] => return Err("Invalid string literal; expected \", but got '"),
            _ => "",
        };
        if !word.is_empty() {
            if token != word {
                return Err("Invalid literal");
            }
            self.out.extend_from_slice(word.as_bytes());
            return self.value(Last::Other);
        }
        match number::parse(token) {
            Some(Parsed::Double(double)) => number::write_double(double, &mut self.out),
            Some(Parsed::Literal(digits)) => number::write_literal(&digits, &mut self.out),
            None => return Err("Invalid numeric literal"),
        }
        self.value(Last::Other)
    }

    /// Ends the string that began at the token.
    fn string(&mut self, end: usize) -> Result<(), &'static str> {
        let raw = self.text.get(self.token..end).unwrap_or_default();
        check_string(raw.as_bytes())?;
        self.out.push(b'"');
        self.out.extend_from_slice(raw.as_bytes());
        self.out.push(b'"');
        self.value(Last::String)
    }

    fn structure(&mut self, byte: u8) -> Result<(), &'static str> {
        self.out.push(byte);
        let has_value = self.last != Last::None;
        match byte {
            b'[' | b'{' => {
                if self.open.len() >= OPEN_MAX {
                    return Err("Exceeds depth limit for parsing");
                }
                if has_value {
                    return Err("Expected separator between values");
                }
                self.open.push(if byte == b'[' {
                    Open::Array { is_empty: true }
                } else {
                    Open::Object { is_empty: true }
                });
                Ok(())
            }
            b':' => self.colon(),
            b',' => self.comma(),
            _ => self.close(byte),
        }
    }

    fn colon(&mut self) -> Result<(), &'static str> {
        match (self.last, self.open.last()) {
            (Last::None, _) => Err("Expected string key before ':'"),
            (_, None | Some(Open::Array { .. } | Open::Key)) => Err("':' not as part of an object"),
            (Last::Other, _) => Err("Object keys must be strings"),
            (Last::String, _) => {
                self.open.push(Open::Key);
                self.last = Last::None;
                Ok(())
            }
        }
    }

    fn comma(&mut self) -> Result<(), &'static str> {
        if self.last == Last::None {
            return Err("Expected value before ','");
        }
        match self.open.last_mut() {
            None => return Err("',' not as part of an object or array"),
            Some(Open::Object { .. }) => return Err("Objects must consist of key:value pairs"),
            Some(Open::Array { is_empty }) => *is_empty = false,
            Some(Open::Key) => self.end_entry(),
        }
        self.last = Last::None;
        Ok(())
    }

    fn end_entry(&mut self) {
        self.open.pop();
        if let Some(Open::Object { is_empty }) = self.open.last_mut() {
            *is_empty = false;
        }
    }

    fn close(&mut self, byte: u8) -> Result<(), &'static str> {
        let has_value = self.last != Last::None;
        match (byte, self.open.last()) {
            (b']', Some(Open::Array { .. })) if has_value => {}
            (b']', Some(Open::Array { is_empty: true })) => {}
            (b']', Some(Open::Array { .. })) => return Err("Expected another array element"),
            (b']', _) => return Err("Unmatched ']'"),
            (_, None) => return Err("Unmatched '}'"),
            (_, Some(Open::Key)) if has_value => self.end_entry(),
            (_, Some(_)) if has_value => return Err("Objects must consist of key:value pairs"),
            (_, Some(Open::Object { is_empty: true })) => {}
            (_, Some(Open::Object { .. })) => return Err("Expected another key-value pair"),
            (_, Some(_)) => return Err("Unmatched '}'"),
        }
        self.open.pop();
        self.last = Last::None;
        self.value(Last::Other)
    }
}

/// The first mistake between the quotes of a string.
fn check_string(raw: &[u8]) -> Result<(), &'static str> {
    const CONTROL: &str =
        "Invalid string: control characters from U+0000 through U+001F must be escaped";
    const PAIR: &str = "Invalid \\uXXXX\\uXXXX surrogate pair escape";
    let mut rest = raw;
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'\\'] => return Err("Expected escape character at end of string"),
            [b'\\', b'u', after @ ..] => {
                let digits = after.first_chunk().ok_or("Invalid \\uXXXX escape")?;
                let unit = hexadecimal(digits).ok_or("Invalid characters in \\uXXXX escape")?;
                let mut after = &after[4..];
                if (0xD800..0xDC00).contains(&unit) {
                    let [b'\\', b'u', digits @ ..] = after else { return Err(PAIR) };
                    let low = digits.first_chunk().and_then(hexadecimal);
                    if !low.is_some_and(|unit| (0xDC00..0xE000).contains(&unit)) {
                        return Err(PAIR);
                    }
                    after = &digits[4..];
                }
                after
            }
            [b'\\', b'\\' | b'"' | b'/' | b'b' | b'f' | b't' | b'n' | b'r', after @ ..] => after,
            [b'\\', ..] => return Err("Invalid escape"),
            [0..0x20, ..] => return Err(CONTROL),
            [_, after @ ..] => after,
        };
    }
}

fn hexadecimal(digits: &[u8; 4]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(16 * unit + char::from(*digit).to_digit(16)?))
}
