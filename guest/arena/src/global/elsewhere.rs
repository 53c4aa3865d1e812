//! All other targets: ordinary allocations come from the system, phases use an arena per thread.
//!
//! With it, a guest can be checked and unit-tested natively, with threads. The global allocator
//! never uses the arena, so values may move between threads. The arena contains only scopes, which
//! cannot leave their thread. The heap front is empty, so it measures phases only.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use std::alloc::System;
use std::thread_local;
use std::vec::Vec;

use crate::arena::Arena;

/// Bytes of a thread's region. Untouched pages of it cost nothing.
const REGION_BYTES: usize = 16 << 20;

const REGION_LAYOUT: Layout = match Layout::from_size_align(REGION_BYTES, 64 << 10) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};

thread_local! {
    static LOCAL: Local = Local::new();
}

/// An arena with the region that it owns.
struct Local {
    arena: Arena,
    region: Option<NonNull<u8>>,
}

impl Local {
    fn new() -> Self {
        // SAFETY: the layout is not empty.
        let region = NonNull::new(unsafe { System.alloc_zeroed(REGION_LAYOUT) });
        let arena = match region {
            // SAFETY: just allocated, zeroed, and freed only with the arena.
            Some(region) => unsafe { Arena::new_zeroed(region, REGION_BYTES) },
            None => Arena::detached(),
        };
        Self { arena, region }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(region) = self.region {
            // SAFETY: allocated by `new` with this layout; nothing in the arena outlives a phase,
            // and no phase is running when a thread ends.
            unsafe { System.dealloc(region.as_ptr(), REGION_LAYOUT) };
        }
    }
}

pub(super) fn with<R>(f: impl FnOnce(&Arena) -> R) -> R {
    LOCAL.with(|local| f(&local.arena))
}

/// The system's stack is not the arena's.
pub(super) fn scrub_stack() {}

pub(super) fn phases() -> impl Iterator<Item = (&'static str, usize)> {
    with(|arena| arena.phases().collect::<Vec<_>>()).into_iter()
}

pub(super) fn allocator() -> System {
    System
}

/// # Safety
/// As for `Arena::host_realloc`, with blocks of the system's.
pub(super) unsafe fn host_realloc(
    pointer: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { super::system::realloc(pointer, old_size, align, new_size) }
}

pub(super) fn arena_exhausted() -> ! {
    panic!("the arena is exhausted")
}
