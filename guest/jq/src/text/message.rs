//! Values in error messages.

use alloc::vec::Vec;

/// Longest value in a message, in bytes.
const VALUE_LEN_MAX: usize = 29;

/// Appends a value's JSON text as jq writes it in its messages.
///
/// A text of at most 29 bytes stays as it is. A longer one becomes its beginning and `...`; a string, an array or an
/// object still ends with its quote or bracket. All this takes at most 29 bytes, and fewer where a codepoint would be
/// split. So the caller can stop writing the text of a large value after 30 bytes.
pub(crate) fn abridge(json_text: &[u8], out: &mut Vec<u8>) {
    if json_text.len() <= VALUE_LEN_MAX {
        out.extend_from_slice(json_text);
        return;
    }
    let end: &[u8] = match json_text.first() {
        Some(b'"') => b"...\"",
        Some(b'[') => b"...]",
        Some(b'{') => b"...}",
        _ => b"...",
    };
    let mut len = VALUE_LEN_MAX - end.len();
    while json_text.get(len).is_some_and(|byte| byte & 0xC0 == 0x80) {
        len -= 1;
    }
    out.extend_from_slice(json_text.get(..len).unwrap_or_default());
    out.extend_from_slice(end);
}
