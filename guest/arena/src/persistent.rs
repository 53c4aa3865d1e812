//! The persistent part, at the region's lower end: allocations that live as long as the instance.
//!
//! It is a general allocator with coalescing, the `talc` crate, over `ORIGIN..end`. It extends
//! upward until the heap front above it begins, and is then frozen. It is never reset. This module
//! decides which memory talc gets; talc manages blocks and bins.
//!
//! talc's search has one limit: it compares `gap + size` with the gap's end by pointer arithmetic,
//! which is only defined while the sum stays in the region. No gap begins above the highest one,
//! so a search runs only if the block would fit into the region from there on. Therefore a gap
//! *inside* the part may stay unused if it is larger than the distance between the highest block
//! and the region's end.

use core::alloc::Layout;
use core::cell::{Cell, UnsafeCell};
use core::cmp::{max, min};
use core::ptr::NonNull;

use talc::base::binning::{Binning, linear_extent_then_linearly_divided_exponential_binning};
use talc::base::{CHUNK_UNIT, Talc};
use talc::source::Manual;

use crate::region::{BASE_ALIGN, Region};

/// The offset at which the part begins. No block has offset zero, which means "no block" in lists.
const ORIGIN: u32 = BASE_ALIGN;

/// The part extends by at least this much, so that it extends rarely.
const STEP: u32 = 64 << 10;

/// Four bins per doubling from four units up to 2 GiB: the last bin, which talc must search
/// linearly because its gaps may be too small, is out of reach.
struct Bins;

impl Binning for Bins {
    type AvailabilityBitField = [u64; 2];

    const BIN_COUNT: u32 = 112;

    #[inline]
    fn size_to_bin(size: usize) -> u32 {
        linear_extent_then_linearly_divided_exponential_binning::<4, 1>(size)
    }
}

// talc ends its heap at a multiple of its unit. `start` rounds that end up to `BASE_ALIGN`, which
// must not reach into the front above.
const _: () = assert!((CHUNK_UNIT as u32).is_multiple_of(BASE_ALIGN));

pub(crate) struct Persistent {
    talc: UnsafeCell<Talc<Manual, Bins>>,
    /// The end of talc's heap; `None` before its first claim.
    talc_end: Cell<Option<NonNull<u8>>>,
    /// The same as an offset; 0 before the first claim.
    end: Cell<u32>,
    frozen: Cell<bool>,
}

impl Persistent {
    pub(crate) const fn new() -> Self {
        Self {
            talc: UnsafeCell::new(Talc::new(Manual)),
            talc_end: Cell::new(None),
            end: Cell::new(0),
            frozen: Cell::new(false),
        }
    }

    /// The first offset above this part.
    pub(crate) fn end(&self) -> u32 {
        self.end.get()
    }

    /// The lowest offset at which the heap front may begin.
    pub(crate) fn start(&self, region: &Region) -> u32 {
        let end = max(self.end.get(), ORIGIN);
        min(end.next_multiple_of(BASE_ALIGN), region.capacity())
    }

    /// Allocates; extends the part up to `limit` if that is needed and it is not frozen.
    pub(crate) fn alloc(&self, region: &Region, limit: u32, layout: Layout) -> Option<NonNull<u8>> {
        let need = Need::of(region, layout)?;
        if self.talc_end.get().is_none() {
            if self.frozen.get() {
                return None;
            }
            let tables = talc::min_first_heap_size::<Bins>() as u32;
            self.claim(region, limit, max(tables + need.chunk + need.padding, STEP))?;
        }
        // The end of the block if it were placed above the highest one.
        let need_end = self.used_top(region)?.saturating_add(need.padding + need.chunk);
        if need_end > region.capacity() {
            return None;
        }
        // SAFETY: no sum leaves the region, by the comparison.
        if let Some(block) = unsafe { self.search(layout) } {
            return Some(block);
        }
        if self.frozen.get() || need_end > limit {
            return None;
        }
        self.move_end(region, min(need_end + STEP, limit));
        // SAFETY: as above; the highest block is where it was.
        unsafe { self.search(layout) }
    }

    /// Frees a block of this part.
    ///
    /// # Safety
    /// `pointer` was returned by this part for `layout`, derived from the region's base, and is
    /// not used any more.
    pub(crate) unsafe fn free(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is talc's condition.
        self.with(|talc| unsafe { talc.deallocate(pointer, at_least_one(layout)) });
    }

    /// Changes a block's size without moving it; `false` if that is not possible.
    ///
    /// # Safety
    /// As for `free`, except that the pointer stays in use.
    pub(crate) unsafe fn resize(&self, pointer: *mut u8, layout: Layout, size: usize) -> bool {
        // SAFETY: the caller's promise is talc's condition; the size is not zero.
        self.with(|talc| unsafe {
            talc.try_realloc_in_place(pointer, at_least_one(layout), max(size, 1))
        })
    }

    /// Fixes the part's end at what is used plus `headroom`, at most `limit`.
    pub(crate) fn freeze(&self, region: &Region, limit: u32, headroom: u32) {
        if self.frozen.replace(true) {
            return;
        }
        if let Some(top) = self.used_top(region) {
            // Below 2 GiB each: the sum does not wrap.
            let end = max(min(top + headroom, limit), top);
            self.move_end(region, end);
        } else {
            // Nothing persistent was allocated so far. If the headroom is too small for talc's
            // tables, the part stays empty.
            let _ = self.claim(region, limit, headroom);
        }
    }

    /// Gives talc its first memory, which begins with talc's tables.
    fn claim(&self, region: &Region, limit: u32, len: u32) -> Option<()> {
        let (base, len) = (region.at(ORIGIN), min(limit.checked_sub(ORIGIN)?, len) as usize);
        // SAFETY: `ORIGIN..ORIGIN + len` is below `limit`, so in the region and not in use.
        let end = self.with(|talc| unsafe { talc.claim(base, len) })?;
        self.set_end(region, end);
        Some(())
    }

    /// # Safety
    /// The block would fit into the region above the highest one (see the module's head).
    unsafe fn search(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not zero; talc's sums stay in the region (the caller's promise).
        self.with(|talc| unsafe { talc.try_allocate(at_least_one(layout)) })
    }

    /// The end of the highest block. Above it there is only a gap.
    fn used_top(&self, region: &Region) -> Option<u32> {
        let end = self.talc_end.get()?;
        // SAFETY: `talc_end` is always what talc returned last for its only heap.
        let reserved = self.with(|talc| unsafe { talc.reserved(end) });
        Some(region.offset_of_end(reserved.up_to.as_ptr()))
    }

    fn move_end(&self, region: &Region, end: u32) {
        let Some(old) = self.talc_end.get() else { return };
        let new = region.at(end);
        // SAFETY: `old` is talc's heap end. All callers keep `end` below the other fronts and at or
        // above the top block: what is taken is free, what is given up is not used. The heap is
        // never deleted, because talc's tables are its first block.
        if let Some(moved) = self.with(|talc| unsafe { talc.resize(old, new) }) {
            self.set_end(region, moved);
        }
    }

    fn set_end(&self, region: &Region, end: NonNull<u8>) {
        self.talc_end.set(Some(end));
        self.end.set(region.offset_of_end(end.as_ptr()));
    }

    fn with<R>(&self, f: impl FnOnce(&mut Talc<Manual, Bins>) -> R) -> R {
        // SAFETY: the only place that borrows it; the arena is not `Sync`, and talc calls nothing
        // of ours (its source is `Manual`), so no second borrow can begin before this one ends.
        f(unsafe { &mut *self.talc.get() })
    }
}

/// The bytes that an allocation needs. The chunk is at most 2^31 and the padding, a power of two
/// below the capacity, at most 2^30: their sum with a few KiB more does not wrap.
struct Need {
    /// Bytes of the chunk: the size plus talc's tag, rounded up to its unit.
    chunk: u32,
    /// Bytes that may be lost to an alignment beyond that of every chunk.
    padding: u32,
}

impl Need {
    /// `None` if it could not fit into the region at all.
    fn of(region: &Region, layout: Layout) -> Option<Self> {
        let capacity = region.capacity() as usize;
        if layout.size() >= capacity || layout.align() >= capacity {
            return None;
        }
        let chunk = (layout.size().max(1) + size_of::<usize>()).next_multiple_of(CHUNK_UNIT);
        let padding = if layout.align() > CHUNK_UNIT { layout.align() } else { 0 };
        Some(Self { chunk: chunk as u32, padding: padding as u32 })
    }
}

/// talc does not allow empty layouts. One byte occupies the same chunk.
fn at_least_one(layout: Layout) -> Layout {
    if layout.size() == 0 {
        Layout::from_size_align(1, layout.align())
            .expect("`Need::of` admits only alignments below the region's capacity")
    } else {
        layout
    }
}
