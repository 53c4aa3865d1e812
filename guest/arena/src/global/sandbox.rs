//! `wasm32-unknown-unknown`: the arena over everything above `__heap_base`.
//!
//! Invariant: nothing else in the module uses that memory. This target has no libc. std's own
//! allocator is linked only if code names `std::alloc::System`; it would call `memory.grow`, which
//! fails in a memory of fixed size.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr::{self, NonNull};

use super::stack;
use crate::arena::Arena;
use crate::scrub::Scrub;

#[cfg(target_feature = "atomics")]
compile_error!("phase-arena is for a single thread: WebAssembly with atomics is not supported");

/// Bytes of a page of linear memory.
const PAGE: usize = 64 << 10;

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
        // SAFETY: wasm-ld defines the symbol under this name for every module. It is never read.
        unsafe extern "C" {
            /// Set by the linker: the end of static data and stack. Only its address has a meaning.
            static __heap_base: u8;
        }
        self.attached.set(true);
        let base = (&raw const __heap_base).addr();
        let len = wasm32::memory_size(0).saturating_mul(PAGE).saturating_sub(base);
        // The memory there belongs to no Rust object, so the pointer is made from its address.
        if let Some(base) = NonNull::new(ptr::with_exposed_provenance_mut(base)) {
            // SAFETY: nothing else uses what is above `__heap_base` (invariant); a new instance's
            // memory is zero where no data segment is, and data segments are all below.
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
            None => ARENA.get().alloc_routed(layout),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
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
        // SAFETY: the caller's promise.
        unsafe { ARENA.arena.realloc(pointer, layout, size) }
    }
}
