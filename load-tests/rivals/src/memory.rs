//! One allocator for every engine: mimalloc, counted when asked.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use libmimalloc_sys as mi;
use mimalloc::MiMalloc;

/// Whether allocations are counted. The measured time pays for one look at it.
static COUNTED: AtomicBool = AtomicBool::new(false);
/// Bytes in use, as mimalloc rounds them.
static LEVEL: AtomicUsize = AtomicUsize::new(0);
/// The most there were.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The level from which libjq is given nothing.
static LEVEL_MAX: AtomicUsize = AtomicUsize::new(usize::MAX);
/// How many blocks libjq is still given.
static BLOCKS_LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// From now on libjq is given so many bytes and blocks, if allocations are counted. It ends runs without end.
pub(crate) fn limit(bytes: usize, blocks: usize) {
    LEVEL_MAX.store(LEVEL.load(Relaxed).saturating_add(bytes), Relaxed);
    BLOCKS_LEFT.store(blocks, Relaxed);
}

/// Whether libjq is given no block of this size.
#[inline]
fn is_refused(size: usize) -> bool {
    COUNTED.load(Relaxed) && {
        let left = BLOCKS_LEFT.load(Relaxed);
        BLOCKS_LEFT.store(left.saturating_sub(1), Relaxed);
        left == 0 || LEVEL.load(Relaxed).saturating_add(size) > LEVEL_MAX.load(Relaxed)
    }
}

/// Counts from now on. What was allocated before must not be freed later in a number that matters.
pub(crate) fn count() {
    COUNTED.store(true, Relaxed);
}

/// The high water above the present level during `work`.
pub(crate) fn high_water<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let level = LEVEL.load(Relaxed);
    PEAK.store(level, Relaxed);
    let result = work();
    (PEAK.load(Relaxed).saturating_sub(level), result)
}

/// Takes note of a new allocation.
#[inline]
fn taken(block: *mut c_void) -> *mut c_void {
    if COUNTED.load(Relaxed) && !block.is_null() {
        // SAFETY: the block came from mimalloc.
        let size = unsafe { mi::mi_usable_size(block) };
        let level = LEVEL.load(Relaxed).wrapping_add(size);
        LEVEL.store(level, Relaxed);
        PEAK.fetch_max(level, Relaxed);
    }
    block
}

/// Takes note of the end of an allocation.
#[inline]
fn given(block: *mut c_void) {
    if COUNTED.load(Relaxed) && !block.is_null() {
        // SAFETY: the block came from mimalloc and is still in use.
        let size = unsafe { mi::mi_usable_size(block) };
        LEVEL.store(LEVEL.load(Relaxed).saturating_sub(size), Relaxed);
    }
}

/// The allocator of the Rust side.
pub(crate) struct Allocator;

// SAFETY: every call goes to mimalloc's own implementation.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        taken(unsafe { MiMalloc.alloc(layout) }.cast()).cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        taken(unsafe { MiMalloc.alloc_zeroed(layout) }.cast()).cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        given(block.cast());
        // SAFETY: the caller's contract is the same.
        unsafe { MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        given(block.cast());
        // SAFETY: the caller's contract is the same.
        taken(unsafe { MiMalloc.realloc(block, layout, size) }.cast()).cast()
    }
}

/// libjq's `malloc`.
#[unsafe(no_mangle)]
extern "C" fn rivals_malloc(size: usize) -> *mut c_void {
    if is_refused(size) {
        return null_mut();
    }
    // SAFETY: mimalloc takes every size.
    taken(unsafe { mi::mi_malloc(size) })
}

/// libjq's `calloc`.
#[unsafe(no_mangle)]
extern "C" fn rivals_calloc(count: usize, size: usize) -> *mut c_void {
    if is_refused(count.saturating_mul(size)) {
        return null_mut();
    }
    // SAFETY: mimalloc takes every size.
    taken(unsafe { mi::mi_calloc(count, size) })
}

/// libjq's `realloc`.
///
/// # Safety
///
/// The block is null or came from these functions.
#[unsafe(no_mangle)]
unsafe extern "C" fn rivals_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if is_refused(size) {
        return null_mut();
    }
    given(block);
    // SAFETY: the caller's contract is the same.
    taken(unsafe { mi::mi_realloc(block, size) })
}

/// libjq's `free`.
///
/// # Safety
///
/// The block is null or came from these functions.
#[unsafe(no_mangle)]
unsafe extern "C" fn rivals_free(block: *mut c_void) {
    given(block);
    // SAFETY: the caller's contract is the same.
    unsafe { mi::mi_free(block) }
}

/// libjq's `strdup`.
///
/// # Safety
///
/// The text ends with a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn rivals_strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: the caller's contract is the same.
    taken(unsafe { mi::mi_strdup(text) }.cast()).cast()
}
