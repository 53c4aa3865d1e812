//! A plain model of the arena: which blocks are alive, where, and with what in them.
//!
//! It never predicts an address. It checks, after every operation, that what the arena says and
//! hands out obeys the invariants of the crate's documentation.

use std::cell::Cell;

use phase_arena::classes::block_size;
use phase_arena::{Scope, Scrub};

use crate::region::{Block, Sandbox, pattern};

/// Which part of the arena a block is in. Known from its address when it was allocated, and
/// checked against what the arena does with it later.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Home {
    Persistent,
    Heap,
    Sealed,
}

struct Live {
    block: Block,
    seed: u8,
    home: Home,
}

/// Bytes in a scope: offset and length, and the way to look at them.
struct Scoped {
    pointer: *const u8,
    len: usize,
    seed: u8,
}

pub(crate) struct Model<'a> {
    pub(crate) arena: &'a Sandbox,
    live: Vec<Live>,
    scoped: Vec<Scoped>,
    seeds: u8,
    configured: bool,
    open: bool,
    /// Whether what is in use now counts as a request's.
    is_request: bool,
    /// How many phases are running, one inside the other.
    depth: usize,
    /// The most bytes that were seen in use since the last bracket was opened.
    peak: Cell<u64>,
    /// At least so many bytes were in use during the last request.
    request_peak: u64,
    request_survivors: u64,
    scrub: Scrub,
    resets: u64,
    spills: u64,
}

/// Offsets that follow from a reading of the arena.
struct Fronts {
    start: usize,
    floor: usize,
    bump: usize,
    top: usize,
    capacity: usize,
}

impl<'a> Model<'a> {
    pub(crate) fn new(arena: &'a Sandbox) -> Self {
        Self {
            arena,
            live: Vec::new(),
            scoped: Vec::new(),
            seeds: 0,
            configured: false,
            open: false,
            is_request: false,
            depth: 0,
            peak: Cell::new(0),
            request_peak: 0,
            request_survivors: 0,
            scrub: Scrub::Off,
            resets: 0,
            spills: 0,
        }
    }

    pub(crate) fn alloc(&mut self, size: usize, align: usize, zeroed: bool) {
        let before = self.fronts();
        let block = match zeroed {
            true => self.arena.try_alloc_zeroed(size, align),
            false => self.arena.try_alloc(size, align),
        };
        let Some(block) = block else { return self.check_exhausted(&before, size, align) };
        assert!(!zeroed || block.is_zero(), "not zeroed");
        self.adopt(block);
    }

    pub(crate) fn free(&mut self, which: usize) {
        if self.live.is_empty() {
            return;
        }
        let Live { block, seed, home } = self.live.swap_remove(which % self.live.len());
        assert!(block.holds(seed, block.size()));
        let before = self.fronts();
        self.arena.free(block);
        self.freed(home, &before);
    }

    pub(crate) fn realloc(&mut self, which: usize, size: usize) {
        if self.live.is_empty() {
            return;
        }
        let Live { block, seed, home } = self.live.swap_remove(which % self.live.len());
        let (before, address, old) = (self.fronts(), block.address(), block.size());
        let align = block.layout.align();
        match self.arena.try_realloc(block, size) {
            Err(block) => {
                assert!(size > old, "shrinking never fails");
                assert!(block.holds(seed, old));
                self.check_exhausted(&before, size, align);
                self.live.push(Live { block, seed, home });
            }
            Ok(block) => {
                assert!(block.holds(seed, old.min(size)), "realloc lost bytes");
                if block.address() == address {
                    if home == Home::Sealed {
                        assert_eq!(
                            self.fronts().bump,
                            before.bump,
                            "a sealed block moved the bump"
                        );
                    }
                    block.fill(seed);
                    self.live.push(Live { block, seed, home });
                } else {
                    assert!(size > old || home == Home::Persistent, "shrinking moved a block");
                    self.adopt(block);
                    let at = self.fronts();
                    self.freed(home, &Fronts { bump: at.bump, ..before });
                }
            }
        }
    }

    pub(crate) fn configure(&mut self) {
        self.arena.configured();
        self.configured = true;
    }

    pub(crate) fn begin_request(&mut self) {
        let before = self.fronts();
        self.arena.begin_request();
        self.begun(true, &before);
    }

    pub(crate) fn begin_inspection(&mut self) {
        let before = self.fronts();
        self.arena.begin_inspection();
        self.begun(false, &before);
    }

    fn begun(&mut self, is_request: bool, before: &Fronts) {
        if self.configured && !self.open {
            self.open = true;
            // A phase that is running has a measurement of its own.
            let peak = if self.depth == 0 { self.peak.get() } else { 0 };
            if std::mem::replace(&mut self.is_request, is_request) {
                self.request_peak = peak;
                self.request_survivors = (before.bump - before.floor) as u64;
            }
            self.peak.set(0);
            for live in self.live.iter_mut().filter(|live| live.home == Home::Heap) {
                live.home = Home::Sealed;
            }
        }
    }

    pub(crate) fn end_request(&mut self) {
        self.arena.end_request();
        self.open = false;
    }

    pub(crate) fn set_scrub(&mut self, scrub: Scrub) {
        self.arena.set_scrub(scrub);
        self.scrub = scrub;
    }

    pub(crate) fn scope_alloc<T: Copy>(&mut self, scope: &Scope<'_>, len: usize, value: T) {
        let before = self.fronts();
        self.seeds = self.seeds.wrapping_add(1);
        let Ok(slice) = scope.try_alloc_slice_fill_with(len, |_| value) else {
            let need = size_of::<T>() * len + align_of::<T>();
            assert!(before.top - before.bump < need, "a scope gave up too early");
            return;
        };
        let bytes = size_of_val(slice);
        let pointer = slice.as_mut_ptr();
        assert!(pointer.is_aligned());
        let pointer = pointer.cast::<u8>();
        let fill = pattern(self.seeds, bytes);
        // SAFETY: the slice is that long, and was taken from its reference for good.
        unsafe { pointer.copy_from_nonoverlapping(fill.as_ptr(), bytes) };
        if bytes != 0 {
            self.scoped.push(Scoped { pointer, len: bytes, seed: self.seeds });
        }
    }

    pub(crate) fn phase_begins(&mut self) -> usize {
        self.depth += 1;
        self.scoped.len()
    }

    /// Must be called before the phase ends, while its memory is still its own.
    pub(crate) fn phase_ends(&mut self, mark: usize) {
        self.depth -= 1;
        for scoped in self.scoped.drain(mark..) {
            assert!(scoped.holds());
        }
    }

    /// All invariants.
    pub(crate) fn check(&self) {
        let (usage, fronts) = (self.arena.usage(), self.fronts());
        let sealed = self.count(Home::Sealed);
        let live = self.count(Home::Heap);
        assert_eq!(self.arena.live_blocks(), live);
        assert_eq!((usage.resets, usage.spills), (self.resets, self.spills));
        assert!(usage.high_water >= usage.in_use + usage.sealed || !self.configured);
        self.peak.set(self.peak.get().max(usage.in_use + usage.sealed));
        assert_eq!(usage.request_survivors, self.request_survivors);
        assert!(usage.request_high_water >= self.request_peak, "a request's peak was lost");
        assert!(usage.request_high_water <= usage.high_water);
        assert!(fronts.floor <= fronts.bump && fronts.bump <= fronts.top, "the fronts crossed");
        assert!(fronts.top <= fronts.capacity);
        assert!(live > 0 || fronts.bump == fronts.floor, "nothing is alive, and it is not reset");
        assert!(live + sealed > 0 || fronts.floor == fronts.start, "nothing is sealed");
        assert_eq!(usage.retire, fronts.floor - fronts.start > fronts.capacity / 4);
        let is_scrubbed = match self.scrub {
            _ if live > 0 => true,
            Scrub::Off => true,
            Scrub::Zero => self.arena.is_zero(fronts.bump, fronts.top),
            Scrub::Poison => self.arena.is_poisoned(fronts.bump, fronts.top),
        };
        assert!(is_scrubbed, "{:?} left bytes behind", self.scrub);
        self.check_extents(&fronts);
    }

    /// Everything that is alive or listed is where it belongs, and disjoint; on the heap front
    /// above the floor, nothing is neither.
    fn check_extents(&self, fronts: &Fronts) {
        let base = self.arena.base();
        let mut extents: Vec<(usize, usize)> = Vec::new();
        let mut tiled = 0;
        for live in &self.live {
            let from = live.block.address() - base;
            let (low, high, len) = match live.home {
                Home::Persistent => (0, fronts.start, live.block.size()),
                Home::Sealed => (fronts.start, fronts.floor, live.len()),
                Home::Heap => (fronts.floor, fronts.bump, live.len()),
            };
            assert!(low <= from && from + len <= high, "{:?} outside of its part", live.home);
            tiled += if live.home == Home::Heap { len } else { 0 };
            extents.push((from, len));
        }
        for (address, len) in self.arena.listed() {
            let from = address - base;
            assert!(fronts.floor <= from && from + len <= fronts.bump, "a list left the heap");
            tiled += len;
            extents.push((from, len));
        }
        assert_eq!(tiled, fronts.bump - fronts.floor, "bytes of the heap front are lost");
        extents.extend(self.scoped.iter().map(|scoped| (scoped.pointer.addr() - base, scoped.len)));
        extents.sort_unstable();
        for pair in extents.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
        }
    }

    /// What every block holds. Slow; at the end of a program.
    pub(crate) fn check_contents(&self) {
        assert!(self.live.iter().all(|live| live.block.holds(live.seed, live.block.size())));
        assert!(self.scoped.iter().all(Scoped::holds));
    }

    /// Ends a program. What is alive is freed in no particular order.
    pub(crate) fn free_all(&mut self) {
        while !self.live.is_empty() {
            self.free(0);
            if !cfg!(miri) {
                self.check();
            }
        }
    }

    fn adopt(&mut self, block: Block) {
        self.seeds = self.seeds.wrapping_add(1);
        block.fill(self.seeds);
        let limit = self.arena.base() + self.fronts().start;
        let home = if block.address() < limit { Home::Persistent } else { Home::Heap };
        assert!(self.configured || home == Home::Persistent);
        if home == Home::Heap && self.arena.usage().spills > self.spills {
            self.spills += 1;
        }
        self.live.push(Live { block, seed: self.seeds, home });
    }

    /// Counts what the arena should have counted when a block that was not among `live` any more
    /// was freed.
    fn freed(&mut self, home: Home, before: &Fronts) {
        let (live, sealed) = (self.count(Home::Heap), self.count(Home::Sealed));
        let reset = live == 0 && (home == Home::Heap || home == Home::Sealed && sealed == 0);
        self.resets += u64::from(reset);
        if home != Home::Heap && !reset {
            assert_eq!(self.fronts().bump, before.bump, "{home:?}: its free moved the bump");
        }
    }

    fn check_exhausted(&self, before: &Fronts, size: usize, align: usize) {
        if !self.configured {
            return;
        }
        let need = block_size(size as u32) as usize + align;
        assert!(before.top - before.bump < need, "gave up with room between the fronts");
        // Twice: the class of what is needed may be one above the class of what is there.
        assert!(self.arena.listed().iter().all(|block| block.1 < 2 * need), "gave up with a list");
    }

    fn fronts(&self) -> Fronts {
        let usage = self.arena.usage();
        let base = self.arena.base();
        let capacity = usage.capacity as usize;
        let top = self.scoped.iter().map(|scoped| scoped.pointer.addr() - base).min();
        let top = top.unwrap_or(capacity);
        let (start, sealed) = (usage.persistent as usize, usage.sealed as usize);
        let floor = start + sealed;
        Fronts {
            start,
            floor,
            bump: floor + usage.in_use as usize - (capacity - top),
            top,
            capacity,
        }
    }

    fn count(&self, home: Home) -> usize {
        self.live.iter().filter(|live| live.home == home).count()
    }
}

impl Live {
    fn len(&self) -> usize {
        block_size(self.block.size() as u32) as usize
    }
}

impl Scoped {
    fn holds(&self) -> bool {
        // SAFETY: the phase is still running; written by `scope_alloc`.
        let bytes = unsafe { std::slice::from_raw_parts(self.pointer, self.len) };
        bytes == pattern(self.seed, self.len)
    }
}
