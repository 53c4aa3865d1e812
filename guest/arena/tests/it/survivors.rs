//! What a request leaves alive is sealed: never reused, never listed, counted, and given back.

use arena_model::Sandbox;

#[test]
fn survivors_are_sealed_by_the_next_request() {
    let arena = Sandbox::configured(64 << 10);
    let (survivor, dead) = (arena.alloc(100, 8), arena.alloc(100, 8));
    survivor.fill(1);
    let top = arena.alloc(8, 8);
    arena.free(dead);
    arena.end_request();
    assert_eq!(arena.usage().sealed, 0, "results may still be alive");
    let in_use = arena.usage().in_use;
    arena.begin_request();
    let usage = arena.usage();
    assert_eq!((usage.sealed, usage.in_use), (in_use, 0));
    assert!(arena.listed().is_empty(), "nothing below the floor is listed");
    let next = arena.alloc(100, 8);
    assert!(next.address() > top.address());
    arena.free(next);
    assert_eq!(arena.usage().sealed, in_use, "the reset stops at the floor");
    assert!(survivor.holds(1, 100));
    arena.free(survivor);
    assert_eq!(arena.usage().sealed, in_use, "one of them is still alive");
    arena.free(top);
    assert_eq!(arena.usage().sealed, 0);
}

#[test]
fn the_floor_comes_down_only_when_nothing_is_alive_above_it() {
    let arena = Sandbox::configured(64 << 10);
    let survivor = arena.alloc(500, 8);
    let address = survivor.address();
    arena.end_request();
    arena.begin_request();
    let current = arena.alloc(10, 8);
    let resets = arena.usage().resets;
    arena.free(survivor);
    assert_eq!(arena.usage().resets, resets);
    assert_ne!(arena.usage().sealed, 0);
    arena.free(current);
    assert_eq!((arena.usage().sealed, arena.usage().resets), (0, resets + 1));
    let again = arena.alloc(500, 8);
    assert_eq!(again.address(), address);
    arena.free(again);
}

#[test]
fn no_operation_on_a_sealed_block_moves_the_bump() {
    let arena = Sandbox::configured(64 << 10);
    let (first, last) = (arena.alloc(200, 8), arena.alloc(200, 8));
    first.fill(1);
    last.fill(2);
    arena.end_request();
    arena.begin_request();
    let sealed = arena.usage().sealed;
    // The last one ends where the floor and the bump are: as the top block, it would move them.
    let last = arena.try_realloc(last, 50).unwrap();
    assert_eq!((arena.in_use(), arena.listed().len()), (0, 0));
    let last = arena.try_realloc(last, 400).unwrap();
    assert!(last.holds(2, 50));
    assert_eq!((arena.in_use(), arena.live_blocks()), (448, 1));
    assert_eq!(arena.usage().sealed, sealed);
    let first = arena.try_realloc(first, 20).unwrap();
    assert!(first.holds(1, 20));
    arena.free(first);
    arena.free(last);
    assert_eq!((arena.in_use(), arena.usage().sealed), (0, 0));
}

#[test]
fn requests_bracket_only_once() {
    let arena = Sandbox::configured(64 << 10);
    let block = arena.alloc(8, 8);
    arena.begin_request();
    assert_eq!(arena.usage().sealed, 0, "the request is open already");
    arena.end_request();
    arena.end_request();
    arena.free(block);
    arena.begin_request();
    assert_eq!(arena.usage().sealed, 0, "nothing was left");
}

#[test]
fn an_arena_asks_to_be_retired_past_a_quarter() {
    let arena = Sandbox::configured(64 << 10);
    let mut survivors = Vec::new();
    while arena.usage().sealed <= 16 << 10 {
        assert!(!arena.usage().retire);
        survivors.push(arena.alloc(1024, 8));
        arena.end_request();
        arena.begin_request();
    }
    assert!(arena.usage().retire);
    for survivor in survivors {
        arena.free(survivor);
    }
    assert!(!arena.usage().retire);
}
