//! Scrub: not a byte of what was freed remains between the fronts.

use arena_model::{Contents, Sandbox};
use phase_arena::{POISON, Scrub};

const LEN: usize = 32 << 10;

#[test]
fn a_reset_zeroes_all_that_was_used() {
    let arena = Sandbox::configured(LEN);
    arena.set_scrub(Scrub::Zero);
    let start = arena.usage().persistent as usize;
    let (first, second) = (arena.alloc(5000, 8), arena.alloc(3000, 8));
    first.fill(1);
    second.fill(2);
    arena.free(second);
    arena.free(first);
    assert!(arena.is_zero(start, LEN));
}

#[test]
fn without_scrub_bytes_remain() {
    let arena = Sandbox::configured(LEN);
    let start = arena.usage().persistent as usize;
    let block = arena.alloc(5000, 8);
    block.fill(1);
    arena.free(block);
    assert!(!arena.is_zero(start, LEN), "or the other tests here see nothing");
    arena.phase("phase", |scope| {
        scope.try_alloc_slice_fill_with(1000, |_| 1u8).unwrap();
    });
    assert!(!arena.is_zero(LEN - 1000, LEN), "the end of a phase costs nothing");
}

/// What has never been used is zero from the start: zeroing it again would cost as much as using it.
#[test]
fn zeroed_memory_is_not_zeroed_again() {
    let arena = Sandbox::with(LEN, 0, Contents::Pretended);
    arena.configured_now();
    let fresh = arena.try_alloc_zeroed(1000, 8).unwrap();
    assert!(fresh.bytes().iter().all(|&byte| byte == 0x5A), "it was written");
    arena.free(fresh);
    let used = arena.try_alloc_zeroed(2000, 8).unwrap();
    let (first, second) = used.bytes().split_at(1024);
    assert!(first.iter().all(|&byte| byte == 0) && second.iter().all(|&byte| byte == 0x5A));
    // Scopes reach down to here, so from here on it may be dirty.
    let mut scoped = 0;
    arena.phase("phase", |scope| {
        scoped = scope.try_alloc_slice_fill_with(1000, |_| 1u8).unwrap().as_ptr().addr();
    });
    let below = scoped - used.address() - 2048;
    let below = arena.try_alloc_zeroed(below / 2, 8).unwrap();
    assert!(below.bytes().iter().all(|&byte| byte == 0x5A), "it was written");
}

#[test]
fn the_end_of_a_phase_zeroes_what_it_used() {
    let arena = Sandbox::configured(LEN);
    arena.set_scrub(Scrub::Zero);
    let start = arena.usage().persistent as usize;
    arena.phase("outer", |scope| {
        let outer = scope.try_alloc_slice_fill_with(1000, |_| 1u8).unwrap();
        arena.phase("inner", |scope| {
            scope.try_alloc_slice_fill_with(2000, |_| 2u8).unwrap();
        });
        assert!(arena.is_zero(start, LEN - 1000));
        assert!(outer.iter().all(|&byte| byte == 1));
    });
    assert!(arena.is_zero(start, LEN));
}

#[test]
fn switching_it_on_zeroes_what_was_used_before() {
    for contents in [Contents::Zero, Contents::Dirty] {
        let arena = Sandbox::with(LEN, 0, contents);
        arena.configured_now();
        let start = arena.usage().persistent as usize;
        let block = arena.alloc(5000, 8);
        block.fill(1);
        arena.phase("before", |scope| {
            scope.try_alloc_slice_fill_with(5000, |_| 2u8).unwrap();
        });
        arena.phase("around", |scope| {
            let kept = scope.try_alloc_slice_fill_with(100, |_| 3u8).unwrap();
            arena.set_scrub(Scrub::Zero);
            assert!(kept.iter().all(|&byte| byte == 3));
            assert!(arena.is_zero(start + 5120, LEN - 100), "{contents:?}");
        });
        assert!(block.holds(1, 5000));
        arena.free(block);
        assert!(arena.is_zero(start, LEN), "{contents:?}");
    }
}

#[test]
fn what_lies_dead_between_survivors_is_zeroed_when_they_are_sealed() {
    let arena = Sandbox::configured(LEN);
    arena.set_scrub(Scrub::Zero);
    let blocks: Vec<_> = (0..9).map(|_| arena.alloc(1024, 8)).collect();
    let mut dead = Vec::new();
    let mut survivors = Vec::new();
    for (index, block) in blocks.into_iter().enumerate() {
        block.fill(index as u8);
        if index % 2 == 0 {
            dead.push(block.address() - arena.base());
            arena.free(block);
        } else {
            survivors.push((block, index as u8));
        }
    }
    arena.end_request();
    arena.begin_request();
    for offset in dead {
        assert!(arena.is_zero(offset, offset + 1024));
    }
    for (block, seed) in survivors {
        assert!(block.holds(seed, 1024));
        arena.free(block);
    }
    assert!(arena.is_zero(arena.usage().persistent as usize, LEN));
}

#[test]
fn poison_fills_what_was_freed_and_nothing_else() {
    let arena = Sandbox::configured(LEN);
    arena.set_scrub(Scrub::Poison);
    let start = arena.usage().persistent as usize;
    let block = arena.alloc(5000, 8);
    block.fill(1);
    arena.phase("phase", |scope| {
        scope.try_alloc_slice_fill_with(2000, |_| 2u8).unwrap();
    });
    assert!(block.holds(1, 5000));
    assert!(arena.is_poisoned(start + 5120, LEN));
    assert!(!arena.is_zero(LEN - 2000, LEN), "the phase is poisoned");
    arena.free(block);
    assert!(arena.is_poisoned(start, LEN));
    // A stale read shows: the bytes of a new block are those of the poison.
    let block = arena.alloc(100, 8);
    assert_eq!(block.bytes(), [POISON; 100]);
    arena.free(block);
}

#[test]
fn zeroed_memory_is_zero_after_poison() {
    let arena = Sandbox::configured(LEN);
    arena.set_scrub(Scrub::Poison);
    for _ in 0..2 {
        let block = arena.try_alloc_zeroed(5000, 8).unwrap();
        assert!(block.is_zero());
        block.fill(1);
        arena.free(block);
    }
    arena.phase("phase", |scope| {
        scope.try_alloc_slice_fill_with(LEN / 2, |_| 2u8).unwrap();
    });
    let most = LEN - arena.usage().persistent as usize - 2048;
    assert!(arena.try_alloc_zeroed(most, 8).unwrap().is_zero());
}
