//! Size classes: the free list that a block belongs to, and the bytes that it occupies.
//!
//! Pure arithmetic on `u32`, no memory and no unsafe code. 8 to 64 bytes in steps of 8, then four
//! classes per doubling: 44 classes up to 32 KiB, and the same spacing up to 2 GiB. A block is
//! at most 25 % larger than the requested size (or 7 bytes, below 64).
//!
//! Invariant: a block's size depends only on the requested size. So `dealloc` can compute it from
//! the `Layout`, and no header is needed.
#![forbid(unsafe_code)]

/// Every block's offset and size is a multiple of this; also the smallest block.
pub const GRANULE: u32 = 8;

/// The number of classes. The last one has blocks of 2 GiB, the largest that can be requested.
pub const CLASSES: usize = 108;

/// The largest size for which this arithmetic is defined: that of the largest class.
pub const SIZE_MAX: u32 = 1 << 31;

/// Up to here the classes are one granule apart.
const LINEAR_MAX: u32 = 64;
const LINEAR_CLASSES: u32 = LINEAR_MAX / GRANULE;
const LINEAR_MAX_LOG2: u32 = LINEAR_MAX.ilog2();
/// log2 of the classes per doubling above `LINEAR_MAX`.
const STEPS_LOG2: u32 = 2;
const STEPS: u32 = 1 << STEPS_LOG2;

/// The smallest class with blocks of at least `size` bytes. A size of zero counts as one.
///
/// Below `CLASSES` for every `size` up to [`SIZE_MAX`].
#[inline]
#[must_use]
pub const fn class_of(size: u32) -> usize {
    let last = size.saturating_sub(1);
    if last < LINEAR_MAX {
        return (last / GRANULE) as usize;
    }
    // `last` is in [2^log2, 2^(log2+1)): its two bits below the leading one choose the step.
    let log2 = 31 - last.leading_zeros();
    let step = (last >> (log2 - STEPS_LOG2)) - STEPS;
    (LINEAR_CLASSES + (log2 - LINEAR_MAX_LOG2) * STEPS + step) as usize
}

/// The bytes that a block for `size` bytes occupies: `class_size(class_of(size))`, but cheaper.
#[inline]
#[must_use]
pub const fn block_size(size: u32) -> u32 {
    let last = size.saturating_sub(1);
    if last < LINEAR_MAX {
        return (last / GRANULE + 1) * GRANULE;
    }
    let shift = 31 - STEPS_LOG2 - last.leading_zeros();
    ((last >> shift) + 1) << shift
}

/// The size of the blocks of a class below `CLASSES`.
#[inline]
#[must_use]
pub const fn class_size(class: usize) -> u32 {
    let class = class as u32;
    if class < LINEAR_CLASSES {
        return (class + 1) * GRANULE;
    }
    let (doublings, step) = ((class - LINEAR_CLASSES) / STEPS, (class - LINEAR_CLASSES) % STEPS);
    (STEPS + step + 1) << (doublings + LINEAR_MAX_LOG2 - STEPS_LOG2)
}

/// The largest class with blocks of at most `size` bytes. `size` must be at least `GRANULE`.
#[inline]
#[must_use]
pub const fn class_within(size: u32) -> usize {
    let class = class_of(size);
    if class_size(class) > size { class - 1 } else { class }
}
