//! `wasm32-wasip2`: the arena is static, because the memory above `__heap_base` is the libc's.
//!
//! Two allocators meet here. Rust code frees what the host returned from an import, which is in the
//! libc's heap. The libc never frees what Rust code allocated.
//!
//! Invariant: a block is the arena's if and only if its address is in [`MEMORY`], which is zero at
//! first.

use core::cell::UnsafeCell;
use core::hint::black_box;
use core::ptr::NonNull;
use std::alloc::System;

/// Bytes of the arena. Untouched pages of it cost nothing.
const BYTES: usize = match option_env!("PHASE_ARENA_BYTES") {
    // Another allocator serves the guest.
    _ if cfg!(phase_arena_detached) => 0,
    None => 8 << 20,
    Some(text) => match usize::from_str_radix(text, 10) {
        Ok(bytes) => bytes,
        Err(_) => panic!("expected PHASE_ARENA_BYTES to be a number of bytes"),
    },
};

static MEMORY: Memory = Memory(UnsafeCell::new([0; BYTES]));

#[repr(align(16))]
struct Memory(UnsafeCell<[u8; BYTES]>);

// SAFETY: without atomics (checked by the parent) a module has one thread.
unsafe impl Sync for Memory {}

/// Where the memory begins, and how many bytes it has. None if there is none.
pub(super) fn region() -> Option<(NonNull<u8>, usize)> {
    Some((NonNull::new(MEMORY.0.get().cast())?, BYTES))
}

/// Called where the arena serves as the global allocator. A module that has it without the functions of
/// `global_arena!` does not link: std's `cabi_realloc` would put results of imports into the arena, and
/// the libc would free them.
#[inline]
pub(super) fn need_reallocs() {
    // SAFETY: only its address is used.
    unsafe extern "C" {
        /// What `global_arena!` defines.
        fn cabi_import_realloc();
    }
    black_box(cabi_import_realloc as unsafe extern "C" fn());
}

/// The libc's allocator, if the block is its own.
#[inline]
pub(super) fn libc_of(block: *mut u8) -> Option<System> {
    let offset = block.addr().wrapping_sub(MEMORY.0.get().addr());
    (offset >= BYTES).then_some(System)
}
