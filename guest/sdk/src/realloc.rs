//! The reallocation function that the host calls.
#![allow(unsafe_code, reason = "the canonical ABI calls it with raw pointers")]

use crate::memory::ARENA;

/// Allocates the memory for the arguments that the host passes to an export. It replaces the
/// function of `wit-bindgen`, which does not begin a request.
///
/// # Safety
///
/// If `old_size` is not 0, `old` is a block of `old_size` bytes aligned to `align` that this
/// function returned. If `old_size` is 0, `old` may be anything: it is not dereferenced.
// SAFETY: nothing else in a component exports this name: `wit-bindgen` is built without its own.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    if cfg!(phase_arena_detached) {
        // SAFETY: the caller keeps the canonical ABI's contract, which is this function's too.
        return unsafe { wit_bindgen::rt::cabi_realloc(old, old_size, align, new_size) };
    }
    // SAFETY: the caller keeps the canonical ABI's contract, which is `host_realloc`'s.
    unsafe { ARENA.host_realloc(old, old_size, align, new_size) }
}
