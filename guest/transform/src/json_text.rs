//! Writes JSON text into a buffer that grows by `try_reserve` only.

use core::fmt::Write;

/// The memory is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// Appends bytes as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn write_string(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Exhausted> {
    push(out, b"\"")?;
    for chunk in bytes.utf8_chunks() {
        write_text(chunk.valid().as_bytes(), out)?;
        if !chunk.invalid().is_empty() {
            push(out, "\u{fffd}".as_bytes())?;
        }
    }
    push(out, b"\"")
}

fn write_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), Exhausted> {
    let mut rest = text;
    // jq escapes DEL as well.
    let special = |byte: &u8| matches!(byte, 0x00..=0x1f | b'"' | b'\\' | 0x7f);
    while let Some(plain) = rest.iter().position(special) {
        push(out, &rest[..plain])?;
        match rest[plain] {
            b'"' => push(out, b"\\\""),
            b'\\' => push(out, b"\\\\"),
            b'\n' => push(out, b"\\n"),
            b'\r' => push(out, b"\\r"),
            b'\t' => push(out, b"\\t"),
            0x08 => push(out, b"\\b"),
            0x0c => push(out, b"\\f"),
            control => write(out, format_args!("\\u{control:04x}")),
        }?;
        rest = &rest[plain + 1..];
    }
    push(out, rest)
}

/// Appends bytes.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Exhausted> {
    out.try_reserve(bytes.len()).map_err(|_| Exhausted)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// Appends formatted text.
pub(crate) fn write(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) -> Result<(), Exhausted> {
    struct Fallible<'a>(&'a mut Vec<u8>);
    impl Write for Fallible<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            push(self.0, text.as_bytes()).map_err(|_| core::fmt::Error)
        }
    }
    Fallible(out).write_fmt(text).map_err(|_| Exhausted)
}
