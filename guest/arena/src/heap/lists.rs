//! The free lists of the heap front: one per size class, last in, first out.
//!
//! A listed block holds the offset of the next one in its first four bytes.
//!
//! Invariant: every listed block lies between floor and bump, and nothing uses it.

use core::cell::Cell;

use super::{HEADS, Heap, NIL};
use crate::classes::{self, CLASSES, GRANULE};
use crate::region::Region;

impl Heap {
    #[inline]
    pub(super) fn head(&self, class: usize) -> &Cell<u32> {
        &self.heads[class & (HEADS - 1)]
    }

    /// Puts a free block in front of its class's list.
    ///
    /// # Safety
    /// The block of this class at `offset` lies between floor and bump, nothing uses it, and no
    /// list holds any of its bytes.
    #[inline]
    pub(super) unsafe fn list(&self, region: &Region, class: usize, offset: u32) {
        debug_assert!(offset.is_multiple_of(GRANULE) && self.floor.get() <= offset);
        debug_assert!(offset + classes::class_size(class) <= self.bump.get());
        let head = self.head(class);
        // SAFETY: the caller's promise; a block has at least 8 bytes.
        unsafe { region.write_link(offset, head.get()) };
        head.set(offset);
        self.listed.set(true);
    }

    /// Lists `len` unused bytes, a multiple of 8, as blocks of the largest classes that fit.
    ///
    /// # Safety
    /// As for `list`, for all of the bytes.
    pub(super) unsafe fn list_span(&self, region: &Region, mut offset: u32, mut len: u32) {
        while len >= GRANULE {
            let class = classes::class_within(len);
            // SAFETY: the caller's promise; the block is part of the span.
            unsafe { self.list(region, class, offset) };
            offset += classes::class_size(class);
            len -= classes::class_size(class);
        }
    }

    #[inline]
    pub(super) fn clear_lists(&self) {
        if self.listed.replace(false) {
            for head in &self.heads {
                head.set(NIL);
            }
        }
    }

    /// Visits every listed block.
    pub(crate) fn listed(&self, region: &Region, mut visit: impl FnMut(*mut u8, usize)) {
        for class in 0..CLASSES {
            let mut offset = self.head(class).get();
            while offset != NIL {
                // SAFETY: a listed block holds its link, and nothing else uses it (invariant).
                let next = unsafe { region.read_link(offset) };
                visit(region.at(offset), classes::class_size(class) as usize);
                offset = next;
            }
        }
    }

    /// Fills every listed block with a byte, and with it the links.
    ///
    /// # Safety
    /// The caller clears the lists before anything reads them.
    #[cold]
    pub(super) unsafe fn fill_listed(&self, region: &Region, byte: u8) {
        self.listed(region, |block, len| {
            // SAFETY: nothing uses a listed block, and its link has been read.
            unsafe { block.write_bytes(byte, len) };
        });
    }
}
