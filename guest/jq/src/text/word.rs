//! Scans for bytes, eight at a time in a 64-bit word.

const LOW_BITS: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks the bytes that equal `byte` by their high bit. Marks above the lowest one may be wrong.
#[inline(always)]
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (LOW_BITS * u64::from(byte));
    difference.wrapping_sub(LOW_BITS) & !difference & HIGH_BITS
}

/// Marks the bytes below `limit`, which is at most 0x80, as [`equal`] does.
#[inline(always)]
pub(super) fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(LOW_BITS * u64::from(limit)) & !word & HIGH_BITS
}

/// Marks the bytes that JSON text escapes: control characters, DEL, the quote and the backslash. As [`equal`] does.
#[inline(always)]
pub(super) fn escaped(word: u64) -> u64 {
    below(word, 0x20) | equal(word, b'"') | equal(word, b'\\') | equal(word, 0x7F)
}

/// Marks the first byte of each codepoint: every byte but 0x80 to 0xBF. All marks are right.
#[inline(always)]
pub(super) fn boundaries(word: u64) -> u64 {
    (!word | (word << 1)) & HIGH_BITS
}

/// Length of the run before the first byte that both `mark` and `is_special` select.
#[inline(always)]
pub(super) fn run_len(
    bytes: &[u8],
    mark: impl Fn(u64) -> u64,
    is_special: impl Fn(u8) -> bool,
) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marks = mark(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let tail = rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}
