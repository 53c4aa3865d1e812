//! What the last request has used, beside what the whole life of the arena has.

use arena_model::Sandbox;
use phase_arena::Scrub;

const LEN: usize = 256 << 10;

/// An arena that has seen no request yet.
fn configured() -> Sandbox {
    let arena = Sandbox::new(LEN);
    arena.configured();
    arena
}

/// High water and survivors of the last request.
#[track_caller]
fn check(arena: &Sandbox, high_water: u64, survivors: u64) {
    let usage = arena.usage();
    assert_eq!((usage.request_high_water, usage.request_survivors), (high_water, survivors));
}

fn use_bytes(arena: &Sandbox, size: usize) {
    let block = arena.alloc(size, 8);
    arena.free(block);
}

fn request(arena: &Sandbox, size: usize) {
    arena.begin_request();
    use_bytes(arena, size);
    arena.end_request();
}

fn inspect(arena: &Sandbox, size: usize) {
    arena.begin_inspection();
    use_bytes(arena, size);
    arena.end_request();
}

#[test]
fn nothing_is_recorded_before_the_first_request_is_over() {
    let arena = configured();
    inspect(&arena, 8192);
    check(&arena, 0, 0);
    request(&arena, 4096);
    check(&arena, 0, 0);
    assert_eq!(arena.usage().high_water, 8192);
    arena.begin_request();
    check(&arena, 4096, 0);
}

#[test]
fn each_request_has_a_high_water_mark_of_its_own() {
    let arena = configured();
    for size in [512, 8192, 1024] {
        request(&arena, size);
        inspect(&arena, 0);
        check(&arena, size as u64, 0);
    }
    assert_eq!(arena.usage().high_water, 8192);
}

#[test]
fn an_inspection_is_not_a_request() {
    let arena = configured();
    request(&arena, 1024);
    for _ in 0..3 {
        inspect(&arena, 8192);
        check(&arena, 1024, 0);
    }
    assert_eq!(arena.usage().high_water, 8192, "the arena's own mark counts everything");
    request(&arena, 512);
    inspect(&arena, 0);
    check(&arena, 512, 0);
}

#[test]
fn survivors_are_those_of_the_last_request() {
    let arena = configured();
    arena.begin_request();
    let first = arena.alloc(1024, 8);
    arena.end_request();
    inspect(&arena, 0);
    check(&arena, 1024, 1024);
    arena.begin_request();
    let second = arena.alloc(512, 8);
    arena.end_request();
    inspect(&arena, 0);
    check(&arena, 1024 + 512, 512);
    assert_eq!(arena.usage().sealed, 1024 + 512);
    request(&arena, 256);
    inspect(&arena, 0);
    check(&arena, 1024 + 512 + 256, 0);
    arena.free(first);
    arena.free(second);
}

#[test]
fn phases_count_towards_their_request() {
    let arena = configured();
    arena.begin_request();
    let block = arena.alloc(1024, 8);
    arena.phase("work", |scope| {
        scope.try_alloc([0u8; 4096]).unwrap();
    });
    arena.free(block);
    arena.end_request();
    request(&arena, 512);
    check(&arena, 1024 + 4096, 0);
    arena.begin_request();
    check(&arena, 512, 0);
}

/// Two blocks: the lower one is freed, and the upper one keeps the arena from a reset.
#[track_caller]
fn check_reuse(scrub: Scrub, is_over: bool, expected: bool) {
    let arena = configured();
    arena.set_scrub(scrub);
    arena.begin_request();
    let (lower, upper) = (arena.alloc(64, 8), arena.alloc(64, 8));
    let place = lower.address();
    if is_over {
        arena.end_request();
    }
    arena.free(lower);
    let next = arena.alloc(64, 8);
    assert_eq!(next.address() == place, expected, "{scrub:?} {is_over}");
    arena.free(next);
    arena.free(upper);
    // After the reset, blocks are reused again, although no request has begun.
    let (lower, upper) = (arena.alloc(64, 8), arena.alloc(64, 8));
    let place = lower.address();
    arena.free(lower);
    let next = arena.alloc(64, 8);
    assert_eq!(next.address(), place, "{scrub:?} {is_over}");
    arena.free(next);
    arena.free(upper);
}

#[test]
fn what_is_freed_after_the_end_of_a_request_waits_for_the_reset() {
    check_reuse(Scrub::Off, false, true);
    check_reuse(Scrub::Off, true, false);
    // What is sealed unlisted would not be scrubbed.
    check_reuse(Scrub::Zero, true, true);
}
