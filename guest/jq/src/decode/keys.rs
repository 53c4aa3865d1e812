//! Objects in which a key is repeated.

use crate::heap::{Full, Heap, SCANNED_MAX};
use crate::value::Value;

/// Whether two keys of an object may be equal. If there are many, an index is made anyway, which finds those that are.
pub(super) fn may_repeat(heap: &Heap<'_>, cells: &[Value]) -> bool {
    if cells.len() > 2 * SCANNED_MAX as usize {
        return true;
    }
    let mut seen = [0u64; BLOOM_WORDS];
    for (before, entry) in cells.chunks_exact(2).enumerate() {
        let bit = bloom(heap.bytes(&entry[0]));
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
fn bloom(key: &[u8]) -> u8 {
    let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
    let middle = key[key.len() / 2];
    let sum = first.wrapping_mul(31) ^ last.wrapping_mul(7) ^ middle.wrapping_mul(13);
    sum ^ (key.len() as u8).wrapping_mul(37)
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
