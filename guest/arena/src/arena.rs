//! The arena: the persistent part and the two fronts over one region.
//!
//! This file holds its state and what it reports. `routing` decides where an allocation goes and
//! which part a freed block belongs to; `running` begins and ends requests and phases.
//!
//! Invariant: `persistent.end <= heap.start <= heap.bump <= scopes.top <= capacity`.

mod routing;
mod running;

use core::cell::Cell;
use core::cmp::max;
use core::fmt;
use core::ptr::NonNull;

use crate::front::ScopeFront;
use crate::heap::Heap;
use crate::persistent::Persistent;
use crate::phases::Phases;
use crate::region::Region;
use crate::scrub::Scrub;
use crate::usage::Usage;

/// The persistent part keeps this fraction of the region free for allocations during requests.
const HEADROOM_DIVISOR: u32 = 16;

/// If more than this fraction of the region is sealed, the arena asks to be retired.
const SEALED_DIVISOR: u32 = 4;

/// A persistent part and two fronts over one region. See the crate's documentation.
///
/// Not `Sync`: one thread uses it, and no call into it is interrupted by another one.
///
/// ```compile_fail,E0277
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<phase_arena::Arena>();
/// ```
///
/// Dropping it frees nothing; the region belongs to the caller of `new`.
pub struct Arena {
    heap: Heap,
    /// Whether allocations go to the heap front: configured, and not inside `persistent`.
    to_heap: Cell<bool>,
    region: Region,
    scopes: ScopeFront,
    configured: Cell<bool>,
    /// How many `persistent` closures are running, nested.
    keeping: Cell<u32>,
    /// Between `begin_request` and `end_request`.
    open: Cell<bool>,
    /// Whether the bracket that was opened last is a request, not an inspection.
    is_request: Cell<bool>,
    last_request: Cell<RequestUsage>,
    high_water: Cell<u32>,
    spills: Cell<u64>,
    persistent: Persistent,
    phases: Phases,
}

/// What one request has used.
impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("usage", &self.usage()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
struct RequestUsage {
    /// The most bytes that were in use at once, sealed bytes included.
    high_water: u32,
    /// Bytes that were sealed when the request was over.
    survivors: u32,
}

impl Arena {
    /// An arena without a region: every allocation fails.
    pub(crate) const fn detached() -> Self {
        Self {
            heap: Heap::new(),
            to_heap: Cell::new(false),
            region: Region::detached(),
            scopes: ScopeFront::new(),
            configured: Cell::new(false),
            keeping: Cell::new(0),
            open: Cell::new(false),
            is_request: Cell::new(false),
            last_request: Cell::new(RequestUsage { high_water: 0, survivors: 0 }),
            high_water: Cell::new(0),
            spills: Cell::new(0),
            persistent: Persistent::new(),
            phases: Phases::new(),
        }
    }

    /// An arena over `len` bytes at `base`, with any contents. It uses the part that is aligned to
    /// 16, and at most 2 GiB.
    ///
    /// # Safety
    /// The bytes are valid for reads and writes, and nothing else uses them, for as long as the
    /// arena, or anything allocated in it, is used.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        let arena = Self::detached();
        // SAFETY: the caller's promise; the arena is new.
        unsafe { arena.attach(base, len, false) };
        arena
    }

    /// As `new`, over bytes that are all zero. Zeroed allocations do not zero them again.
    ///
    /// # Safety
    /// As for `new`, and every byte is zero.
    #[must_use]
    pub unsafe fn new_zeroed(base: NonNull<u8>, len: usize) -> Self {
        let arena = Self::detached();
        // SAFETY: the caller's promise; the arena is new.
        unsafe { arena.attach(base, len, true) };
        arena
    }

    /// Gives a detached arena its region.
    ///
    /// # Safety
    /// As for `new` and, if `zeroed`, `new_zeroed`. Nothing has been allocated before.
    pub(crate) unsafe fn attach(&self, base: NonNull<u8>, len: usize, zeroed: bool) {
        // SAFETY: the caller's promise.
        unsafe { self.region.attach(base, len) };
        let capacity = self.region.capacity();
        self.scopes.begin_at(capacity, if zeroed { capacity } else { 0 });
        let start = self.persistent.start(&self.region);
        self.heap.begin_at(start, if zeroed { start } else { capacity }, capacity);
    }

    /// Ends configuration: fixes the size of the persistent part at what is used plus a sixteenth
    /// of the region, and begins the heap front above it. Only the first call has an effect.
    pub fn configured(&self) {
        if self.configured.replace(true) {
            return;
        }
        // talc may have written below this offset, also where `freeze` gives memory back.
        let used = self.persistent.start(&self.region);
        let headroom = self.region.capacity() / HEADROOM_DIVISOR;
        self.persistent.freeze(&self.region, self.scopes.top(), headroom);
        let start = self.persistent.start(&self.region);
        self.heap.begin_at(start, max(used, start), self.scopes.top());
        self.heap.scrub_above(&self.region, self.scopes.top());
        self.route();
        self.debug_check();
    }

    /// Sets what becomes of memory that was used and is free. Such memory is scrubbed at once, and
    /// then at each reset, at each sealing, and at the end of each phase. Blocks of a request that is
    /// over and had no scrub are scrubbed at the next reset only.
    pub fn set_scrub(&self, scrub: Scrub) {
        self.heap.set_scrub(scrub);
        self.heap.scrub_above(&self.region, self.scopes.top());
        self.scopes.scrub(&self.region, self.heap.bump(), scrub);
    }

    /// What becomes of memory that was used and is free.
    #[must_use]
    pub fn scrub(&self) -> Scrub {
        self.heap.scrub()
    }

    /// How the arena is used now, and how it has been used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (capacity, top) = (self.region.capacity(), self.scopes.top());
        let (start, floor, bump) = (self.heap.start(), self.heap.floor(), self.heap.bump());
        let sealed = floor - start;
        let peak = self.in_use_max(self.heap.room_min(top));
        Usage {
            capacity: capacity.into(),
            in_use: (bump - floor + (capacity - top)).into(),
            high_water: max(self.high_water.get(), peak).into(),
            request_high_water: self.last_request.get().high_water.into(),
            resets: self.heap.resets(),
            sealed: sealed.into(),
            request_survivors: self.last_request.get().survivors.into(),
            spills: self.spills.get(),
            persistent: start.into(),
            retire: sealed > capacity / SEALED_DIVISOR,
        }
    }

    /// Each phase that has run, in the order in which they first began, with the most bytes that
    /// were in use while it ran. At most [`PHASES_MAX`](crate::PHASES_MAX) names.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        self.phases.iter()
    }

    /// The number of live blocks of the heap front above the floor. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn live_blocks(&self) -> usize {
        self.heap.live() as usize
    }

    /// Visits every free block of the lists: its address and its bytes. These and the live blocks
    /// above the floor fill that part of the heap front without a gap. For tests.
    ///
    /// # Safety
    /// `visit` uses neither the arena nor the block: the list runs through it.
    #[doc(hidden)]
    pub unsafe fn free_blocks(&self, visit: impl FnMut(*mut u8, usize)) {
        self.heap.listed(&self.region, visit);
    }

    pub(crate) fn heap_bump(&self) -> u32 {
        self.heap.bump()
    }

    pub(crate) fn scopes(&self) -> (&ScopeFront, &Region) {
        (&self.scopes, &self.region)
    }

    /// Bytes in use, sealed bytes included, when the fronts were `room` bytes apart. Saturates,
    /// because before `configured` the start may rise after `room` was measured.
    fn in_use_max(&self, room: u32) -> u32 {
        (self.region.capacity() - self.heap.start()).saturating_sub(room)
    }

    /// The invariant of this module: the parts lie in order and do not overlap.
    fn debug_check(&self) {
        let (start, floor, bump) = (self.heap.start(), self.heap.floor(), self.heap.bump());
        debug_assert!(self.persistent.end() <= start, "the persistent part reaches into the heap");
        debug_assert!(start <= floor && floor <= bump, "the heap front is out of order");
        debug_assert!(bump <= self.scopes.top(), "the fronts crossed");
        debug_assert!(self.scopes.top() <= self.region.capacity());
    }

    fn route(&self) {
        self.to_heap.set(self.configured.get() && self.keeping.get() == 0);
    }
}
