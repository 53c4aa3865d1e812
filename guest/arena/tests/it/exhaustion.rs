//! Exhaustion is null or `Err`, changes nothing, and is not for ever.

use std::alloc::Layout;

use phase_arena::Exhausted;

use arena_model::{Block, Sandbox};

/// A sandbox in which nothing but `left` bytes or so are free, and the blocks that fill it.
fn full(arena: &Sandbox, size: usize) -> Vec<Block> {
    std::iter::from_fn(|| arena.try_alloc(size, 8)).collect()
}

#[test]
fn an_exhausted_heap_gives_null_and_serves_again_after_a_free() {
    let arena = Sandbox::configured(32 << 10);
    let mut blocks = full(&arena, 512);
    assert!(blocks.len() >= 56, "no more than class rounding and headroom are lost");
    assert!(arena.try_alloc(512, 8).is_none());
    let last = blocks.swap_remove(7);
    arena.free(last);
    let again = arena.alloc(512, 8);
    blocks.push(again);
    for block in blocks {
        arena.free(block);
    }
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn the_last_block_may_fill_the_room_exactly() {
    for (size, align) in [(1024, 8), (1024, 16), (640, 128)] {
        let arena = Sandbox::configured(32 << 10);
        let room = (arena.usage().capacity - arena.usage().persistent) as usize;
        arena.phase("rest", |scope| {
            let bump = arena.base() + arena.usage().persistent as usize;
            let padding = bump.next_multiple_of(align) - bump;
            let rest = room - padding - size;
            scope.try_alloc_slice_copy(&vec![0u8; rest]).unwrap();
            let block = arena.alloc(size, align);
            // Only the padding in front of it is left.
            assert!(arena.try_alloc(256, 8).is_none());
            arena.free(block);
            // And it may grow to there.
            let block = arena.alloc(size / 2, align);
            let block = arena.try_realloc(block, size).unwrap();
            assert!(arena.try_realloc(block, size + 1).is_err());
        });
    }
}

#[test]
fn larger_free_blocks_are_split_before_giving_up() {
    let arena = Sandbox::configured(32 << 10);
    let mut blocks = full(&arena, 1024);
    while arena.try_alloc(8, 8).is_some() {}
    let hole = blocks.swap_remove(3);
    let range = hole.address()..hole.address() + 1024;
    arena.free(hole);
    // 64 aligned blocks of 16 bytes fit into the hole, and nothing else does.
    for _ in 0..64 {
        assert!(range.contains(&arena.alloc(16, 16).address()));
    }
    assert!(arena.try_alloc(8, 8).is_none());
}

#[test]
fn an_aligned_block_is_cut_out_of_a_listed_one() {
    let arena = Sandbox::configured(32 << 10);
    let mut blocks = full(&arena, 4096);
    while arena.try_alloc(8, 8).is_some() {}
    arena.free(blocks.swap_remove(2));
    let aligned = arena.alloc(1024, 1024);
    assert!(arena.try_alloc(4096, 8).is_none());
    let listed: usize = arena.listed().iter().map(|block| block.1).sum();
    assert_eq!(listed, 4096 - 1024, "in front of it and behind it");
    arena.free(aligned);
}

#[test]
fn a_failed_realloc_leaves_the_block_as_it_was() {
    let arena = Sandbox::configured(32 << 10);
    let block = arena.alloc(2000, 8);
    block.fill(1);
    let top = arena.alloc(2000, 8);
    top.fill(2);
    let live = arena.live_blocks();
    let block = arena.try_realloc(block, 30_000).unwrap_err();
    let top = arena.try_realloc(top, 30_000).unwrap_err();
    assert_eq!(arena.live_blocks(), live);
    assert!(block.holds(1, 2000) && top.holds(2, 2000));
    arena.free(block);
    arena.free(top);
}

#[test]
fn huge_sizes_and_alignments_are_refused_without_wrapping() {
    let configuring = Sandbox::new(64 << 10);
    let arena = Sandbox::configured(64 << 10);
    let some = arena.alloc(8, 8);
    let max = isize::MAX as usize;
    for arena in [&configuring, &arena] {
        for size in [1 << 20, 1 << 30, (1 << 30) + 1, max - 4095, max - 15, max - 7] {
            for align in [1, 8, 16, 4096, 1 << 30] {
                if Layout::from_size_align(size, align).is_err() {
                    continue;
                }
                assert!(arena.try_alloc(size, align).is_none());
                assert!(arena.try_alloc_zeroed(size, align).is_none());
                assert!(arena.persistent(|| arena.try_alloc(size, align)).is_none());
            }
        }
        for log2 in 30..usize::BITS - 1 {
            assert!(arena.try_alloc(8, 1 << log2).is_none());
            assert!(arena.persistent(|| arena.try_alloc(8, 1 << log2)).is_none());
        }
    }
    let some = arena.try_realloc(some, max - 7).unwrap_err();
    arena.free(some);
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn the_fronts_meet_and_neither_crosses() {
    let arena = Sandbox::configured(16 << 10);
    arena.phase("all", |scope| {
        let mut taken = 0;
        while scope.try_alloc_slice_copy(&[0xEEu8; 100]).is_ok() {
            taken += 100;
            let block = arena.try_alloc(50, 8);
            taken += block.is_some() as usize * 56;
        }
        assert!(taken > (14 << 10), "{taken}");
        assert_eq!(scope.try_alloc_slice_copy(&[0u8; 100]), Err(Exhausted));
        assert!(
            scope
                .try_alloc_str(
                    "a string that is longer than what is left of the region, by far; \
            and a little longer still, to be sure"
                )
                .is_err()
        );
        assert!(arena.try_alloc(200, 8).is_none());
    });
    assert!(arena.try_alloc(200, 8).is_some(), "the phase's end makes room");
}

#[test]
fn a_scope_refuses_what_no_region_could_hold() {
    let arena = Sandbox::configured(16 << 10);
    arena.phase("huge", |scope| {
        let fill = |_| -> u64 { unreachable!("nothing to fill") };
        assert_eq!(scope.try_alloc_slice_fill_with(usize::MAX, fill), Err(Exhausted));
        assert_eq!(scope.try_alloc_slice_fill_with(usize::MAX / 16, fill), Err(Exhausted));
        assert_eq!(scope.try_alloc_slice_fill_with(1 << 29, fill), Err(Exhausted));
    });
}

#[test]
#[cfg(target_pointer_width = "64")]
fn of_a_larger_region_two_gib_are_used() {
    let base = std::ptr::NonNull::<u128>::dangling().cast();
    for (len, capacity) in [(100, 96), ((2 << 30) - 16, (2 << 30) - 16), (3 << 30, (2 << 30) - 16)]
    {
        // SAFETY: not kept, on purpose: a machine may not have so much. Nothing is allocated, so
        // nothing uses the memory.
        let arena = unsafe { phase_arena::Arena::new(base, len) };
        assert_eq!(arena.usage().capacity, capacity);
    }
}
