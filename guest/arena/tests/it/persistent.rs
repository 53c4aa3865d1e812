//! The persistent part: before `configured`, during requests, and routing between the parts.

use arena_model::{Block, Sandbox};

const LEN: usize = 1 << 20;

#[test]
fn everything_persists_until_configured() {
    let arena = Sandbox::new(LEN);
    let blocks: Vec<Block> = (1..200).map(|size| arena.alloc(size, 8)).collect();
    for block in &blocks {
        block.fill(block.size() as u8);
    }
    // SAFETY: no block is passed.
    let lowered = unsafe { arena.host_realloc(std::ptr::null_mut(), 0, 1, 100) };
    arena.configured();
    let usage = arena.usage();
    let limit = arena.base() + usage.persistent as usize;
    assert!(lowered.addr() < limit);
    for block in &blocks {
        assert!(block.address() + block.size() <= limit);
        assert!(block.holds(block.size() as u8, block.size()));
    }
    assert_eq!((usage.in_use, usage.sealed, usage.spills), (0, 0, 0));
    arena.begin_request();
    assert_eq!(arena.usage().sealed, 0, "nothing that persists is a survivor");
    assert!(arena.alloc(8, 8).address() >= limit);
}

#[test]
fn headroom_is_kept_for_requests_even_if_nothing_was_configured() {
    let arena = Sandbox::configured(LEN);
    let limit = arena.base() + arena.usage().persistent as usize;
    assert!(arena.usage().persistent as usize >= LEN / 16);
    let kept = arena.persistent(|| arena.alloc(10_000, 8));
    assert!(kept.address() < limit);
    assert_eq!((arena.live_blocks(), arena.usage().spills), (0, 0));
    kept.fill(1);
    let request = arena.alloc(10_000, 8);
    request.fill(2);
    // By address, not by mode.
    arena.persistent(|| arena.free(request));
    assert_eq!(arena.in_use(), 0);
    assert!(kept.holds(1, 10_000));
    arena.free(kept);
    let again = arena.persistent(|| arena.alloc(50_000, 8));
    assert!(again.address() < limit, "what was freed is there again");
}

#[test]
fn what_persists_goes_on_persisting_when_it_grows() {
    let arena = Sandbox::new(LEN);
    let first = arena.alloc(1000, 8);
    let _second = arena.alloc(1000, 8);
    first.fill(1);
    arena.configured();
    arena.begin_request();
    let limit = arena.base() + arena.usage().persistent as usize;
    let moved = arena.try_realloc(first, 20_000).unwrap();
    assert!(moved.address() < limit);
    assert!(moved.holds(1, 1000));
    assert_eq!(arena.live_blocks(), 0);
    let shrunk = arena.try_realloc(moved, 10).unwrap();
    assert!(shrunk.holds(1, 10));
}

#[test]
fn what_does_not_fit_spills_and_is_sealed() {
    let arena = Sandbox::configured(LEN);
    let spilled = arena.persistent(|| arena.alloc(LEN / 8, 8));
    spilled.fill(1);
    assert_eq!((arena.usage().spills, arena.live_blocks()), (1, 1));
    arena.end_request();
    arena.begin_request();
    assert!(arena.usage().sealed as usize >= LEN / 8);
    let request = arena.alloc(LEN / 8, 8);
    request.fill(2);
    assert!(spilled.holds(1, LEN / 8));
    arena.free(request);
    arena.free(spilled);
    assert_eq!((arena.usage().sealed, arena.in_use()), (0, 0));
}

#[test]
fn persistent_closures_nest_and_end_by_unwinding() {
    let arena = Sandbox::configured(LEN);
    let limit = arena.base() + arena.usage().persistent as usize;
    arena.persistent(|| {
        arena.persistent(|| assert!(arena.alloc(8, 8).address() < limit));
        assert!(arena.alloc(8, 8).address() < limit);
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            arena.persistent(|| std::panic::resume_unwind(Box::new(())));
        }));
        assert!(unwound.is_err());
        assert!(arena.alloc(8, 8).address() < limit);
    });
    assert!(arena.alloc(8, 8).address() >= limit);
}

#[test]
fn configuration_may_use_nearly_all_of_the_region() {
    let arena = Sandbox::new(LEN);
    let large = arena.alloc(LEN - 4096, 8);
    large.fill(1);
    assert!(arena.try_alloc(8192, 8).is_none());
    assert!(large.holds(1, large.size()));
    arena.free(large);
    // The gap that it leaves is at the top, and is found although it is most of the region.
    let large = arena.alloc(LEN - 4096, 8);
    arena.free(large);
    let aligned = arena.alloc(LEN / 4, 4096);
    aligned.fill(2);
    arena.configured();
    assert!(aligned.holds(2, aligned.size()));
}

#[test]
fn a_phase_does_not_count_what_persists() {
    let arena = Sandbox::new(LEN);
    arena.phase("configure", |scope| {
        scope.try_alloc_slice_copy(&[1u8; 1000]).unwrap();
        for size in [100, 100_000, 100_000] {
            arena.alloc(size, 8).fill(2);
        }
    });
    assert_eq!(arena.phases().next(), Some(("configure", 1000)));
    assert_eq!(arena.usage().high_water, 1000);
}

#[test]
fn growing_by_doubling_reuses_what_it_leaves() {
    let arena = Sandbox::new(LEN);
    let mut block = arena.alloc(64, 8);
    block.fill(7);
    let _wall = arena.alloc(64, 8);
    while block.size() < LEN / 4 {
        let size = block.size();
        block = arena.try_realloc(block, size * 2).unwrap();
        assert!(block.holds(7, 64));
    }
    arena.configured();
    assert!((arena.usage().persistent as usize) < LEN * 3 / 4);
}

#[test]
fn a_phase_during_configuration_and_the_part_that_grows_towards_it() {
    let arena = Sandbox::new(128 << 10);
    arena.phase("configure", |scope| {
        let bytes = scope.try_alloc_slice_copy(&[3u8; 32 << 10]).unwrap();
        let mut count = 0;
        while let Some(block) = arena.try_alloc(1000, 8) {
            block.fill(1);
            count += 1;
        }
        assert!(count > 80, "{count}");
        assert_eq!(bytes, [3; 32 << 10]);
    });
    arena.configured();
    let (name, bytes) = arena.phases().next().unwrap();
    assert_eq!((name, bytes), ("configure", 32 << 10), "what persists is not the phase's");
}

/// talc's search computes where a block would end in gaps that are too small for it. Here that
/// would be outside of the region, which only Miri sees.
#[test]
fn a_search_does_not_leave_the_region() {
    for align in [8, 1024] {
        let arena = Sandbox::new(64 << 10);
        let _low = arena.alloc(41_000, 8);
        let gap = arena.alloc(21_000, 8);
        let _wall = arena.alloc(100, 8);
        arena.free(gap);
        assert!(arena.try_alloc(24_000, align).is_none());
        arena.configured_now();
        assert!(arena.persistent(|| arena.try_alloc(24_000, align)).is_none());
        // What the limit costs: this would fit into the gap.
        assert!(arena.try_alloc(20_000, align).is_none());
    }
}

/// The bytes of talc's chunks are multiples of this, and a chunk ends with a tag.
const CHUNK: usize = 4 * size_of::<usize>();

#[test]
fn the_last_block_may_end_where_the_room_does() {
    for align in [8, CHUNK] {
        let arena = Sandbox::new(256 << 10);
        let first = arena.alloc(1, align);
        arena.phase("limit", |scope| {
            scope.try_alloc_slice_copy(&[1u8; 64 << 10]).unwrap();
            let end = arena.base() + (192 << 10);
            let size = end - (first.address() + CHUNK) - size_of::<usize>();
            let persistent = arena.usage().persistent;
            assert!(arena.try_alloc(size + 1, align).is_none());
            assert_eq!(arena.usage().persistent, persistent, "a failure takes nothing");
            arena.alloc(size, align).fill(1);
        });
        let size = (64 << 10) - size_of::<usize>();
        assert!(arena.try_alloc(size + 1, align).is_none());
        arena.alloc(size, align).fill(2);
    }
}

#[test]
fn alignments_beyond_the_step_of_the_part() {
    let arena = Sandbox::new(4 << 20);
    for align in [1 << 17, 1 << 18, 1 << 19] {
        arena.alloc(100, align).fill(1);
    }
}

#[test]
fn the_part_extends_in_steps() {
    for align in [8, 4096] {
        let arena = Sandbox::new(1 << 20);
        let steps = || arena.usage().persistent as usize / (64 << 10);
        let _first = arena.alloc(100, align);
        assert_eq!(steps(), 1, "a step at first");
        let _second = arena.alloc(100_000, align);
        assert_eq!(steps(), 2, "what is needed and another step");
    }
}
