//! A plain bump with reset: the floor under every allocator, in time and in code. It reuses nothing before all blocks
//! of a request are freed, so it cannot free a block alone. It grows the memory like the others.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

/// Bytes of a page of linear memory.
const PAGE: usize = 64 << 10;

pub(super) struct Bump {
    /// The address of the next block; 0 before the first one.
    next: Cell<usize>,
    /// The end of the memory that it may use.
    end: Cell<usize>,
    /// Blocks below it are never reused.
    floor: Cell<usize>,
    /// Blocks alive at or above the floor.
    live: Cell<usize>,
}

// SAFETY: a module without atomics has one thread.
unsafe impl Sync for Bump {}

impl Bump {
    pub(super) const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0), floor: Cell::new(0), live: Cell::new(0) }
    }

    /// What was allocated until now stays.
    pub(super) fn configured(&self) {
        self.floor.set(self.next.get());
        self.live.set(0);
    }

    /// Makes room up to `end`.
    #[cold]
    fn grow(&self, end: usize) -> bool {
        let missing = (end - self.end.get()).div_ceil(PAGE);
        // A sixteenth more, so that it grows rarely.
        let wanted = missing + wasm32::memory_size(0) / 16;
        let before = wasm32::memory_grow(0, wanted);
        if before == usize::MAX {
            return false;
        }
        self.end.set((before + wanted) * PAGE);
        true
    }
}

// SAFETY: blocks are disjoint, aligned and in the memory; the bump goes back only when none above the floor is alive.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            // Wastes what lies between `__heap_base` and the page's end.
            let end = wasm32::memory_size(0) * PAGE;
            self.next.set(end);
            self.end.set(end);
        }
        let block = self.next.get().next_multiple_of(layout.align());
        let Some(end) = block.checked_add(layout.size()) else { return ptr::null_mut() };
        if end > self.end.get() && !self.grow(end) {
            return ptr::null_mut();
        }
        self.next.set(end);
        self.live.set(self.live.get() + 1);
        ptr::with_exposed_provenance_mut(block)
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, _: Layout) {
        if pointer.addr() < self.floor.get() {
            return;
        }
        self.live.set(self.live.get() - 1);
        if self.live.get() == 0 {
            self.next.set(self.floor.get());
        }
    }
}
