//! The reallocation function that the host calls, in a component that is compiled to be compared with
//! another allocator. All others have the one of `phase_arena::global_arena`.
#![allow(unsafe_code, reason = "the canonical ABI calls it with raw pointers")]

/// Allocates the memory for the arguments that the host passes to an export.
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
    // SAFETY: the caller keeps the canonical ABI's contract, which is this function's too.
    unsafe { wit_bindgen::rt::cabi_realloc(old, old_size, align, new_size) }
}
