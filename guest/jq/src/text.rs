//! Texts: what the string builtins of jq do with one string.
//!
//! Results are parts of the input where they can be, and are appended to a byte buffer otherwise. Offsets that jq
//! programs see count codepoints; everything here works on bytes and converts only those offsets.

mod base64;
mod escape;
mod json;
mod message;
mod search;
mod utf8;
pub(crate) mod window;
mod word;

pub(crate) use base64::{decode_base64, encode_base64};
pub(crate) use escape::{csv_field, decode_uri, html, shell_word, tsv_field, uri};
pub(crate) use json::{scan_string, unescape, write_json_string};
pub(crate) use message::abridge;
pub(crate) use search::{index, indices, rindex, split};
pub(crate) use utf8::{codepoint_count, slice};

use alloc::vec::Vec;

/// `ascii_downcase`.
pub(crate) fn ascii_downcase(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    out.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
}

/// `ascii_upcase`.
pub(crate) fn ascii_upcase(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    out.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
}

/// `ltrimstr`: the text without this beginning, if it begins so.
pub(crate) fn ltrimstr<'a>(text: &'a str, left: &str) -> &'a str {
    text.strip_prefix(left).unwrap_or(text)
}

/// `rtrimstr`: the text without this end, if it ends so.
pub(crate) fn rtrimstr<'a>(text: &'a str, right: &str) -> &'a str {
    text.strip_suffix(right).unwrap_or(text)
}

/// `trimstr`: both, the beginning first.
pub(crate) fn trimstr<'a>(text: &'a str, ends: &str) -> &'a str {
    rtrimstr(ltrimstr(text, ends), ends)
}

/// `trim`. White space is Unicode's `White_Space`, here and in the next two.
pub(crate) fn trim(text: &str) -> &str {
    text.trim()
}

/// `ltrim`.
pub(crate) fn ltrim(text: &str) -> &str {
    text.trim_start()
}

/// `rtrim`.
pub(crate) fn rtrim(text: &str) -> &str {
    text.trim_end()
}

/// `startswith`.
pub(crate) fn startswith(text: &str, left: &str) -> bool {
    text.starts_with(left)
}

/// `endswith`.
pub(crate) fn endswith(text: &str, right: &str) -> bool {
    text.ends_with(right)
}

/// `explode`: the codepoints.
pub(crate) fn explode(text: &str) -> impl Iterator<Item = u32> {
    text.chars().map(u32::from)
}

/// One codepoint of `implode`. The fraction is dropped, and a number that is not a Unicode scalar value becomes U+FFFD.
/// `None` for NaN, which is an error of the caller as any other value that is not a number.
pub(crate) fn implode_codepoint(number: f64) -> Option<char> {
    if number.is_nan() {
        return None;
    }
    let scalar = u32::try_from(number as i64).ok().and_then(char::from_u32);
    Some(scalar.unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests;

/// Where a part of a text is in it.
pub(crate) fn range_in(text: &str, part: &str) -> (usize, usize) {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    if start > text.len() { (0, 0) } else { (start, start + part.len()) }
}
