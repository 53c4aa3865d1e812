//! Codepoints and their offsets, and jq's decoding of bytes that may not be UTF-8.

use alloc::vec::Vec;

use super::word;

/// U+FFFD as UTF-8.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Count of codepoints: `length` of a string.
pub(crate) fn codepoint_count(text: &str) -> usize {
    text.chars().count()
}

/// The codepoints from the offset `from` up to `to`; offsets behind the end mean the end.
pub(crate) fn slice(text: &str, from: usize, to: usize) -> &str {
    let behind = text.get(byte_offset(text, from)..).unwrap_or_default();
    behind.get(..byte_offset(behind, to.saturating_sub(from))).unwrap_or_default()
}

/// Offset in bytes of the codepoint with this index, or the length of the text.
fn byte_offset(text: &str, index: usize) -> usize {
    if index >= text.len() {
        return text.len();
    }
    let mut before = 0;
    let mut start = 0;
    for chunk in text.as_bytes().as_chunks::<8>().0 {
        let starts = word::boundaries(u64::from_le_bytes(*chunk)).count_ones() as usize;
        if before + starts > index {
            break;
        }
        before += starts;
        start += 8;
    }
    // The chunk may begin inside a codepoint, which is counted already.
    let bytes = text.as_bytes().get(start..).unwrap_or_default().iter().enumerate();
    let mut starts = bytes.filter(|(_, byte)| **byte & 0xC0 != 0x80);
    starts.nth(index - before).map_or(text.len(), |(offset, _)| start + offset)
}

/// Appends bytes as UTF-8, with U+FFFD where they are not.
///
/// Each wrong sequence gives one U+FFFD, and jq's rule for its length is not Unicode's: the first byte announces a
/// length. If fewer bytes than that are left, all of them belong to the sequence. If one of them does not continue the
/// sequence, it ends before that one. Otherwise it is a whole sequence for a codepoint that does not exist.
pub(crate) fn decode_lossy(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Err(error) = core::str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        out.extend_from_slice(valid);
        out.extend_from_slice(REPLACEMENT);
        bytes = rest.get(wrong_sequence_len(rest)..).unwrap_or_default();
    }
    out.extend_from_slice(bytes);
}

fn wrong_sequence_len(bytes: &[u8]) -> usize {
    let announced = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 1,
    };
    match bytes.get(1..announced) {
        Some(following) => 1 + following.iter().take_while(|byte| **byte & 0xC0 == 0x80).count(),
        None => bytes.len(),
    }
}
