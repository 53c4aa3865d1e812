//! The invariants of the arena, a function for each. The list in `guest/arena/src/lib.rs` names the same functions; a
//! test compares the names.

use phase_arena::Scrub;
use phase_arena::classes::block_size;

use crate::model::{Fronts, Home, Live, Model, Scoped};
use crate::sandbox::Block;

/// The address and the bytes of a block in a list.
type Listed = (usize, usize);

impl Model<'_> {
    /// All that can be checked at any time.
    pub(crate) fn check(&self) {
        let (fronts, listed) = (self.fronts(), self.arena.listed());
        self.check_order(&fronts);
        self.check_offsets(&fronts);
        self.check_disjoint(&fronts, &listed);
        self.check_tiling(&fronts, &listed);
        self.check_reset(&fronts, &listed);
        self.check_scrub(&fronts);
        self.check_usage(&fronts);
    }

    fn check_order(&self, fronts: &Fronts) {
        let Fronts { start, floor, bump, top, capacity } = *fronts;
        assert!(start <= floor && floor <= bump, "the heap front is out of order");
        assert!(bump <= top && top <= capacity, "the fronts crossed");
    }

    fn check_offsets(&self, fronts: &Fronts) {
        assert!(fronts.capacity <= i32::MAX as usize);
        let (base, usage) = (self.arena.base(), self.arena.usage());
        for live in &self.live {
            let from = live.block.address().checked_sub(base).expect("an offset wrapped");
            assert!(from + live.len() <= fronts.capacity, "a size wrapped");
        }
        let sums = [usage.in_use, usage.sealed, usage.persistent, usage.high_water];
        assert!(sums.iter().all(|&bytes| bytes <= usage.capacity), "a difference wrapped");
    }

    fn check_disjoint(&self, fronts: &Fronts, listed: &[Listed]) {
        let base = self.arena.base();
        let mut extents: Vec<(usize, usize)> = Vec::new();
        for live in &self.live {
            let (block, from, len) = (&live.block, live.block.address() - base, live.len());
            let (low, high) = match live.home {
                Home::Persistent => (0, fronts.start),
                Home::Sealed => (fronts.start, fronts.floor),
                Home::Heap => (fronts.floor, fronts.bump),
            };
            assert!(low <= from && from + len <= high, "{:?} outside of its part", live.home);
            assert!(block.address().is_multiple_of(block.align()));
            extents.push((from, len));
        }
        let listed = listed.iter();
        extents.extend(listed.map(|&(address, len)| (address - base, len)));
        let scoped = self.scoped.iter();
        extents.extend(scoped.map(|scoped| (scoped.pointer.addr() - base, scoped.len)));
        extents.sort_unstable();
        for pair in extents.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
        }
    }

    /// Together with `check_disjoint`: the lengths alone show that nothing is between the blocks.
    fn check_tiling(&self, fronts: &Fronts, listed: &[Listed]) {
        let base = self.arena.base();
        let heap = self.live.iter().filter(|live| live.home == Home::Heap);
        let mut tiled: usize = heap.map(Live::len).sum();
        for &(address, len) in listed {
            let from = address - base;
            assert!(fronts.floor <= from && from + len <= fronts.bump, "a list left the heap");
            tiled += len;
        }
        let len = fronts.bump - fronts.floor;
        assert_eq!(tiled + self.spent, len, "bytes of the heap front are lost");
    }

    fn check_reset(&self, fronts: &Fronts, listed: &[Listed]) {
        if self.count(Home::Heap) > 0 {
            return;
        }
        assert_eq!(fronts.bump, fronts.floor, "nothing is alive, and it is not reset");
        assert!(listed.is_empty(), "a list outlived the reset");
        if self.count(Home::Sealed) == 0 {
            assert_eq!(fronts.floor, fronts.start, "nothing is sealed, and the floor is up");
        }
    }

    fn check_scrub(&self, fronts: &Fronts) {
        if self.count(Home::Heap) == 0 {
            let is_scrubbed = match self.scrub {
                Scrub::Off => true,
                Scrub::Zero => self.arena.is_zero(fronts.bump, fronts.top),
                Scrub::Poison => self.arena.is_poisoned(fronts.bump, fronts.top),
            };
            assert!(is_scrubbed, "{:?} left bytes behind", self.scrub);
        }
    }

    fn check_usage(&self, fronts: &Fronts) {
        let usage = self.arena.usage();
        assert_eq!((usage.resets, usage.spills), (self.resets, self.spills));
        assert!(usage.high_water >= usage.in_use + usage.sealed || !self.configured);
        self.peak.set(self.peak.get().max(usage.in_use + usage.sealed));
        assert_eq!(usage.request_survivors, self.request_survivors);
        assert!(usage.request_high_water >= self.request_peak, "a request's peak was lost");
        assert!(usage.request_high_water <= usage.high_water);
        assert_eq!(usage.retire, fronts.floor - fronts.start > fronts.capacity / 4);
    }

    /// A new block is in `home`.
    pub(crate) fn check_placement(&self, home: Home, is_kept: bool) {
        assert!(self.configured || home == Home::Persistent, "before `configured`: {home:?}");
        assert!(is_kept || home == Home::Heap, "a block of a request is {home:?}");
        assert_eq!(self.arena.usage().spills, self.spills, "{home:?}: expected so many spills");
    }

    /// A block from `home` was just freed: it was given back to the part that it came from.
    pub(crate) fn check_routing(&self, home: Home) {
        let live = self.count(Home::Heap);
        assert_eq!(self.arena.live_blocks(), live, "{home:?}: the free went somewhere else");
        assert_eq!(self.arena.usage().resets, self.resets, "{home:?}: expected so many resets");
    }

    /// A block from `home` was resized in place, or freed without a reset.
    pub(crate) fn check_sealed(&self, home: Home, before: &Fronts) {
        if home != Home::Heap {
            assert_eq!(self.fronts().bump, before.bump, "{home:?}: the bump moved");
        }
    }

    /// A block that was at `address` was to get another size.
    pub(crate) fn check_realloc(
        &self,
        result: &Result<Block, Block>,
        (address, home, seed): (usize, Home, u8),
        (old, new): (usize, usize),
    ) {
        match result {
            Ok(block) => {
                assert!(block.holds(seed, old.min(new)), "realloc lost bytes");
                let may_move = new > old || home == Home::Persistent;
                assert!(may_move || block.address() == address, "shrinking moved a block");
            }
            Err(block) => {
                assert!(new > old, "shrinking failed");
                assert!(block.address() == address && block.holds(seed, old), "it changed");
            }
        }
    }

    pub(crate) fn check_zeroed(&self, block: &Block) {
        assert!(block.is_zero(), "{block:?} is not zero");
    }

    /// An allocation failed.
    pub(crate) fn check_exhausted(&self, before: &Fronts, size: usize, align: usize) {
        if !self.configured {
            return;
        }
        let need = u64::from(block_size(size as u32)) + align as u64;
        let room = (before.top - before.bump) as u64;
        assert!(room < need, "gave up with room between the fronts");
        // Twice: the class of what is needed may be one above the class of what is there.
        let mut listed = self.arena.listed().into_iter();
        assert!(listed.all(|block| (block.1 as u64) < 2 * need), "gave up with a list");
    }

    /// What every block holds. Slow; at the end of a program.
    pub(crate) fn check_contents(&self) {
        self.live.iter().for_each(Live::check_contents);
        self.scoped.iter().for_each(Scoped::check_contents);
    }
}
