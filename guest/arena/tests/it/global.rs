//! The global allocator as it is outside a sandbox: the system's, with phases in an arena per
//! thread.

use std::thread;

use phase_arena::GlobalArena;

#[global_allocator]
static ARENA: GlobalArena = GlobalArena::new();

#[test]
fn values_move_between_threads_and_phases_run_in_each() {
    let handles: Vec<_> = (0..3u64)
        .map(|seed| {
            thread::spawn(move || {
                ARENA.configured();
                ARENA.begin_request();
                let sum = ARENA.phase("sum", |scope| {
                    let numbers = scope.try_alloc_slice_fill_with(100, |_| seed).unwrap();
                    ARENA.phase("inner", |scope| {
                        numbers.iter().sum::<u64>() + *scope.try_alloc(1).unwrap()
                    })
                });
                ARENA.end_request();
                let names: Vec<_> = ARENA.phases().map(|phase| phase.0).collect();
                assert_eq!(names, ["sum", "inner"]);
                assert!(ARENA.usage().high_water >= 800);
                assert_eq!(ARENA.usage().in_use, 0);
                ARENA.persistent(|| vec![sum; 10])
            })
        })
        .collect();
    for (seed, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join().unwrap(), vec![seed as u64 * 100 + 1; 10]);
    }
}

#[test]
fn the_hosts_realloc_uses_the_same_allocator() {
    let realloc = |block, old, align, new| {
        // SAFETY: below, each block that is passed was returned with that size and alignment.
        unsafe { ARENA.host_realloc(block, old, align, new) }
    };
    let block = realloc(std::ptr::null_mut(), 0, 1, 3);
    // SAFETY: three bytes were asked for.
    unsafe { block.write_bytes(7, 3) };
    let block = realloc(block, 3, 1, 5);
    // SAFETY: five bytes were asked for.
    unsafe { block.wrapping_add(3).write_bytes(8, 2) };
    assert_eq!(realloc(std::ptr::null_mut(), 0, 4, 0).addr(), 4);
    // SAFETY: five initialised bytes of the global allocator, which the vector now owns.
    let bytes = unsafe { Vec::from_raw_parts(block, 5, 5) };
    assert_eq!(bytes, [7, 7, 7, 8, 8]);
}

#[test]
fn exhaustion_names_itself() {
    let exhausted = std::panic::catch_unwind(|| {
        // SAFETY: no block is passed.
        unsafe { ARENA.host_realloc(std::ptr::null_mut(), 0, 1, usize::MAX) }
    });
    assert!(exhausted.is_err());
}
