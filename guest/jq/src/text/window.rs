//! Sixteen bytes of a text, looked at together.

use alloc::vec::Vec;

/// How many bytes a window has.
pub(crate) const WINDOW: usize = 16;

/// The longest string that a value holds itself, in bytes. It is in one window with the quote behind it.
pub(crate) const SHORT_MAX: usize = 14;

/// For each length, the bytes of a short string: the first eight, and the last eight, which overlap them.
const KEPT: [(u64, u64); SHORT_MAX + 1] = {
    let mut kept = [(u64::MAX, u64::MAX); SHORT_MAX + 1];
    let mut len = 0;
    while len < SHORT_MAX {
        let bits = (1u128 << (8 * len)) - 1;
        kept[len] = (bits as u64, (bits >> (8 * LAST)) as u64);
        len += 1;
    }
    kept
};

/// Where the last eight bytes of a short string start.
const LAST: usize = SHORT_MAX - 8;

/// The window that starts at this offset, if there are so many bytes.
#[inline(always)]
pub(crate) fn window(text: &[u8], at: usize) -> Option<&[u8; WINDOW]> {
    text.get(at..)?.first_chunk()
}

/// Appends the `len` bytes that start at this offset. A few of them are copied with what is behind them, because a copy
/// of a length that is not known is a call.
#[inline(always)]
pub(crate) fn append(out: &mut Vec<u8>, text: &[u8], start: usize, len: usize) {
    match window(text, start) {
        Some(window) if len <= WINDOW => {
            let end = out.len() + len;
            out.extend_from_slice(window);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&text[start..start + len]),
    }
}

/// The count of bytes before the first one that JSON text escapes: a control character, DEL, a quote or a backslash.
#[inline(always)]
pub(crate) fn plain_len(window: &[u8; WINDOW]) -> usize {
    marks::plain_len(window)
}

/// Whether a byte is not ASCII.
#[inline(always)]
pub(crate) fn has_high_bit(window: &[u8; WINDOW]) -> bool {
    const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    (word(window, 0) | word(window, 8)) & HIGH_BITS != 0
}

/// The first `len` bytes, at most [`SHORT_MAX`], and zeros behind them.
#[inline(always)]
pub(crate) fn short(window: &[u8; WINDOW], len: usize) -> [u8; SHORT_MAX] {
    let (first, last) = words(window, len);
    let mut bytes = [0; SHORT_MAX];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[LAST..].copy_from_slice(&last.to_le_bytes());
    bytes
}

/// Whether the window starts with these bytes, which are `len` and zeros.
#[inline(always)]
pub(crate) fn starts_with(window: &[u8; WINDOW], short: &[u8; SHORT_MAX], len: usize) -> bool {
    words(window, len) == words_of(short)
}

/// The bytes of a short string: the first eight, and the last eight, which overlap them.
#[inline(always)]
pub(crate) fn words_of(short: &[u8; SHORT_MAX]) -> (u64, u64) {
    (word(short, 0), word(short, LAST))
}

#[inline(always)]
fn words(window: &[u8; WINDOW], len: usize) -> (u64, u64) {
    let (first, last) = KEPT[len];
    (word(window, 0) & first, word(window, LAST) & last)
}

/// Eight of the bytes, which must be there.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("8 bytes"))
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod marks {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};

    #[inline(always)]
    pub(super) fn plain_len(window: &[u8; 16]) -> usize {
        let (words, _) = window.as_chunks::<8>();
        let bytes = u64x2(u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]));
        let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
        let ends = v128_or(is(b'"'), is(b'\\'));
        let controls = v128_or(u8x16_lt(bytes, u8x16_splat(0x20)), is(0x7F));
        // A bit beyond the last byte, for none.
        (u32::from(u8x16_bitmask(v128_or(ends, controls))) | 1 << 16).trailing_zeros() as usize
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod marks {
    use crate::text::word;

    #[inline(always)]
    pub(super) fn plain_len(window: &[u8; 16]) -> usize {
        let (words, _) = window.as_chunks::<8>();
        let [first, second] = [words[0], words[1]].map(u64::from_le_bytes).map(word::escaped);
        if first != 0 {
            return first.trailing_zeros() as usize / 8;
        }
        if second != 0 { 8 + second.trailing_zeros() as usize / 8 } else { 16 }
    }
}
