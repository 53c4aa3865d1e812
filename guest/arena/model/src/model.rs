//! A plain model of the arena: which blocks are alive, where, and with what in them.
//!
//! It never predicts an address. After every operation it checks that what the arena says and hands out obeys the
//! invariants of the crate's documentation: `checks.rs` has one function for each.

use std::cell::Cell;

use phase_arena::classes::block_size;
use phase_arena::{Scope, Scrub};

use crate::sandbox::{Block, Sandbox, pattern};

/// Which part of the arena a block is in. Known from its address when it was allocated, and
/// checked against what the arena does with it later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Home {
    Persistent,
    Heap,
    Sealed,
}

pub(crate) struct Live {
    pub(crate) block: Block,
    pub(crate) seed: u8,
    pub(crate) home: Home,
}

/// Bytes in a scope: offset and length, and the way to look at them.
pub(crate) struct Scoped {
    pub(crate) pointer: *const u8,
    pub(crate) len: usize,
    seed: u8,
}

pub(crate) struct Model<'a> {
    pub(crate) arena: &'a Sandbox,
    pub(crate) live: Vec<Live>,
    pub(crate) scoped: Vec<Scoped>,
    seeds: u8,
    pub(crate) configured: bool,
    open: bool,
    /// Whether a request is over, and since then none has begun and the arena was not reset.
    ended: bool,
    /// The bytes that were freed since then.
    pub(crate) spent: usize,
    /// Whether what is in use now counts as a request's.
    is_request: bool,
    /// How many phases are running, one inside the other.
    depth: usize,
    /// How many `persistent` closures are running.
    keeping: usize,
    /// The most bytes that were seen in use since the last bracket was opened.
    pub(crate) peak: Cell<u64>,
    /// At least so many bytes were in use during the last request.
    pub(crate) request_peak: u64,
    pub(crate) request_survivors: u64,
    pub(crate) scrub: Scrub,
    pub(crate) resets: u64,
    pub(crate) spills: u64,
}

/// Offsets that follow from a reading of the arena.
pub(crate) struct Fronts {
    pub(crate) start: usize,
    pub(crate) floor: usize,
    pub(crate) bump: usize,
    pub(crate) top: usize,
    pub(crate) capacity: usize,
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
            ended: false,
            spent: 0,
            is_request: false,
            depth: 0,
            keeping: 0,
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
        if zeroed {
            self.check_zeroed(&block);
        }
        self.adopt(block, !self.configured || self.keeping > 0);
    }

    pub(crate) fn free(&mut self, which: usize) {
        if self.live.is_empty() {
            return;
        }
        let live = self.live.swap_remove(which % self.live.len());
        live.check_contents();
        let (before, len) = (self.fronts(), live.len());
        self.arena.free(live.block);
        self.freed((live.home, len), &before);
    }

    pub(crate) fn realloc(&mut self, which: usize, size: usize) {
        if self.live.is_empty() {
            return;
        }
        let live = self.live.swap_remove(which % self.live.len());
        let len = live.len();
        let Live { block, seed, home } = live;
        let (before, address, old) = (self.fronts(), block.address(), block.size());
        let align = block.align();
        let result = self.arena.try_realloc(block, size);
        self.check_realloc(&result, (address, home, seed), (old, size));
        match result {
            Err(block) => {
                self.check_exhausted(&before, size, align);
                self.live.push(Live { block, seed, home });
            }
            Ok(block) if block.address() == address => {
                self.check_sealed(home, &before);
                block.fill(seed);
                self.live.push(Live { block, seed, home });
            }
            Ok(block) => {
                let is_kept = self.keeping > 0 || home == Home::Persistent;
                self.adopt(block, is_kept);
                let at = self.fronts();
                self.freed((home, len), &Fronts { bump: at.bump, ..before });
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
            (self.ended, self.spent) = (false, 0);
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
        self.ended |= self.open && self.scrub == Scrub::Off;
        self.open = false;
    }

    pub(crate) fn set_scrub(&mut self, scrub: Scrub) {
        self.arena.set_scrub(scrub);
        self.scrub = scrub;
    }

    pub(crate) fn persistent<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let arena = self.arena;
        self.keeping += 1;
        let result = arena.persistent(|| f(self));
        self.keeping -= 1;
        result
    }

    pub(crate) fn phase<R>(&mut self, f: impl FnOnce(&mut Self, &Scope<'_>) -> R) -> R {
        let (arena, mark) = (self.arena, self.scoped.len());
        self.depth += 1;
        arena.phase("phase", |scope| {
            let result = f(self, scope);
            // While the memory is still the phase's own.
            self.depth -= 1;
            self.scoped.drain(mark..).for_each(|scoped| scoped.check_contents());
            result
        })
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

    /// Ends a program. What is alive is freed in no particular order. Returns how many blocks there were.
    pub(crate) fn free_all(&mut self) -> u64 {
        let count = self.live.len() as u64;
        while !self.live.is_empty() {
            self.free(0);
            if !cfg!(miri) {
                self.check();
            }
        }
        self.check();
        count
    }

    /// A new block, which should or should not persist.
    fn adopt(&mut self, block: Block, is_kept: bool) {
        self.seeds = self.seeds.wrapping_add(1);
        block.fill(self.seeds);
        let limit = self.arena.base() + self.fronts().start;
        let home = if block.address() < limit { Home::Persistent } else { Home::Heap };
        if self.configured && is_kept && home == Home::Heap {
            self.spills += 1;
        }
        self.check_placement(home, is_kept);
        self.live.push(Live { block, seed: self.seeds, home });
    }

    /// Counts what the arena should have counted when a block that is not among `live` any more
    /// was freed.
    fn freed(&mut self, (home, len): (Home, usize), before: &Fronts) {
        let (live, sealed) = (self.count(Home::Heap), self.count(Home::Sealed));
        let reset = live == 0 && (home == Home::Heap || home == Home::Sealed && sealed == 0);
        self.resets += u64::from(reset);
        if reset {
            (self.ended, self.spent) = (false, 0);
        } else if home == Home::Heap && self.ended {
            self.spent += len;
        }
        self.check_routing(home);
        if !reset {
            self.check_sealed(home, before);
        }
    }

    pub(crate) fn fronts(&self) -> Fronts {
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

    pub(crate) fn count(&self, home: Home) -> usize {
        self.live.iter().filter(|live| live.home == home).count()
    }
}

impl Live {
    /// The bytes that the block occupies.
    pub(crate) fn len(&self) -> usize {
        match self.home {
            Home::Persistent => self.block.size(),
            Home::Heap | Home::Sealed => block_size(self.block.size() as u32) as usize,
        }
    }

    pub(crate) fn check_contents(&self) {
        let (block, home) = (&self.block, self.home);
        assert!(block.holds(self.seed, block.size()), "{block:?} ({home:?}) has other bytes");
    }
}

impl Scoped {
    pub(crate) fn check_contents(&self) {
        // SAFETY: the phase is still running; written by `scope_alloc`.
        let bytes = unsafe { std::slice::from_raw_parts(self.pointer, self.len) };
        assert!(bytes == pattern(self.seed, self.len), "bytes of a scope changed");
    }
}
