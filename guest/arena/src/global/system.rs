//! The system's allocator, as a host calls it: the `realloc` of the canonical ABI.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use std::alloc::System;

/// As `Arena::host_realloc`. Null if the system has no memory.
///
/// # Safety
/// As for `Arena::host_realloc`, with blocks of the system's.
pub(super) unsafe fn realloc(
    pointer: *mut u8,
    old_size: usize,
    align: usize,
    new_size: usize,
) -> *mut u8 {
    let (Ok(old), Ok(new)) =
        (Layout::from_size_align(old_size, align), Layout::from_size_align(new_size, align))
    else {
        return ptr::null_mut();
    };
    match (old_size, new_size) {
        (0, 0) => new.dangling_ptr().as_ptr(),
        // SAFETY: the new size is not zero.
        (0, _) => unsafe { System.alloc(new) },
        (_, 0) => {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(pointer, old) };
            new.dangling_ptr().as_ptr()
        }
        // SAFETY: the caller's promise; the new size is not zero and valid with this alignment.
        _ => unsafe { System.realloc(pointer, old, new_size) },
    }
}
