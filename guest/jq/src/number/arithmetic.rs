//! The rules by which numbers count things: remainders, positions in arrays, slices, repetitions of strings.

/// The remainder `a % b`, or nothing where the divisor is zero.
///
/// A NaN on either side gives NaN, also over zero. Both sides lose their fractions and stop at the bounds of `i64`.
/// The remainder is that of the sizes and has the sign of `a`; zero has none.
pub(crate) fn modulo(a: f64, b: f64) -> Option<f64> {
    if a.is_nan() || b.is_nan() {
        return Some(f64::NAN);
    }
    // These casts truncate and saturate.
    let (dividend, divisor) = (a as i64, b as i64);
    let remainder = dividend.unsigned_abs().checked_rem(divisor.unsigned_abs())?;
    Some(if dividend < 0 && remainder > 0 { -(remainder as f64) } else { remainder as f64 })
}

/// The element that `.[index]` reads from an array of `len` elements.
///
/// The fraction is cut off first, so -0.5 is the first element; then a negative index counts from the end.
/// NaN is not an element.
pub(crate) fn element_index(index: f64, len: usize) -> Option<usize> {
    if index.is_nan() {
        return None;
    }
    let position = index as i64;
    let position = if position < 0 {
        len.checked_sub(usize::try_from(position.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(position).ok()?
    };
    (position < len).then_some(position)
}

/// Whether `has(index)` holds for an array of `len` elements: as for reading, but nothing counts from the end.
pub(crate) fn contains_index(index: f64, len: usize) -> bool {
    index > -1.0 && element_index(index, len).is_some()
}

/// The element that `del(.[index])` deletes: as for reading, but an index between -1 and 0 counts from the end, where
/// no element is.
pub(crate) fn deletion_index(index: f64, len: usize) -> Option<usize> {
    if index < 0.0 && index > -1.0 { None } else { element_index(index, len) }
}

/// The position at which `.[index] = …` stores, which may be beyond the end; or the text of jq's error.
pub(crate) fn store_index(index: f64, len: usize) -> Result<usize, &'static str> {
    /// The largest index that jq stores at.
    const MAX_INDEX: i64 = 0x1FFF_FFFF;
    if index.is_nan() {
        return Err("Cannot set array element at NaN index");
    }
    let position = index as i64;
    if position < 0 {
        element_index(index, len).ok_or("Out of bounds negative array index")
    } else if position > MAX_INDEX {
        Err("Array index too large")
    } else {
        usize::try_from(position).map_err(|_| "Array index too large")
    }
}

/// The range that a slice takes of `len` elements or characters; the start is never after the end.
///
/// A missing bound (jq's null) and NaN stand for the whole. A negative bound counts from the end with its fraction,
/// then both stop at the ends; then the start is rounded down and the end up.
pub(crate) fn slice_bounds(start: Option<f64>, end: Option<f64>, len: usize) -> (usize, usize) {
    let size = len as f64;
    let bound = |bound: Option<f64>, missing: f64| {
        let bound = bound.filter(|bound| !bound.is_nan()).unwrap_or(missing);
        if bound < 0.0 { (bound + size).max(0.0) } else { bound.min(size) }
    };
    let start = bound(start, 0.0) as usize;
    let end = bound(end, size);
    let floor = end as usize;
    let end = if (floor as f64) < end { floor + 1 } else { floor };
    (start.min(len), end.clamp(start.min(len), len))
}

/// jq fails with "Repeat string result too long" where a string repeated would have more bytes than this.
pub(crate) const REPETITION_LIMIT: u64 = 2_147_483_638;

/// How often `string * times` repeats the string: the fraction is cut off. None, for jq's null, below zero and for NaN;
/// 0 and -0 give an empty string.
pub(crate) fn repetitions(times: f64) -> Option<u64> {
    (times >= 0.0).then_some(times as u64)
}
