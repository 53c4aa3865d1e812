//! The region: one piece of memory, addressed by `u32` offsets from its base.
//!
//! All pointers of the arena are derived from one base pointer, so they keep their provenance; free
//! blocks store offsets, never addresses. This module does not know blocks and fronts.
//!
//! Invariant: the base is aligned to [`BASE_ALIGN`], the capacity is a multiple of it and below
//! 2 GiB, and `base..base + capacity` belongs to the arena alone (the contract of `attach`).

use core::cell::Cell;
use core::ptr::{self, NonNull};

/// Alignment of the base. For blocks with at most this alignment, offsets decide.
pub(crate) const BASE_ALIGN: u32 = 16;

/// The largest capacity: offsets plus sizes then stay within `u32`, and within `isize` on a
/// 32-bit target. Memory above it is not used.
pub(crate) const CAPACITY_MAX: u32 = (i32::MAX as u32) / BASE_ALIGN * BASE_ALIGN;

pub(crate) struct Region {
    base: Cell<*mut u8>,
    capacity: Cell<u32>,
}

impl Region {
    /// A region without memory: every allocation fails until `attach`.
    pub(crate) const fn detached() -> Self {
        Self { base: Cell::new(ptr::null_mut()), capacity: Cell::new(0) }
    }

    /// Takes the memory, trimmed to the alignment of the invariant.
    ///
    /// # Safety
    /// `len` bytes at `base` are valid for reads and writes, and nothing else uses them, for as long
    /// as this region or anything allocated in it is used. No offset was returned before.
    pub(crate) unsafe fn attach(&self, base: NonNull<u8>, len: usize) {
        let trim = base.addr().get().wrapping_neg() & (BASE_ALIGN as usize - 1);
        let len = len.saturating_sub(trim).min(CAPACITY_MAX as usize) as u32;
        self.base.set(base.as_ptr().wrapping_add(trim));
        self.capacity.set(len / BASE_ALIGN * BASE_ALIGN);
    }

    #[inline]
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity.get()
    }

    /// The pointer to an offset. Using the pointer is what needs a reason.
    #[inline]
    pub(crate) fn at(&self, offset: u32) -> *mut u8 {
        self.base.get().wrapping_add(offset as usize)
    }

    /// The offset of a pointer that was made by `at`.
    #[inline]
    pub(crate) fn offset_of(&self, pointer: *mut u8) -> u32 {
        let offset = pointer.addr().wrapping_sub(self.base.get().addr());
        debug_assert!(offset < self.capacity.get() as usize, "a pointer from somewhere else");
        offset as u32
    }

    /// The offset of a pointer to the end of something, which may be the region's own end.
    pub(crate) fn offset_of_end(&self, pointer: *mut u8) -> u32 {
        pointer.addr().wrapping_sub(self.base.get().addr()) as u32
    }

    /// The bytes from `offset` up to the next multiple of `align`, which is a power of two.
    #[inline]
    pub(crate) fn padding_up(&self, offset: u32, align: u32) -> u32 {
        (self.at(offset).addr() as u32).wrapping_neg() & (align - 1)
    }

    /// The bytes from `offset` down to the next multiple of `align`.
    #[inline]
    pub(crate) fn padding_down(&self, offset: u32, align: u32) -> u32 {
        (self.at(offset).addr() as u32) & (align - 1)
    }

    /// Reads the link that `write_link` left at `offset`.
    ///
    /// # Safety
    /// A link was written at `offset`, and nothing was written there since.
    #[inline]
    pub(crate) unsafe fn read_link(&self, offset: u32) -> u32 {
        // SAFETY: in range and initialised (the caller's promise), aligned because offsets of
        // blocks are multiples of 8 and the base is aligned to 16.
        unsafe { self.at(offset).cast::<u32>().read() }
    }

    /// Writes a link into a free block.
    ///
    /// # Safety
    /// The four bytes at `offset`, a multiple of 8, are in range and not in use.
    #[inline]
    pub(crate) unsafe fn write_link(&self, offset: u32, link: u32) {
        // SAFETY: in range and unused (the caller's promise), aligned as in `read_link`.
        unsafe { self.at(offset).cast::<u32>().write(link) }
    }

    /// Zeroes `from..to`; nothing if the range is empty or inverted.
    ///
    /// # Safety
    /// The range is in the region, and no reference to it is alive.
    pub(crate) unsafe fn zero(&self, from: u32, to: u32) {
        // SAFETY: the caller's promise.
        unsafe { self.fill(from, to, 0) }
    }

    /// Fills `from..to` with a byte; nothing if the range is empty or inverted.
    ///
    /// # Safety
    /// As for `zero`.
    pub(crate) unsafe fn fill(&self, from: u32, to: u32, byte: u8) {
        let len = to.saturating_sub(from) as usize;
        // SAFETY: in range and without aliases (the caller's promise).
        unsafe { self.at(from).write_bytes(byte, len) }
    }
}
