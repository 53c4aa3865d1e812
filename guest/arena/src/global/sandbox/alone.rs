//! `wasm32-unknown-unknown`: the arena has everything above `__heap_base`.
//!
//! Invariant: nothing else in the module uses that memory, and it is zero at first. This target has
//! no libc. std's own allocator is linked only if code names `std::alloc::System`; it would call
//! `memory.grow`, which fails in a memory of fixed size.

use core::arch::wasm32;
use core::ptr::{self, NonNull};

/// Bytes of a page of linear memory.
const PAGE: usize = 64 << 10;

/// Where the memory begins, and how many bytes it has. None if there is none.
pub(super) fn region() -> Option<(NonNull<u8>, usize)> {
    // SAFETY: wasm-ld defines the symbol under this name for every module. It is never read.
    unsafe extern "C" {
        /// Set by the linker: the end of static data and stack. Only its address has a meaning.
        static __heap_base: u8;
    }
    let base = (&raw const __heap_base).addr();
    let len = wasm32::memory_size(0).saturating_mul(PAGE).saturating_sub(base);
    // The memory there belongs to no Rust object, so the pointer is made from its address. A new
    // instance's memory is zero where no data segment is, and data segments are all below.
    Some((NonNull::new(ptr::with_exposed_provenance_mut(base))?, len))
}

/// None: this target has no libc.
#[inline]
pub(super) fn libc_of(_: *mut u8) -> Option<super::Allocator> {
    None
}

/// The only function that a host needs here has no default. Without it, the module is not a component.
#[inline]
pub(super) fn need_reallocs() {}
