//! The soundness bugs that other allocators had. One test each; all of them run under Miri.

use std::panic::{AssertUnwindSafe, catch_unwind};

use phase_arena::ScopeVec;

use arena_model::{Contents, Sandbox};

/// RUSTSEC-2020-0006 (bumpalo): `realloc` copied as many bytes as the *new* size has.
#[test]
fn realloc_copies_the_lesser_size() {
    let arena = Sandbox::configured(64 << 10);
    let block = arena.alloc(1000, 8);
    let wall = arena.alloc(8, 8);
    block.fill(1);
    wall.fill(2);
    let grown = arena.try_realloc(block, 4000).unwrap();
    assert!(grown.holds(1, 1000));
    assert!(wall.holds(2, 8));
    let kept = arena.persistent(|| arena.alloc(8, 8));
    kept.fill(3);
    let _wall = arena.persistent(|| arena.alloc(8, 8));
    assert!(arena.try_realloc(kept, 2000).unwrap().holds(3, 8));
}

/// bumpalo issue 335: `reserve` counted from the length, not from the capacity, and the property
/// test missed it because the first capacity always sufficed. Sweep both.
#[test]
fn reserving_counts_from_length_and_capacity() {
    let most = if cfg!(miri) { 9 } else { 40 };
    let arena = Sandbox::configured(256 << 10);
    for capacity in 0..most {
        for len in 0..=capacity {
            for additional in 0..most {
                arena.phase("reserve", |scope| {
                    let mut vec = ScopeVec::try_with_capacity(scope, capacity).unwrap();
                    for index in 0..len {
                        vec.try_push(index as u32).unwrap();
                    }
                    vec.try_reserve(additional).unwrap();
                    assert!(vec.capacity() >= len + additional);
                    let promised = vec.capacity();
                    for index in len..len + additional {
                        vec.try_push(index as u32).unwrap();
                    }
                    assert_eq!(vec.capacity(), promised);
                    assert!(vec.iter().copied().eq(0..(len + additional) as u32));
                });
            }
        }
    }
}

/// GHSA-xhx6-q96x-pf9c (bump-scope): growing a block of an outer scope from inside an inner one
/// put it where the inner one's end frees it. Here that is a bug of the caller's: it panics.
#[test]
fn an_outer_scope_does_not_allocate_inside_an_inner_one() {
    let arena = Sandbox::configured(64 << 10);
    arena.phase("outer", |outer| {
        let mut vec = ScopeVec::try_with_capacity(outer, 2).unwrap();
        vec.try_push(1u32).unwrap();
        arena.phase("inner", |inner| {
            vec.try_push(2).expect("room was there before");
            let refused: [&mut dyn FnMut(); 4] = [
                &mut || assert!(outer.try_alloc(1u8).is_ok()),
                &mut || assert!(outer.try_alloc_str("").is_ok()),
                &mut || assert!(vec.try_push(3).is_ok()),
                &mut || assert!(ScopeVec::<u32>::try_with_capacity(outer, 1).is_ok()),
            ];
            for misuse in refused {
                assert!(catch_unwind(AssertUnwindSafe(misuse)).is_err());
            }
            inner.try_alloc(1u8).unwrap();
        });
        vec.try_push(3).unwrap();
        assert_eq!(&*vec, [1, 2, 3]);
    });
}

/// bump-scope issue 92: a free left the bump below the alignment that everyone relies on.
#[test]
fn the_bump_stays_aligned_after_odd_frees() {
    let arena = Sandbox::configured(64 << 10);
    let _wall = arena.alloc(1, 1);
    for size in 1..100 {
        let odd = arena.alloc(size, 1);
        arena.free(odd);
        // `alloc` checks the alignment.
        let next = arena.alloc(8, 8);
        arena.free(next);
    }
}

/// bump-scope 2.3.3, RUSTSEC-2020-0040, 2021-0040 (obstack, arenavec) and 2022-0094 (mimalloc):
/// alignments beyond the usual were not kept, or only if the region itself had them.
#[test]
fn over_aligned_blocks_are_aligned_in_a_region_that_is_not() {
    for skew in [0, 1, 7, 16, 40, 4000] {
        let arena = Sandbox::with(128 << 10, skew, Contents::Dirty);
        let kept = arena.alloc(100, 4096);
        kept.fill(1);
        arena.configured_now();
        for align in (0..=12).map(|log2| 1 << log2) {
            let block = arena.alloc(3, align);
            block.fill(2);
            let moved = arena.try_realloc(block, 300).unwrap();
            assert!(moved.address().is_multiple_of(align));
            assert!(moved.holds(2, 3));
        }
        assert!(kept.holds(1, 100));
    }
}

/// bump-scope issues 32, 90, 91: blocks of zero size, also as the very first.
#[test]
fn blocks_of_zero_size_are_harmless_everywhere() {
    for sandbox in [Sandbox::new(8 << 10), Sandbox::configured(8 << 10), Sandbox::new(0)] {
        let block = sandbox.try_alloc(0, 8);
        sandbox.phase("zero", |scope| {
            scope.try_alloc(()).unwrap();
            scope.try_alloc_slice_copy::<u128>(&[]).unwrap();
            assert!(ScopeVec::<u8>::new(scope).into_slice().is_empty());
        });
        if let Some(block) = block {
            let block = sandbox.try_realloc(block, 40).unwrap();
            block.fill(1);
            sandbox.free(block);
        }
    }
}

/// talc issues 47 and 49: a size tag was misread from 16 MiB on, and blocks overlapped.
#[test]
fn gaps_and_blocks_above_16_mib_do_not_overlap() {
    const MIB: usize = 1 << 20;
    let arena = Sandbox::new(80 * MIB);
    let first = arena.alloc(17 * MIB + 5, 8);
    let wall = arena.alloc(100, 8);
    first.fill_ends(1);
    wall.fill(2);
    arena.free(first);
    // Into the gap of 17 MiB, and the first byte beyond what a 24-bit size can say.
    let low = arena.alloc(16 * MIB, 8);
    let high = arena.alloc(MIB / 2, 8);
    low.fill_ends(3);
    high.fill_ends(4);
    assert!(low.address() + low.size() <= high.address() || high.address() > wall.address());
    let grown = arena.try_realloc(low, 18 * MIB).unwrap();
    grown.fill_ends(5);
    assert!(wall.holds(2, 100) && high.holds_ends(4));
    arena.configured_now();
    let large = arena.alloc(20 * MIB, 8);
    large.fill_ends(6);
    assert!(grown.holds_ends(5) && large.holds_ends(6));
    arena.free(large);
    arena.free(grown);
    assert_eq!(arena.in_use(), 0);
}

/// RUSTSEC-2022-0063 (linked_list_allocator): a free block must hold its link, a region the tables.
#[test]
fn the_smallest_blocks_and_regions_hold_their_bookkeeping() {
    let arena = Sandbox::configured(4 << 10);
    let blocks: Vec<_> = (0..50).map(|_| arena.alloc(1, 1)).collect();
    let wall = arena.alloc(1, 1);
    for (seed, block) in blocks.iter().enumerate() {
        block.fill(seed as u8);
    }
    for (seed, block) in blocks.into_iter().enumerate() {
        if seed % 2 == 0 {
            arena.free(block);
        } else {
            assert!(block.holds(seed as u8, 1));
        }
    }
    wall.fill(9);
    assert_eq!(arena.listed().len(), 25);
    // Regions of a few bytes are covered by `a_region_at_any_address_and_of_any_size_is_a_region`.
}

/// wee_alloc issue 106: reusing a list's node could drop the rest of the list.
#[test]
fn taking_from_a_list_keeps_the_rest_of_it() {
    let arena = Sandbox::configured(16 << 10);
    let mut blocks: Vec<_> = std::iter::from_fn(|| arena.try_alloc(1024, 8)).collect();
    while arena.try_alloc(8, 8).is_some() {}
    let count = blocks.len();
    for block in blocks.drain(..) {
        arena.free(block);
    }
    // Split the first of the list; all the others must still be there.
    let _small = arena.alloc(8, 8);
    let again: Vec<_> = std::iter::from_fn(|| arena.try_alloc(1024, 8)).collect();
    assert_eq!(again.len(), count - 1);
}

/// blink-alloc's global arena frees by mode: toggling it with blocks alive frees with the wrong
/// allocator. Here a free in any mode goes where the block came from.
#[test]
fn frees_follow_the_address_in_every_mode() {
    let arena = Sandbox::new(256 << 10);
    let configured = arena.alloc(64, 8);
    arena.configured_now();
    let (kept, request) = (arena.persistent(|| arena.alloc(64, 8)), arena.alloc(64, 8));
    let survivor = arena.alloc(64, 8);
    arena.end_request();
    arena.begin_request();
    let second = arena.alloc(64, 8);
    arena.persistent(|| {
        for block in [request, second, survivor] {
            arena.free(block);
        }
    });
    arena.free(kept);
    arena.free(configured);
    let usage = arena.usage();
    assert_eq!((usage.in_use, usage.sealed, arena.live_blocks()), (0, 0, 0));
}
