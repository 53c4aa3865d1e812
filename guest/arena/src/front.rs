//! The scope front: its position, and which bytes it has written.
//!
//! Grows downward from the region's end, in exact sizes, without lists and headers. It does not
//! know which block belongs to which phase: each phase (`arena/running.rs`) keeps the front's
//! position from before it began.
//!
//! Invariant: `top` is the lowest byte in use. `low` is the lowest byte used since the bytes
//! between the fronts were last zeroed; it is updated lazily, like the heap's `mark`: `min(low,
//! top)` counts.
//!
//! Functions that return memory are `unsafe`: they rely on the caller's value of the heap's bump.

use core::alloc::Layout;
use core::cell::Cell;
use core::cmp::{max, min};
use core::ptr::NonNull;

use crate::region::Region;
use crate::scrub::Scrub;

pub(crate) struct ScopeFront {
    top: Cell<u32>,
    low: Cell<u32>,
    /// How many phases are running, nested.
    depth: Cell<u32>,
}

impl ScopeFront {
    pub(crate) const fn new() -> Self {
        Self { top: Cell::new(0), low: Cell::new(0), depth: Cell::new(0) }
    }

    /// Places the front at the region's end; bytes from `low` on may be dirty.
    pub(crate) fn begin_at(&self, end: u32, low: u32) {
        self.top.set(end);
        self.low.set(low);
    }

    #[inline]
    pub(crate) fn top(&self) -> u32 {
        self.top.get()
    }

    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        self.depth.get()
    }

    /// From this offset on, bytes may be dirty.
    pub(crate) fn used_from(&self) -> u32 {
        min(self.low.get(), self.top.get())
    }

    /// A phase begins.
    pub(crate) fn enter(&self) -> u32 {
        let depth = self.depth.get() + 1;
        self.depth.set(depth);
        depth
    }

    /// The innermost phase ends: the front goes back to where it was when the phase began.
    pub(crate) fn leave(&self, top: u32) {
        debug_assert!(self.depth.get() > 0 && self.top.get() <= top);
        self.low.set(self.used_from());
        self.top.set(top);
        self.depth.set(self.depth.get() - 1);
    }

    /// Takes memory for a layout, above `bump`. Changes nothing if it does not fit.
    ///
    /// # Safety
    /// Nothing uses the bytes of `region` from `bump` up to `top`.
    #[inline]
    pub(crate) unsafe fn take(
        &self,
        region: &Region,
        bump: u32,
        layout: Layout,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        unsafe { self.take_below(region, bump, self.top.get(), layout) }
    }

    /// Gives up `old` at `block`, if it was taken last, and takes `new` instead, which may overlap
    /// it. Changes nothing if it does not fit.
    ///
    /// # Safety
    /// As for `take`; `old` is a block of this front, and the caller gives it up.
    pub(crate) unsafe fn extend_last(
        &self,
        region: &Region,
        bump: u32,
        (block, old): (NonNull<u8>, Layout),
        new: Layout,
    ) -> Option<NonNull<u8>> {
        if old.size() == 0 || region.offset_of(block.as_ptr()) != self.top.get() {
            return None;
        }
        // The block is in the region, so its size fits into `u32`.
        // SAFETY: the caller's promise; the block is the lowest in use.
        unsafe { self.take_below(region, bump, self.top.get() + old.size() as u32, new) }
    }

    /// # Safety
    /// Nothing uses the bytes of `region` from `bump` up to `end`.
    unsafe fn take_below(
        &self,
        region: &Region,
        bump: u32,
        end: u32,
        layout: Layout,
    ) -> Option<NonNull<u8>> {
        debug_assert!(bump <= end && end <= region.capacity(), "the fronts crossed");
        if layout.size() > (end - bump) as usize {
            return None;
        }
        let offset = end - layout.size() as u32;
        let align = u32::try_from(layout.align()).ok()?;
        let padding = region.padding_down(offset, align);
        if padding > offset - bump {
            return None;
        }
        self.top.set(offset - padding);
        NonNull::new(region.at(offset - padding))
    }

    /// Scrubs what this front has used and given back, above `bump`.
    #[inline]
    pub(crate) fn scrub(&self, region: &Region, bump: u32, scrub: Scrub) {
        let Some(byte) = scrub.byte() else { return };
        let top = self.top.get();
        // SAFETY: nothing is alive between the fronts.
        unsafe { region.fill(max(self.low.get(), bump), top, byte) };
        if scrub == Scrub::Zero {
            self.low.set(top);
        }
    }
}
