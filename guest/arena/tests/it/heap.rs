//! The heap front: lists, the top block, alignment, the reset.

use arena_model::{Block, Sandbox};

#[test]
fn a_freed_block_is_the_next_of_its_class() {
    let arena = Sandbox::configured(64 << 10);
    let first = arena.alloc(100, 8);
    let address = first.address();
    let keep = arena.alloc(100, 8);
    arena.free(first);
    // 100 and 112 bytes are of one class, 113 is not.
    let other = arena.alloc(113, 8);
    assert_ne!(other.address(), address);
    let second = arena.alloc(112, 8);
    assert_eq!(second.address(), address);
    for block in [keep, other, second] {
        arena.free(block);
    }
}

#[test]
fn lists_are_last_in_first_out() {
    let arena = Sandbox::configured(64 << 10);
    let blocks: Vec<Block> = (0..5).map(|_| arena.alloc(48, 8)).collect();
    let guard = arena.alloc(8, 8);
    let mut addresses: Vec<usize> = blocks.iter().map(Block::address).collect();
    for block in blocks {
        arena.free(block);
    }
    while let Some(address) = addresses.pop() {
        assert_eq!(arena.alloc(48, 8).address(), address);
    }
    arena.free(guard);
}

#[test]
fn the_top_block_is_given_back_and_grows_and_shrinks_in_place() {
    let arena = Sandbox::configured(64 << 10);
    let low = arena.alloc(8, 8);
    let before = arena.in_use();
    let top = arena.alloc(1000, 8);
    let address = top.address();
    top.fill(1);
    let top = arena.try_realloc(top, 40_000).unwrap();
    assert_eq!(top.address(), address);
    assert!(top.holds(1, 1000));
    let top = arena.try_realloc(top, 10).unwrap();
    assert_eq!(top.address(), address);
    assert!(top.holds(1, 10));
    assert_eq!(arena.in_use(), before + 16, "what the top block gave up is free again");
    arena.free(top);
    assert_eq!(arena.in_use(), before);
    assert!(arena.listed().is_empty());
    arena.free(low);
}

#[test]
fn a_block_below_the_top_shrinks_in_place_and_its_tail_is_reused() {
    let arena = Sandbox::configured(64 << 10);
    let block = arena.alloc(1024, 8);
    let top = arena.alloc(8, 8);
    block.fill(2);
    let address = block.address();
    let block = arena.try_realloc(block, 128).unwrap();
    assert_eq!(block.address(), address);
    assert!(block.holds(2, 128));
    assert_eq!(arena.listed().iter().map(|block| block.1).sum::<usize>(), 1024 - 128);
    let tail = arena.alloc(896, 8);
    assert_eq!(tail.address(), address + 128);
    for block in [block, top, tail] {
        arena.free(block);
    }
}

#[test]
fn a_block_below_the_top_moves_when_it_grows_and_keeps_its_bytes() {
    let arena = Sandbox::configured(64 << 10);
    let block = arena.alloc(100, 8);
    let top = arena.alloc(8, 8);
    block.fill(3);
    let (address, same_class) = (block.address(), arena.try_realloc(block, 112).unwrap());
    assert_eq!(same_class.address(), address, "the class has room");
    let moved = arena.try_realloc(same_class, 500).unwrap();
    assert_ne!(moved.address(), address);
    assert!(moved.holds(3, 100));
    assert_eq!(arena.alloc(100, 8).address(), address, "the old block is free");
    arena.free(top);
    arena.free(moved);
}

#[test]
fn every_alignment_is_kept_and_no_padding_is_lost() {
    let arena = Sandbox::configured(256 << 10);
    let mut blocks = Vec::new();
    for align in (0..=12).map(|log2| 1 << log2) {
        for size in [1, 8, 24, 100, align] {
            blocks.push(arena.alloc(size, align));
        }
    }
    // `Block` checks the alignment; live and listed bytes make up all that is in use.
    let sizes = blocks.iter().map(|block| phase_arena::classes::block_size(block.size() as u32));
    let live: u32 = sizes.sum();
    let listed: usize = arena.listed().iter().map(|block| block.1).sum();
    assert_eq!(live as usize + listed, arena.in_use());
    for block in blocks {
        arena.free(block);
    }
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn an_over_aligned_block_is_taken_from_its_list_only_if_it_fits() {
    let arena = Sandbox::configured(64 << 10);
    let aligned = arena.alloc(256, 256);
    let address = aligned.address();
    let odd = arena.alloc(8, 8);
    let unaligned = arena.alloc(256, 8);
    let top = arena.alloc(8, 8);
    arena.free(aligned);
    arena.free(unaligned);
    // The list's first block is not aligned to 256; its second would be, but is not looked at.
    let second = arena.alloc(256, 256);
    assert_ne!(second.address(), address);
    let third = arena.alloc(256, 8);
    let fourth = arena.alloc(256, 256);
    assert_eq!(fourth.address(), address);
    for block in [odd, top, second, third, fourth] {
        arena.free(block);
    }
}

#[test]
fn the_last_free_resets_whatever_the_order() {
    let arena = Sandbox::configured(64 << 10);
    let first = arena.alloc(24, 8);
    let start = first.address();
    arena.free(first);
    for round in 0..4 {
        let mut blocks: Vec<Block> = (1..40).map(|size| arena.alloc(size * 8, 8)).collect();
        if round % 2 == 0 {
            blocks.reverse();
        }
        blocks.swap(0, 20);
        for block in blocks {
            assert_ne!(arena.live_blocks(), 0);
            arena.free(block);
        }
        let usage = arena.usage();
        assert_eq!((usage.in_use, arena.live_blocks()), (0, 0));
        assert!(arena.listed().is_empty());
        assert_eq!(usage.resets, round + 2);
    }
    let again = arena.alloc(24, 8);
    assert_eq!(again.address(), start);
    arena.free(again);
}

#[test]
fn zeroed_blocks_are_zero_also_where_memory_was_used_before() {
    let arena = Sandbox::configured(64 << 10);
    let dirty = arena.alloc(3000, 8);
    dirty.fill(4);
    arena.free(dirty);
    arena.phase("dirty", |scope| {
        scope.try_alloc_slice_copy(&[0xFFu8; 20_000]).unwrap();
    });
    // Half below the heap's mark; then one that reaches where the scopes were.
    let half = arena.try_alloc_zeroed(5000, 8).unwrap();
    assert!(half.is_zero());
    let whole = arena.try_alloc_zeroed(40_000, 8).unwrap();
    assert!(whole.is_zero());
    whole.fill(5);
    arena.free(half);
    let listed = arena.try_alloc_zeroed(5000, 8).unwrap();
    assert!(listed.is_zero());
    arena.free(listed);
    arena.free(whole);
}

#[test]
fn an_empty_layout_is_a_block_of_its_own() {
    let arena = Sandbox::configured(4 << 10);
    let (first, second) = (arena.alloc(0, 1), arena.alloc(0, 1));
    assert_ne!(first.address(), second.address());
    let grown = arena.try_realloc(first, 100).unwrap();
    arena.free(grown);
    arena.free(second);
    assert_eq!(arena.in_use(), 0);
}

#[test]
fn the_hosts_realloc_begins_a_request_and_knows_empty_lists() {
    let arena = Sandbox::new(64 << 10);
    arena.configured();
    let realloc = |block, old, align, new| {
        // SAFETY: below, each block that is passed was returned with that size and alignment.
        unsafe { arena.host_realloc(block, old, align, new) }
    };
    let null = std::ptr::null_mut();
    assert_eq!(realloc(null, 0, 8, 0).addr(), 8);
    let block = realloc(null, 0, 1, 10);
    // SAFETY: ten bytes were asked for.
    unsafe { block.write_bytes(9, 10) };
    let block = realloc(block, 10, 1, 5000);
    // SAFETY: the first ten bytes are those that were written.
    assert_eq!(unsafe { std::slice::from_raw_parts(block, 10) }, [9; 10]);
    assert!(realloc(null, 0, 1, 1 << 20).is_null());
    assert!(realloc(null, 0, 3, 8).is_null(), "not an alignment");
    assert!(realloc(null, 0, 8, usize::MAX).is_null(), "not a size");
    assert_eq!(arena.live_blocks(), 1);
    // The request is open: this does not seal the block.
    arena.begin_request();
    assert_eq!(realloc(block, 5000, 1, 0).addr(), 1);
    assert_eq!((arena.live_blocks(), arena.usage().sealed), (0, 0));
}

#[test]
fn a_region_at_any_address_and_of_any_size_is_a_region() {
    let (skews, lens) = if cfg!(miri) { (8, 61) } else { (1, 1) };
    for skew in (0..17).step_by(skews) {
        for len in (0..200).step_by(lens).chain([5000]) {
            let arena = Sandbox::with(len, skew, arena_model::Contents::Dirty);
            assert!(arena.usage().capacity as usize <= len);
            assert!(arena.try_alloc(8, 8).is_none() || len >= 5000, "no room for talc's tables");
            arena.configured_now();
            let mut count = 0;
            while let Some(block) = arena.try_alloc(8, 8) {
                block.fill(6);
                count += 1;
            }
            assert!(count * 8 <= len);
            assert!(count > 0 || len < 64 || cfg!(miri), "{len}: nothing fits");
            assert!(arena.try_alloc_zeroed(8, 8).is_none());
        }
    }
}

#[test]
#[should_panic(expected = "a block was freed although none is alive")]
fn a_block_that_is_freed_twice_is_caught() {
    let arena = Sandbox::configured(64 << 10);
    // SAFETY: it is the only block.
    unsafe { arena.free_twice(arena.alloc(100, 8)) };
}

#[test]
#[should_panic(expected = "a block was freed although none is alive")]
fn a_survivor_that_is_freed_twice_is_caught() {
    let arena = Sandbox::configured(64 << 10);
    let survivor = arena.alloc(100, 8);
    arena.end_request();
    arena.begin_request();
    // SAFETY: it is the only block.
    unsafe { arena.free_twice(survivor) };
}
