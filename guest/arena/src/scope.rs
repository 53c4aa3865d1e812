//! The scope front: typed allocation that is freed all at once when its phase ends.
//!
//! Grows downward from the region's end. No destructors run, so types that have one are rejected at
//! compile time. Nothing can escape: the closure must work for *every* lifetime `'s`, so a value
//! with `'s` cannot be stored in anything that is older. This module does not free; the end of the
//! phase does, by moving the front back up.
//!
//! Invariant: only the innermost phase allocates. The end of an inner phase would free a block that
//! an outer scope took meanwhile, so that panics (compare bump-scope's GHSA-xhx6-q96x-pf9c).

use core::alloc::Layout;
use core::error::Error;
use core::fmt;
use core::mem::needs_drop;
use core::ptr::NonNull;
use core::slice;

use crate::arena::Arena;

/// The allocation does not fit into the arena, which is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arena is exhausted")
    }
}

impl Error for Exhausted {}

/// Allocates for one phase. What it returns lives until the phase ends.
///
/// Allocations fail with [`Exhausted`] when the fronts have met.
///
/// Covariant in `'s` on purpose: a shorter `'s` only makes shorter references. So values that
/// borrow from outside the phase can be allocated in it.
///
/// It cannot leave its thread. References that it returned can, while the phase runs.
///
/// ```compile_fail,E0277
/// phase_arena::GlobalArena::new().phase("phase", |scope| {
///     std::thread::scope(|threads| {
///         threads.spawn(|| scope.try_alloc(1).is_ok());
///     });
/// });
/// ```
///
/// # Panics
/// Every allocation panics if a phase that began inside this one is still running.
pub struct Scope<'s> {
    arena: &'s Arena,
    depth: u32,
}

impl<'s> Scope<'s> {
    pub(crate) fn new(arena: &'s Arena, depth: u32) -> Self {
        Self { arena, depth }
    }

    /// A second handle on the same phase, for `ScopeVec`.
    pub(crate) fn handle(&self) -> Self {
        Self::new(self.arena, self.depth)
    }

    /// Moves a value into the arena.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn try_alloc<T>(&self, value: T) -> Result<&'s mut T, Exhausted> {
        reject_drop::<T>();
        let slot = self.reserve(Layout::new::<T>())?.cast::<T>();
        // SAFETY: reserved for a `T`, so aligned, in range and not used by anything else.
        unsafe { slot.write(value) };
        // SAFETY: just initialised; this is the only reference, and the memory is not reused
        // before the phase ends, which `'s` does not outlive.
        Ok(unsafe { &mut *slot.as_ptr() })
    }

    /// Copies a slice into the arena.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn try_alloc_slice_copy<T: Copy>(&self, source: &[T]) -> Result<&'s mut [T], Exhausted> {
        let slots = self.reserve(Layout::for_value(source))?.cast::<T>();
        // SAFETY: reserved for as many `T`, and new memory does not overlap the source.
        unsafe { slots.copy_from_nonoverlapping(NonNull::from(source).cast(), source.len()) };
        // SAFETY: as in `try_alloc`, for all of the elements.
        Ok(unsafe { slice::from_raw_parts_mut(slots.as_ptr(), source.len()) })
    }

    /// Copies a string into the arena.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn try_alloc_str(&self, source: &str) -> Result<&'s mut str, Exhausted> {
        let bytes = self.try_alloc_slice_copy(source.as_bytes())?;
        // SAFETY: the bytes were copied from a `str`.
        Ok(unsafe { core::str::from_utf8_unchecked_mut(bytes) })
    }

    /// Fills a new slice with what the closure returns for each index, in order.
    ///
    /// # Errors
    /// [`Exhausted`], before the closure is called at all.
    pub fn try_alloc_slice_fill_with<T>(
        &self,
        len: usize,
        mut fill: impl FnMut(usize) -> T,
    ) -> Result<&'s mut [T], Exhausted> {
        reject_drop::<T>();
        let slots = self.reserve(Layout::array::<T>(len).map_err(|_| Exhausted)?)?.cast::<T>();
        for index in 0..len {
            // SAFETY: `index < len`, and `len` elements were reserved.
            let slot = unsafe { slots.add(index) };
            // SAFETY: as in `try_alloc`.
            unsafe { slot.write(fill(index)) };
        }
        // SAFETY: all of the elements are initialised; the rest as in `try_alloc`.
        Ok(unsafe { slice::from_raw_parts_mut(slots.as_ptr(), len) })
    }

    /// Memory for a layout: aligned, uninitialised, and used by this phase only.
    pub(crate) fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        self.assert_innermost();
        if layout.size() == 0 {
            return Ok(layout.dangling_ptr());
        }
        let (front, region) = self.arena.scopes();
        // SAFETY: between the heap's bump and this front nothing is alive (the arena's invariant).
        unsafe { front.take(region, self.arena.heap_bump(), layout) }.ok_or(Exhausted)
    }

    /// Enlarges the block `old` at `block` by moving it down, if it was taken last. Returns its new
    /// place; the contents are not moved.
    ///
    /// # Safety
    /// `old` at `block` was reserved by this scope, and is not used any more if this succeeds.
    pub(crate) unsafe fn extend_last(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        self.assert_innermost();
        let (front, region) = self.arena.scopes();
        // SAFETY: as in `reserve`; the block is the caller's to give up.
        unsafe { front.extend_last(region, self.arena.heap_bump(), (block, old), new) }
    }

    #[inline]
    fn assert_innermost(&self) {
        assert!(
            self.arena.scopes().0.depth() == self.depth,
            "allocation in a phase that has an inner one"
        );
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("depth", &self.depth).finish_non_exhaustive()
    }
}

/// Phases run no destructors: a type that has one would leak what it owns.
pub(crate) const fn reject_drop<T>() {
    const { assert!(!needs_drop::<T>(), "a phase runs no destructors: this type has one") }
}
