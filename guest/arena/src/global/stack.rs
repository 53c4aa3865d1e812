//! Zeroes what functions that have returned left on the stack in linear memory, which the linker
//! calls the shadow stack. It grows down, from `__stack_high` to `__stack_low`.
//!
//! Invariant: after [`scrub`], every byte of the stack below its caller's frame is zero.
//!
//! # How deep it looks
//!
//! All the way down. Nothing records how deep a request went. A run of zeroes proves nothing: a
//! function may have a large local array that it never wrote, and call another function below it.
//! So the whole stack is read from its end upward, and zeroed from the first byte that is not
//! zero. The cost is one read of the whole stack, whatever was used, and one write of the used
//! part.
//!
//! # Why it is sound
//!
//! - Below the frame of the function that runs, the stack belongs to no Rust object. Volatile
//!   accesses may reach memory outside of all Rust objects.
//! - Unoptimised code calls functions for a volatile access, and these have frames. So [`zero`]
//!   stays [`MARGIN`] below the frame of [`scrub`], which is far more than they need. [`cover`]
//!   then zeroes this margin as a local array of its own.

use core::hint::black_box;
use core::ptr;

/// What is read at once. A stack is aligned to 16 bytes, so this divides it.
#[cfg(target_feature = "simd128")]
type Word = core::arch::wasm32::v128;
#[cfg(not(target_feature = "simd128"))]
type Word = u64;

/// Words that are read before they are looked at.
const BLOCK: usize = 8;
const BLOCK_BYTES: usize = BLOCK * size_of::<Word>();

/// Bytes of the array in the frame of `cover`.
const COVER_BYTES: usize = 1024;

/// How far `zero` stays below the frame of `scrub`. It stops at a whole block, so the two overlap.
const MARGIN: usize = COVER_BYTES - BLOCK_BYTES;

/// Zeroes the stack below the caller's frame. Needs about 1 KiB of stack.
#[inline(never)]
pub(super) fn scrub() {
    // SAFETY: wasm-ld defines the symbol under this name for every module. It is never read.
    unsafe extern "C" {
        /// Set by the linker: the lowest address of the stack. Only its address has a meaning.
        static __stack_low: u8;
    }
    // The frame of this function is nothing but this value, and it is zero.
    let frame = 0_u128;
    let here = black_box(&raw const frame).addr();
    let low = (&raw const __stack_low).addr();
    let bytes = here.saturating_sub(MARGIN).saturating_sub(low);
    zero(low, low + bytes / BLOCK_BYTES * BLOCK_BYTES);
    cover();
    black_box(&raw const frame);
}

/// Zeroes from the first block in `low..end` that is not zero. Both are whole blocks apart.
#[inline(never)]
fn zero(low: usize, end: usize) {
    let mut at = low;
    while at < end && is_zero(at) {
        at += BLOCK_BYTES;
    }
    while at < end {
        // SAFETY: on the stack, at least `MARGIN` below the frame of `scrub`, so in no Rust object
        // (module documentation); aligned, because `low` is aligned to 16.
        unsafe { ptr::with_exposed_provenance_mut::<Word>(at).write_volatile(ZERO) };
        at += size_of::<Word>();
    }
}

/// Whether the block at this address is zero.
#[inline]
fn is_zero(at: usize) -> bool {
    let mut all = ZERO;
    for index in 0..BLOCK {
        let word = ptr::with_exposed_provenance::<Word>(at + index * size_of::<Word>());
        // SAFETY: as in `zero`. Whatever is there is a value of this type.
        all = or(all, unsafe { word.read_volatile() });
    }
    !is_any(all)
}

/// Zeroes the kibibyte below the caller's frame: it is the array.
#[inline(never)]
fn cover() {
    let mut array = [0_u8; COVER_BYTES];
    black_box(&raw mut array);
}

#[cfg(target_feature = "simd128")]
use simd::{ZERO, is_any, or};

#[cfg(target_feature = "simd128")]
mod simd {
    use core::arch::wasm32::{u64x2, v128, v128_any_true, v128_or};

    pub(super) const ZERO: v128 = u64x2(0, 0);

    pub(super) fn or(one: v128, other: v128) -> v128 {
        v128_or(one, other)
    }

    pub(super) fn is_any(word: v128) -> bool {
        v128_any_true(word)
    }
}

#[cfg(not(target_feature = "simd128"))]
use scalar::{ZERO, is_any, or};

#[cfg(not(target_feature = "simd128"))]
mod scalar {
    pub(super) const ZERO: u64 = 0;

    pub(super) fn or(one: u64, other: u64) -> u64 {
        one | other
    }

    pub(super) fn is_any(word: u64) -> bool {
        word != 0
    }
}
