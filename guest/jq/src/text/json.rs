//! Strings of JSON: writing, finding their end, and decoding their escapes.

use alloc::vec::Vec;

use super::word;

/// Bytes that jq escapes: control characters, DEL, the quote and the backslash.
fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7F)
}

/// Appends a text as a JSON string with quotes, as jq prints it.
pub(crate) fn write_json_string(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let run = word::run_len(rest, word::escaped, is_escaped);
        let (plain, behind) = rest.split_at(run);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = behind.split_first() else { break };
        write_escape(*byte, out);
        rest = behind;
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            let digit = |value: u8| HEX_DIGITS[usize::from(value & 0x0F)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Why a JSON string cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringFault {
    /// Offset of the fault in the bytes that were given.
    pub(crate) at: usize,
    /// jq's message, without the position.
    pub(crate) message: &'static str,
}

/// A JSON string with a known end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned<'a> {
    /// The text between the quotes, with its escapes.
    pub(crate) raw: &'a [u8],
    /// Offset behind the closing quote.
    pub(crate) end: usize,
    /// Whether there are escapes, which are not checked yet: see [`unescape`].
    pub(crate) has_escapes: bool,
}

/// Finds the end of the JSON string, in valid UTF-8, that begins at the offset `at`, just behind the opening quote.
pub(crate) fn scan_string(bytes: &[u8], at: usize) -> Result<Scanned<'_>, StringFault> {
    let content = bytes.get(at..).unwrap_or_default();
    let mut len = 0;
    let mut has_escapes = false;
    let message = loop {
        let rest = content.get(len..).unwrap_or_default();
        len += word::run_len(
            rest,
            |word| word::below(word, 0x20) | word::equal(word, b'"') | word::equal(word, b'\\'),
            |byte| byte < 0x20 || matches!(byte, b'"' | b'\\'),
        );
        match content.get(len) {
            Some(b'"') => break None,
            // The byte behind the backslash is not looked at here, unless it is a control character.
            Some(b'\\') => {
                has_escapes = true;
                len += if content.get(len + 1).is_some_and(|byte| *byte >= 0x20) { 2 } else { 1 };
            }
            Some(_) => {
                break Some(
                    "Invalid string: control characters from U+0000 through U+001F must be escaped",
                );
            }
            None => break Some("Unfinished string at EOF"),
        }
    };
    let raw = content.get(..len).unwrap_or(content);
    match message {
        None => Ok(Scanned { raw, end: at.saturating_add(len + 1), has_escapes }),
        Some(message) => Err(StringFault { at: at.saturating_add(len), message }),
    }
}

/// Appends the content of a JSON string with its escapes decoded. UTF-8 stays UTF-8.
///
/// A lone low surrogate becomes U+FFFD, as in jq; a high surrogate without a low one behind it is an error.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), StringFault> {
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let run = word::run_len(rest, |word| word::equal(word, b'\\'), |byte| byte == b'\\');
        let (plain, escape) = rest.split_at(run);
        out.extend_from_slice(plain);
        if escape.is_empty() {
            break;
        }
        at += run;
        at += read_escape(escape, out).map_err(|message| StringFault { at, message })?;
    }
    Ok(())
}

/// Decodes the escape that the bytes begin with, and gives its length.
fn read_escape(bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, &'static str> {
    const WRONG_PAIR: &str = "Invalid \\uXXXX\\uXXXX surrogate pair escape";
    let character = match bytes.get(1) {
        Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
        Some(b'b') => 0x08,
        Some(b't') => b'\t',
        Some(b'n') => b'\n',
        Some(b'f') => 0x0C,
        Some(b'r') => b'\r',
        Some(b'u') => {
            let digits = bytes.get(2..6).ok_or("Invalid \\uXXXX escape")?;
            let unit = code_unit(digits).ok_or("Invalid characters in \\uXXXX escape")?;
            let (scalar, len) = match unit {
                0xD800..=0xDBFF => {
                    let low = bytes.get(6..12).and_then(|low| code_unit(low.strip_prefix(b"\\u")?));
                    let low =
                        low.filter(|low| (0xDC00..=0xDFFF).contains(low)).ok_or(WRONG_PAIR)?;
                    (0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12)
                }
                _ => (unit, 6),
            };
            let character = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(len);
        }
        Some(_) => return Err("Invalid escape"),
        None => return Err("Expected escape character at end of string"),
    };
    out.push(character);
    Ok(2)
}

/// A UTF-16 code unit of four hexadecimal digits.
fn code_unit(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}
