//! The one arena of a WebAssembly module. Where its memory is depends on whether there is a libc.

// With a libc, or without one.
#[cfg_attr(target_os = "unknown", path = "sandbox/alone.rs")]
#[cfg_attr(not(target_os = "unknown"), path = "sandbox/beside_libc.rs")]
mod memory;

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;

use super::stack;
use crate::arena::Arena;
use crate::scrub::Scrub;

#[cfg(target_feature = "atomics")]
compile_error!("phase-arena is for a single thread: WebAssembly with atomics is not supported");

static ARENA: Single = Single { arena: Arena::detached(), attached: Cell::new(false) };

struct Single {
    arena: Arena,
    attached: Cell<bool>,
}

// SAFETY: without atomics (checked above) a module has one thread.
unsafe impl Sync for Single {}

impl Single {
    /// The arena, with its region. No start-up code attaches it, because `realloc` may be the first
    /// function of the module that is called.
    #[inline]
    fn get(&self) -> &Arena {
        if !self.attached.get() {
            self.attach();
        }
        &self.arena
    }

    #[cold]
    #[inline(never)]
    fn attach(&self) {
        if cfg!(phase_arena_detached) {
            return;
        }
        self.attached.set(true);
        if let Some((base, len)) = memory::region() {
            // SAFETY: the memory is the arena's alone and zero (invariant of `memory`).
            unsafe { self.arena.attach(base, len, true) };
        }
    }
}

pub(super) fn with<R>(f: impl FnOnce(&Arena) -> R) -> R {
    f(ARENA.get())
}

/// If scrub is on, zeroes the stack below the caller's frame. In both modes: unsafe code that reads
/// the stack below its frame is not what poison is for.
#[inline]
pub(super) fn scrub_stack() {
    if ARENA.arena.scrub() != Scrub::Off {
        stack::scrub();
    }
}

pub(super) fn phases() -> impl Iterator<Item = (&'static str, usize)> {
    ARENA.get().phases()
}

pub(super) fn allocator() -> Allocator {
    Allocator
}

/// # Safety
/// As for `Arena::host_realloc`.
pub(super) unsafe fn host_realloc(
    pointer: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { ARENA.get().host_realloc(pointer, old_size, align, new_size) }
}

/// Traps. Not inlined and not mangled, so that a backtrace names it. Nothing is formatted or
/// printed, because a component must not call imports from `realloc`.
#[inline(never)]
// SAFETY: a module has one arena (its crate documentation), and no other symbol has this name.
#[unsafe(no_mangle)]
pub(super) fn arena_exhausted() -> ! {
    wasm32::unreachable()
}

/// The arena without the check whether it is attached, where that is known: the fast path is not
/// taken before `configured`, and only allocated blocks are freed.
pub(super) struct Allocator;

// SAFETY: forwards to the arena.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match ARENA.arena.alloc_fast(layout) {
            Some(block) => block,
            None => {
                memory::need_reallocs();
                ARENA.get().alloc_routed(layout)
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(libc) = memory::libc_of(pointer) {
            // SAFETY: the caller's promise, and the block is the libc's.
            return unsafe { libc.dealloc(pointer, layout) };
        }
        // SAFETY: the caller's promise.
        unsafe { ARENA.arena.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { ARENA.get().alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if let Some(libc) = memory::libc_of(pointer) {
            // SAFETY: the caller's promise, and the block is the libc's.
            return unsafe { libc.realloc(pointer, layout, size) };
        }
        // SAFETY: the caller's promise.
        unsafe { ARENA.arena.realloc(pointer, layout, size) }
    }
}
