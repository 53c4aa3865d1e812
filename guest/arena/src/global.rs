//! The arena as a guest's global allocator.
//!
//! In a sandbox (`wasm32-unknown-unknown`, `wasm32-wasip2`) each module has one arena. Other
//! targets have no memory that a host limits, but tests must run there: see `elsewhere`. This file
//! only chooses between them.

#[cfg(all(target_arch = "wasm32", not(target_env = "p1")))]
mod sandbox;
#[cfg(all(target_arch = "wasm32", not(target_env = "p1")))]
mod stack;
#[cfg(all(target_arch = "wasm32", not(target_env = "p1")))]
use sandbox as target;

#[cfg(not(all(target_arch = "wasm32", not(target_env = "p1"))))]
mod elsewhere;
#[cfg(not(all(target_arch = "wasm32", not(target_env = "p1"))))]
use elsewhere as target;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod system;

use core::alloc::{GlobalAlloc, Layout};

use crate::scope::Scope;
use crate::scrub::Scrub;
use crate::usage::Usage;

/// The one arena of a WebAssembly module, as its global allocator.
///
/// ```
/// #[global_allocator]
/// static ARENA: phase_arena::GlobalArena = phase_arena::GlobalArena::new();
/// # fn main() { assert_eq!(vec![1, 2, 3].len(), 3); }
/// ```
///
/// It has no state: every value of this type is a handle on the same arena, so a second one does
/// no harm. A component needs more than the allocator: [`global_arena!`](crate::global_arena) also
/// exports the functions that its host allocates with.
///
/// - On `wasm32-unknown-unknown` the arena takes all memory above `__heap_base` at its first use.
///   A module that links another allocator over the same memory must not use it.
/// - On `wasm32-wasip2` that memory belongs to the libc. The arena is static: 8 MiB, or as many
///   bytes as the variable `PHASE_ARENA_BYTES` says when this crate is compiled. What the libc
///   allocates, and what the host returns from imports, is in the libc's heap. A block of either may
///   be freed here: its address says to which heap it belongs. A module that has this allocator
///   without `global_arena!` does not link, because the libc would free blocks of the arena.
/// - On other targets it allocates from [`std::alloc::System`], and only phases, statistics and
///   requests use an arena: one of 16 MiB per thread.
///
/// To compare it with other allocators, a guest is compiled with `--cfg phase_arena_detached`. Then
/// this one takes no memory at all: its allocations fail, and all else does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalArena;

/// Whether another allocator serves the guest.
const DETACHED: bool = cfg!(phase_arena_detached);

impl GlobalArena {
    /// A handle on the module's arena.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// See [`Arena::configured`](crate::Arena::configured).
    pub fn configured(&self) {
        if !DETACHED {
            target::with(|arena| arena.configured());
        }
    }

    /// See [`Arena::begin_request`](crate::Arena::begin_request).
    pub fn begin_request(&self) {
        if !DETACHED {
            target::with(|arena| arena.begin_request());
        }
    }

    /// See [`Arena::begin_inspection`](crate::Arena::begin_inspection).
    pub fn begin_inspection(&self) {
        if !DETACHED {
            target::with(|arena| arena.begin_inspection());
        }
    }

    /// See [`Arena::end_request`](crate::Arena::end_request). In a sandbox, if scrub is on, this
    /// also zeroes the stack below the caller's frame. So the code of the request should be in a
    /// function that is not inlined into the caller.
    pub fn end_request(&self) {
        if !DETACHED {
            target::with(|arena| arena.end_request());
            target::scrub_stack();
        }
    }

    /// See [`Arena::phase`](crate::Arena::phase).
    pub fn phase<R>(&self, name: &'static str, f: impl for<'s> FnOnce(&Scope<'s>) -> R) -> R {
        target::with(|arena| arena.phase(name, f))
    }

    /// See [`Arena::persistent`](crate::Arena::persistent).
    pub fn persistent<R>(&self, f: impl FnOnce() -> R) -> R {
        if DETACHED { f() } else { target::with(|arena| arena.persistent(f)) }
    }

    /// See [`Arena::set_scrub`](crate::Arena::set_scrub).
    pub fn set_scrub(&self, scrub: Scrub) {
        if !DETACHED {
            target::with(|arena| arena.set_scrub(scrub));
        }
    }

    /// See [`Arena::usage`](crate::Arena::usage).
    #[must_use]
    pub fn usage(&self) -> Usage {
        if DETACHED { Usage::default() } else { target::with(|arena| arena.usage()) }
    }

    /// See [`Arena::phases`](crate::Arena::phases).
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, usize)> {
        target::phases()
    }

    /// The canonical ABI's `realloc`, see [`Arena::host_realloc`](crate::Arena::host_realloc).
    /// Never null: at exhaustion it traps in a function named `arena_exhausted`.
    ///
    /// # Safety
    /// If `old_size` is not zero, `pointer` is a block alive of this allocator with that size and
    /// alignment.
    pub unsafe fn host_realloc(
        &self,
        pointer: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promise.
        or_trap(unsafe { target::host_realloc(pointer, old_size, align, new_size) })
    }

    /// As `host_realloc`, for what an import returns. The libc frees that with its own `free`, so it
    /// must be the libc's.
    ///
    /// # Safety
    /// As for `host_realloc`, with blocks that this function returned.
    #[cfg(all(target_arch = "wasm32", not(any(target_os = "unknown", target_env = "p1"))))]
    #[doc(hidden)]
    pub unsafe fn import_realloc(
        &self,
        pointer: *mut u8,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller's promise.
        or_trap(unsafe { system::realloc(pointer, old_size, align, new_size) })
    }
}

/// The canonical ABI knows no null: at exhaustion, the guest traps.
fn or_trap(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        target::arena_exhausted();
    }
    block
}

// SAFETY: forwards to an allocator that keeps the contract.
unsafe impl GlobalAlloc for GlobalArena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { target::allocator().alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { target::allocator().dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { target::allocator().alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { target::allocator().realloc(pointer, layout, size) }
    }
}
