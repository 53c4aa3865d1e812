//! The heap front: a *reap* (region and heap; Berger, Zorn and McKinley, OOPSLA 2002) that grows
//! upward.
//!
//! A bump offset, and one LIFO list of free blocks per size class. There are no headers (the
//! `Layout` gives the size) and no coalescing: the reset does that. This module does not know where
//! scopes or the persistent part are; each call that may grow passes the `limit`.
//!
//! Invariants (tested by the property tests):
//! - `start <= floor <= bump <= limit`, all multiples of 8.
//! - The live blocks above the floor and the listed blocks tile `floor..bump`, without a gap and
//!   without an overlap. Only what is freed after the end of a request, and before a reset or the
//!   next request, is in neither.
//! - `live == 0` implies `bump == floor` and empty lists.
//! - Nothing below the floor is ever listed, and freeing it never moves the bump.
//! - Bytes at or above `max(mark, bump)` have not been written by this front since they were zero.
//!
//! This module and `arena` are one boundary of safety. Each function relies on two arguments: the
//! region of its arena, and as `limit` the lowest offset that the scope front uses. A function that
//! relies on more is `unsafe`.

mod lists;

use core::cell::Cell;
use core::cmp::{max, min};

use crate::classes::{self, CLASSES, GRANULE};
use crate::region::Region;
use crate::scrub::Scrub;

/// The end of a list. No block lies there, because the region's first bytes are reserved.
const NIL: u32 = 0;

/// The message of the panic when more blocks are freed than were allocated.
const NONE_ALIVE: &str = "a block was freed although none is alive";

/// `CLASSES` rounded up to a power of two: a masked index then needs no bounds check.
const HEADS: usize = CLASSES.next_power_of_two();

pub(crate) struct Heap {
    /// The offset of the next block that does not come from a list.
    bump: Cell<u32>,
    /// Blocks below it belong to earlier requests (sealed). Nothing below it is reused.
    floor: Cell<u32>,
    /// Blocks alive above the floor.
    live: Cell<u32>,
    /// Whether any list may be non-empty.
    listed: Cell<bool>,
    /// Whether the request is over. What is freed then is not listed: usually all of it is, and the
    /// reset follows.
    ended: Cell<bool>,
    /// The highest value of `bump` since the bytes below it were last zeroed. Kept up to date
    /// only when the bump goes down: the truth is `max(mark, bump)`.
    mark: Cell<u32>,
    /// The least distance between the fronts since the last `swap_room_min`; lazy like `mark`.
    room_min: Cell<u32>,
    /// First block of each class's list, or `NIL`.
    heads: [Cell<u32>; HEADS],
    /// The offset at which the front begins, above the persistent part.
    start: Cell<u32>,
    /// Blocks alive below the floor.
    sealed_live: Cell<u32>,
    /// What a reset does with the memory that was used.
    scrub: Cell<Scrub>,
    resets: Cell<u64>,
}

impl Heap {
    pub(crate) const fn new() -> Self {
        Self {
            bump: Cell::new(0),
            floor: Cell::new(0),
            live: Cell::new(0),
            listed: Cell::new(false),
            ended: Cell::new(false),
            mark: Cell::new(0),
            room_min: Cell::new(0),
            heads: [const { Cell::new(NIL) }; HEADS],
            start: Cell::new(0),
            sealed_live: Cell::new(0),
            scrub: Cell::new(Scrub::Off),
            resets: Cell::new(0),
        }
    }

    /// Places the front at `start`, before its first block; bytes below `mark` may be dirty.
    pub(crate) fn begin_at(&self, start: u32, mark: u32, limit: u32) {
        debug_assert!(self.live.get() == 0 && self.sealed_live.get() == 0);
        debug_assert!(NIL < start || limit == 0, "offset zero means the end of a list");
        debug_assert!(start <= limit && start.is_multiple_of(GRANULE));
        self.start.set(start);
        self.floor.set(start);
        self.bump.set(start);
        self.mark.set(max(self.mark.get(), mark));
        self.room_min.set(limit - start);
    }

    /// Makes room for a persistent part that was extended, before the first block. The maximum of
    /// bytes in use stays the same.
    pub(crate) fn rise_to(&self, start: u32, limit: u32) {
        debug_assert!(self.live.get() == 0 && self.floor.get() <= start);
        debug_assert!(start <= limit && start.is_multiple_of(GRANULE));
        let rise = start - self.start.get();
        self.room_min.set(self.room_min.get().saturating_sub(rise));
        self.start.set(start);
        self.floor.set(start);
        self.bump.set(start);
    }

    pub(crate) fn start(&self) -> u32 {
        self.start.get()
    }

    #[inline]
    pub(crate) fn floor(&self) -> u32 {
        self.floor.get()
    }

    #[inline]
    pub(crate) fn bump(&self) -> u32 {
        self.bump.get()
    }

    /// From this offset on, the front has not written any byte.
    pub(crate) fn used_below(&self) -> u32 {
        max(self.mark.get(), self.bump.get())
    }

    pub(crate) fn resets(&self) -> u64 {
        self.resets.get()
    }

    pub(crate) fn live(&self) -> u32 {
        self.live.get()
    }

    pub(crate) fn scrub(&self) -> Scrub {
        self.scrub.get()
    }

    pub(crate) fn set_scrub(&self, scrub: Scrub) {
        self.scrub.set(scrub);
    }

    /// The common case: a block of the right class from its list, or from the bump, aligned to 8.
    /// After `None` the caller tries `alloc_slow`.
    #[inline]
    pub(crate) fn alloc(&self, region: &Region, limit: u32, size: u32) -> Option<u32> {
        let head = self.head(classes::class_of(size));
        let listed = head.get();
        if listed != NIL {
            debug_assert!(self.floor.get() <= listed && listed < self.bump.get());
            // SAFETY: a listed block holds its link and nothing else uses it (invariant).
            head.set(unsafe { region.read_link(listed) });
            self.live.set(self.live.get() + 1);
            return Some(listed);
        }
        let (block, bump) = (classes::block_size(size), self.bump.get());
        if block <= limit - bump {
            self.bump.set(bump + block);
            self.live.set(self.live.get() + 1);
            return Some(bump);
        }
        None
    }

    /// The other cases: larger alignments, and exhaustion. Then larger free blocks are split.
    /// `size` and `align` are at most `SIZE_MAX`, so no sum below wraps.
    #[cold]
    #[inline(never)]
    pub(crate) fn alloc_slow(
        &self,
        region: &Region,
        limit: u32,
        size: u32,
        align: u32,
    ) -> Option<u32> {
        let block = classes::block_size(size);
        let offset = self
            .pop_aligned(region, classes::class_of(size), align)
            .or_else(|| self.bump_aligned(region, limit, block, align))
            .or_else(|| self.carve(region, block, align))?;
        debug_assert!(self.floor.get() <= offset && offset + block <= self.bump.get());
        self.live.set(self.live.get() + 1);
        Some(offset)
    }

    fn pop_aligned(&self, region: &Region, class: usize, align: u32) -> Option<u32> {
        let head = self.head(class);
        let listed = head.get();
        if listed == NIL || region.padding_up(listed, align) != 0 {
            return None;
        }
        // SAFETY: as in `alloc`.
        head.set(unsafe { region.read_link(listed) });
        Some(listed)
    }

    fn bump_aligned(&self, region: &Region, limit: u32, block: u32, align: u32) -> Option<u32> {
        let bump = self.bump.get();
        let padding = region.padding_up(bump, align);
        if padding + block > limit - bump {
            return None;
        }
        self.bump.set(bump + padding + block);
        // SAFETY: the bump has just passed the padding, which belongs to no block.
        unsafe { self.list_span(region, bump, padding) };
        Some(bump + padding)
    }

    /// Cuts a block out of the smallest listed block that certainly holds it, and lists the rest.
    fn carve(&self, region: &Region, block: u32, align: u32) -> Option<u32> {
        let slack = align.saturating_sub(GRANULE);
        let class = (classes::class_of(block + slack)..CLASSES)
            .find(|&class| self.head(class).get() != NIL)?;
        let head = self.head(class);
        let found = head.get();
        // SAFETY: as in `alloc`.
        head.set(unsafe { region.read_link(found) });
        let padding = region.padding_up(found, align);
        debug_assert!(padding + block <= classes::class_size(class));
        // SAFETY: part of the block that was just taken from its list.
        unsafe { self.list_span(region, found, padding) };
        let rest = classes::class_size(class) - padding - block;
        // SAFETY: another part of it, beyond what is returned.
        unsafe { self.list_span(region, found + padding + block, rest) };
        Some(found + padding)
    }

    /// Frees a block above the floor that was allocated for `size` bytes.
    ///
    /// # Safety
    /// `offset` is such a block, alive until now.
    #[inline]
    pub(crate) unsafe fn free(&self, region: &Region, limit: u32, offset: u32, size: u32) {
        let live = self.live.get().wrapping_sub(1);
        self.live.set(live);
        // There are fewer than 2^31 blocks. A negative count is a bug, which `reset` reports.
        if live as i32 <= 0 {
            self.reset(region, limit);
        } else if self.ended.get() {
            // Its bytes are free again with the reset, or sealed.
        } else if offset + classes::block_size(size) == self.bump.get() {
            self.note_retreat(limit);
            self.bump.set(offset);
        } else {
            // SAFETY: the caller gives the block up.
            unsafe { self.list(region, classes::class_of(size), offset) };
        }
    }

    /// The request is over. Not with scrub on: a block that is sealed unlisted is not scrubbed.
    #[inline]
    pub(crate) fn end(&self) {
        self.ended.set(self.scrub.get() == Scrub::Off);
    }

    /// Changes a block's size without moving it, if possible. Shrinking always is; growing is if it
    /// is the top block.
    ///
    /// # Safety
    /// `offset` is a block alive, allocated for `old` bytes, and `new` is at most `SIZE_MAX`.
    #[inline]
    pub(crate) unsafe fn resize(
        &self,
        region: &Region,
        limit: u32,
        offset: u32,
        (old, new): (u32, u32),
    ) -> bool {
        let (old_block, new_block) = (classes::block_size(old), classes::block_size(new));
        let end = offset + old_block;
        if new_block == old_block {
            return true;
        }
        if offset < self.floor.get() {
            // Sealed: its tail must not be listed, and it must not grow beyond the floor.
            return new_block < old_block;
        }
        if end == self.bump.get() {
            if new_block > limit - offset {
                return false;
            }
            if new_block < old_block {
                self.note_retreat(limit);
            }
            self.bump.set(offset + new_block);
            return true;
        }
        if old_block < new_block {
            return false;
        }
        // SAFETY: the caller keeps only the first `new_block` bytes.
        unsafe { self.list_span(region, offset + new_block, old_block - new_block) };
        true
    }

    /// Frees a sealed block. Its memory is reused after all sealed blocks are freed.
    ///
    /// # Safety
    /// A block between the start and the floor was alive until now, and is counted here only once.
    pub(crate) unsafe fn free_sealed(&self, region: &Region, limit: u32) {
        let sealed_live = self.sealed_live.get().checked_sub(1).expect(NONE_ALIVE);
        self.sealed_live.set(sealed_live);
        if sealed_live == 0 && self.live.get() == 0 {
            self.reset(region, limit);
        }
    }

    /// Raises the floor above all live blocks, so that nothing below it is reused. Does nothing if
    /// there are none.
    pub(crate) fn seal(&self, region: &Region, limit: u32) {
        self.ended.set(false);
        if self.live.get() == 0 {
            debug_assert!(self.bump.get() == self.floor.get() && !self.listed.get());
            return;
        }
        self.note_retreat(limit);
        if let Some(byte) = self.scrub.get().byte() {
            // SAFETY: the lists are cleared below, before they are read again.
            unsafe { self.fill_listed(region, byte) };
            self.fill_from(region, limit, self.bump.get(), byte);
        }
        self.sealed_live.set(self.sealed_live.get() + self.live.get());
        self.live.set(0);
        self.floor.set(self.bump.get());
        self.clear_lists();
    }

    /// Starts again at the floor when no block above it is alive, or at the start if no sealed
    /// block is alive either.
    #[inline(never)]
    fn reset(&self, region: &Region, limit: u32) {
        assert!(self.live.get() == 0, "{NONE_ALIVE}");
        self.note_retreat(limit);
        if self.sealed_live.get() == 0 {
            self.floor.set(self.start.get());
        }
        self.bump.set(self.floor.get());
        self.clear_lists();
        self.ended.set(false);
        self.resets.set(self.resets.get() + 1);
        if let Some(byte) = self.scrub.get().byte() {
            self.fill_from(region, limit, self.floor.get(), byte);
        }
    }

    /// Scrubs the memory above the bump that this front has used.
    pub(crate) fn scrub_above(&self, region: &Region, limit: u32) {
        self.note_retreat(limit);
        if let Some(byte) = self.scrub.get().byte() {
            self.fill_from(region, limit, self.bump.get(), byte);
        }
    }

    /// Fills what this front has used from `from` on, up to the other front at `limit`.
    #[cold]
    fn fill_from(&self, region: &Region, limit: u32, from: u32, byte: u8) {
        // SAFETY: nothing is alive between the bump (= `from`) and the limit.
        unsafe { region.fill(from, min(self.mark.get(), limit), byte) };
        // What is poisoned is not zero: it stays below the mark.
        if byte == 0 {
            self.mark.set(from);
        }
    }

    /// Must run before the bump goes down or the limit goes up, to record what was used.
    #[inline]
    pub(crate) fn note_retreat(&self, limit: u32) {
        let bump = self.bump.get();
        self.mark.set(max(self.mark.get(), bump));
        self.room_min.set(min(self.room_min.get(), limit - bump));
    }

    /// The least distance between the fronts so far.
    pub(crate) fn room_min(&self, limit: u32) -> u32 {
        min(self.room_min.get(), limit - self.bump.get())
    }

    /// Begins a new measurement of `room_min` and returns the old one.
    pub(crate) fn swap_room_min(&self, room_min: u32) -> u32 {
        self.room_min.replace(room_min)
    }
}
