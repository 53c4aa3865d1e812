//! Chooses the part of the arena for an allocation, and for a block.
//!
//! For an allocation the mode decides, for a block always its address: above the floor it belongs
//! to the heap, below the persistent part's end to talc, and between them it is sealed. The fast
//! path of an allocation is here too.

use core::alloc::{GlobalAlloc, Layout};
use core::cmp::min;
use core::ptr::{self, NonNull};

use super::Arena;
use super::running::Keeping;
use crate::classes::{GRANULE, SIZE_MAX};

/// An aligned pointer without memory.
fn dangling(layout: Layout) -> *mut u8 {
    layout.dangling_ptr().as_ptr()
}

impl Arena {
    /// The `realloc` of the canonical ABI. An old size of zero means a new block; a new size of
    /// zero gives an aligned pointer without memory. Begins a request. Null if the arena is
    /// exhausted; the old block is then unchanged.
    ///
    /// # Safety
    /// If `old_size` is not zero, `pointer` is a block alive of this arena with that size and
    /// alignment.
    pub unsafe fn host_realloc(
        &self,
        pointer: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        self.begin_request();
        let Ok(new) = Layout::from_size_align(new_size, align) else {
            return ptr::null_mut();
        };
        if old_size == 0 {
            // SAFETY: the new size is not zero.
            return if new_size == 0 { dangling(new) } else { unsafe { self.alloc(new) } };
        }
        let Ok(old) = Layout::from_size_align(old_size, align) else {
            return ptr::null_mut();
        };
        if new_size == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(pointer, old) };
            return dangling(new);
        }
        // SAFETY: the caller's promise; the new size is valid with this alignment.
        unsafe { self.realloc(pointer, old, new_size) }
    }

    /// The common case: an allocation on the heap front, from a list or from the bump. `None`
    /// before `configured`, also in an arena that has no region yet.
    #[inline]
    pub(crate) fn alloc_fast(&self, layout: Layout) -> Option<*mut u8> {
        let fast = self.to_heap.get()
            && layout.align() <= GRANULE as usize
            // On a 32-bit target every `Layout` is smaller.
            && (cfg!(target_pointer_width = "32") || layout.size() <= SIZE_MAX as usize);
        if !fast {
            return None;
        }
        let offset = self.heap.alloc(&self.region, self.scopes.top(), layout.size() as u32)?;
        Some(self.region.at(offset))
    }

    /// An allocation that the fast path could not serve.
    #[cold]
    #[inline(never)]
    pub(crate) fn alloc_routed(&self, layout: Layout) -> *mut u8 {
        if self.to_heap.get() {
            return self.alloc_heap(layout);
        }
        match self.alloc_persistent(layout) {
            Some(block) => block.as_ptr(),
            None if self.configured.get() => {
                let block = self.alloc_heap(layout);
                self.spills.set(self.spills.get() + u64::from(!block.is_null()));
                block
            }
            None => ptr::null_mut(),
        }
    }

    fn alloc_heap(&self, layout: Layout) -> *mut u8 {
        if layout.size() > SIZE_MAX as usize || layout.align() > SIZE_MAX as usize {
            return ptr::null_mut();
        }
        let (size, align) = (layout.size() as u32, layout.align() as u32);
        match self.heap.alloc_slow(&self.region, self.scopes.top(), size, align) {
            Some(offset) => self.region.at(offset),
            None => ptr::null_mut(),
        }
    }

    fn alloc_persistent(&self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.persistent.alloc(&self.region, self.scopes.top(), layout);
        if !self.configured.get() {
            // Also if it failed: the part may have been extended.
            self.heap.rise_to(self.persistent.start(&self.region), self.scopes.top());
        }
        block
    }

    /// Frees a block below the floor: one of the persistent part, or a sealed one.
    ///
    /// # Safety
    /// As for `dealloc`; `offset` is the block's, and below the floor.
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_below_floor(&self, offset: u32, layout: Layout) {
        if offset < self.persistent.end() {
            // SAFETY: the caller's promise; the part's blocks are exactly those below its end.
            unsafe { self.persistent.free(self.region.at(offset), layout) };
        } else {
            debug_assert!(self.heap.start() <= offset, "a block from between the parts");
            // SAFETY: the caller's promise: between the parts, such a block is a sealed one.
            unsafe { self.heap.free_sealed(&self.region, self.scopes.top()) };
        }
    }

    /// Changes a block's size without moving it, if possible.
    ///
    /// # Safety
    /// As for `realloc`, with `offset` the block's.
    #[inline]
    unsafe fn resize(&self, offset: u32, layout: Layout, size: usize) -> bool {
        if offset < self.persistent.end() {
            // A size beyond the region could wrap talc's arithmetic.
            return size <= (self.region.capacity() - offset) as usize
                // SAFETY: the caller's promise; the part's blocks are those below its end.
                && unsafe { self.persistent.resize(self.region.at(offset), layout, size) };
        }
        if size > SIZE_MAX as usize {
            return false;
        }
        let sizes = (layout.size() as u32, size as u32);
        // SAFETY: the caller's promise; both sizes are at most `SIZE_MAX`.
        unsafe { self.heap.resize(&self.region, self.scopes.top(), offset, sizes) }
    }

    /// # Safety
    /// As for `realloc`, with `offset` the block's.
    #[cold]
    #[inline(never)]
    unsafe fn realloc_move(&self, offset: u32, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        // A persistent block stays persistent in every mode.
        let _keeping = (offset < self.persistent.end()).then(|| Keeping::enter(self));
        // SAFETY: `GlobalAlloc` allows no empty layout, and neither did our caller.
        let moved = unsafe { self.alloc(new) };
        if moved.is_null() {
            return moved;
        }
        let old = self.region.at(offset);
        // SAFETY: both blocks are alive, hence disjoint, and hold the lesser of the two sizes.
        unsafe { old.copy_to_nonoverlapping(moved, min(layout.size(), size)) };
        // SAFETY: the caller's promise; the old block is not used any more.
        unsafe { self.dealloc(old, layout) };
        moved
    }
}

// SAFETY: blocks come from the three parts, each of which hands out disjoint, aligned, sufficient
// memory that stays as it is until freed (their invariants); errors are null; nothing unwinds unless a
// caller broke its promise, and then only an assertion does.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.alloc_fast(layout) {
            Some(block) => block,
            None => self.alloc_routed(layout),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let offset = self.region.offset_of(pointer);
        if offset < self.heap.floor() {
            // SAFETY: the caller's promise, and the comparison.
            return unsafe { self.dealloc_below_floor(offset, layout) };
        }
        // SAFETY: the caller's promise, and the comparison.
        unsafe { self.heap.free(&self.region, self.scopes.top(), offset, layout.size() as u32) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // Read before the allocation: below this offset the bytes may be dirty, above it they are
        // as they were at first.
        let used_below = if self.to_heap.get() { self.heap.used_below() } else { u32::MAX };
        // SAFETY: the caller's promise.
        let block = unsafe { self.alloc(layout) };
        if block.is_null() {
            return block;
        }
        let from = self.region.offset_of(block);
        // The block is in the region, so its size fits into `u32`.
        let end = from + layout.size() as u32;
        let to = if end <= self.scopes.used_from() { min(end, used_below) } else { end };
        // SAFETY: `from..to` is part of the new block.
        unsafe { self.region.zero(from, to) };
        block
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let offset = self.region.offset_of(pointer);
        // SAFETY: the caller's promise.
        if unsafe { self.resize(offset, layout, size) } {
            return self.region.at(offset);
        }
        // SAFETY: the caller's promise.
        unsafe { self.realloc_move(offset, layout, size) }
    }
}
