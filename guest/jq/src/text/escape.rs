//! The formats `@html`, `@uri`, `@urid`, `@csv`, `@tsv` and `@sh`, for one string each.

use alloc::vec::Vec;

use super::word;

/// Appends a text with its special bytes, which are ASCII, replaced.
#[inline(always)]
fn replace<const N: usize>(
    text: &str,
    special: [u8; N],
    replacement: impl Fn(u8) -> &'static str,
    out: &mut Vec<u8>,
) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len());
    loop {
        let mark = |word| special.iter().fold(0, |marks, byte| marks | word::equal(word, *byte));
        let run = word::run_len(rest, mark, |byte| special.contains(&byte));
        let (plain, behind) = rest.split_at(run);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = behind.split_first() else { break };
        out.extend_from_slice(replacement(*byte).as_bytes());
        rest = behind;
    }
}

/// `@html`. As in all formats but `@uri`, NUL becomes `\0`.
pub(crate) fn html(text: &str, out: &mut Vec<u8>) {
    let replacement = |byte| match byte {
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'&' => "&amp;",
        b'\'' => "&apos;",
        b'"' => "&quot;",
        _ => "\\0",
    };
    replace(text, *b"<>&'\"\0", replacement, out);
}

/// A string in a row of `@csv`, with its quotes.
pub(crate) fn csv_field(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    replace(text, *b"\"\0", |byte| if byte == b'"' { "\"\"" } else { "\\0" }, out);
    out.push(b'"');
}

/// A string in a row of `@tsv`.
pub(crate) fn tsv_field(text: &str, out: &mut Vec<u8>) {
    let replacement = |byte| match byte {
        b'\t' => "\\t",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\\' => "\\\\",
        _ => "\\0",
    };
    replace(text, *b"\t\n\r\\\0", replacement, out);
}

/// A string of `@sh`, with its quotes.
pub(crate) fn shell_word(text: &str, out: &mut Vec<u8>) {
    out.push(b'\'');
    replace(text, *b"'\0", |byte| if byte == b'\'' { "'\\''" } else { "\\0" }, out);
    out.push(b'\'');
}

/// `@uri`: everything is encoded but letters, digits and `-_.~`.
pub(crate) fn uri(text: &str, out: &mut Vec<u8>) {
    const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.reserve(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte);
        } else {
            let digit = |value: u8| HEX_DIGITS[usize::from(value & 0x0F)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
}

/// `@urid`. `false`: a `%` without two hexadecimal digits, or bytes that are not UTF-8 (`… is not a valid uri
/// encoding`); then nothing is appended.
#[must_use]
pub(crate) fn decode_uri(text: &str, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut rest = text.as_bytes();
    out.reserve(rest.len());
    let hex_digit = |bytes: &[u8], index: usize| char::from(*bytes.get(index)?).to_digit(16);
    let complete = loop {
        let run = word::run_len(rest, |word| word::equal(word, b'%'), |byte| byte == b'%');
        let (plain, encoded) = rest.split_at(run);
        out.extend_from_slice(plain);
        if encoded.is_empty() {
            break true;
        }
        let (Some(high), Some(low)) = (hex_digit(encoded, 1), hex_digit(encoded, 2)) else {
            break false;
        };
        out.push((high << 4 | low) as u8);
        rest = encoded.get(3..).unwrap_or_default();
    };
    let valid =
        complete && out.get(start..).is_some_and(|decoded| core::str::from_utf8(decoded).is_ok());
    if !valid {
        out.truncate(start);
    }
    valid
}
