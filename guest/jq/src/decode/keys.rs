//! Objects in which a key is repeated.

use crate::heap::{Full, Heap, SCANNED_MAX};
use crate::text::window;
use crate::value::Value;

/// Whether two keys of an object may be equal. If there are many, an index is made anyway, which finds those that are.
#[inline(always)]
pub(super) fn may_repeat(heap: &Heap<'_>, cells: &[Value]) -> bool {
    if cells.len() > 2 * SCANNED_MAX as usize {
        return true;
    }
    let mut seen = [0u64; BLOOM_WORDS];
    for (before, entry) in cells.chunks_exact(2).enumerate() {
        let bit = bloom(heap, &entry[0]);
        let word = &mut seen[usize::from(bit >> 6) % BLOOM_WORDS];
        let bit = 1 << (bit & 63);
        if *word & bit != 0
            && cells
                .chunks_exact(2)
                .take(before)
                .any(|other| heap.is_equal_string(&other[0], &entry[0]))
        {
            return true;
        }
        *word |= bit;
    }
    false
}

/// Words of the set of an object's keys.
const BLOOM_WORDS: usize = 4;

/// A number that differs for most keys of an object.
#[inline(always)]
fn bloom(heap: &Heap<'_>, key: &Value) -> u8 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let words = match key {
        Value::Short { bytes, .. } => window::words_of(bytes),
        _ => long_words(heap.bytes(key)),
    };
    let mixed = (words.0 ^ words.1.rotate_left(23)).wrapping_mul(FACTOR);
    (mixed >> 56) as u8
}

/// The first and the last eight bytes.
#[inline(never)]
fn long_words(key: &[u8]) -> (u64, u64) {
    let word = |bytes: Option<&[u8; 8]>| u64::from_le_bytes(bytes.copied().unwrap_or_default());
    (word(key.first_chunk()), word(key.last_chunk()))
}

/// The last value of a key wins, at the place of the first.
pub(crate) fn object_with_repeated_keys(
    heap: &mut Heap<'_>,
    cells: &[Value],
) -> Result<Value, Full> {
    let mut object = Value::EMPTY_OBJECT;
    for entry in cells.chunks_exact(2) {
        object = heap.insert(object, entry[0], entry[1])?;
    }
    Ok(object)
}
