//! A vector in a phase.
//!
//! It grows in place, downward, while it is the last block of the phase, and moves otherwise.
//! Elements have no destructor. It has only the methods that decoders and encoders need.
//!
//! Invariant: `capacity` elements fit at `data`, the first `len` are initialised.

use core::alloc::Layout;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use crate::scope::{Exhausted, Scope, reject_drop};

/// The smallest capacity that is reserved.
const CAPACITY_FIRST: usize = 4;

/// A growable array in a phase. Dropping it does nothing; the phase's end frees it.
pub struct ScopeVec<'s, T> {
    scope: Scope<'s>,
    data: NonNull<T>,
    len: usize,
    capacity: usize,
}

impl<'s, T> ScopeVec<'s, T> {
    /// An empty vector, without memory.
    #[must_use]
    pub fn new(scope: &Scope<'s>) -> Self {
        reject_drop::<T>();
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { 0 };
        Self { scope: scope.handle(), data: NonNull::dangling(), len: 0, capacity }
    }

    /// An empty vector with room for `capacity` elements.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn try_with_capacity(scope: &Scope<'s>, capacity: usize) -> Result<Self, Exhausted> {
        let mut vec = Self::new(scope);
        vec.grow_to(capacity)?;
        Ok(vec)
    }

    /// How many elements fit without another allocation.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for at least `additional` more elements.
    ///
    /// # Errors
    /// [`Exhausted`]; the vector is unchanged.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), Exhausted> {
        if additional <= self.capacity - self.len {
            return Ok(());
        }
        self.grow(additional)
    }

    /// Appends an element.
    ///
    /// # Errors
    /// [`Exhausted`]; the element is dropped, the vector unchanged.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), Exhausted> {
        if self.len == self.capacity {
            self.grow(1)?;
        }
        // SAFETY: `len < capacity`, so the place is in the block.
        let slot = unsafe { self.data.add(self.len) };
        // SAFETY: in range and aligned by the invariant.
        unsafe { slot.write(value) };
        self.len += 1;
        Ok(())
    }

    /// Appends copies of the elements.
    ///
    /// # Errors
    /// [`Exhausted`]; the vector is unchanged.
    pub fn try_extend_from_slice(&mut self, source: &[T]) -> Result<(), Exhausted>
    where
        T: Copy,
    {
        self.try_reserve(source.len())?;
        // SAFETY: `len <= capacity`, so the place is in the block or at its end.
        let slots = unsafe { self.data.add(self.len) };
        // SAFETY: room for them was reserved; `&mut self` keeps the source from overlapping.
        unsafe { slots.copy_from_nonoverlapping(NonNull::from(source).cast(), source.len()) };
        self.len += source.len();
        Ok(())
    }

    /// Removes the last element.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        // SAFETY: `last` was below `len`, so it is in the block.
        let slot = unsafe { self.data.add(last) };
        // SAFETY: initialised by the invariant, and not an element any more.
        Some(unsafe { slot.read() })
    }

    /// Keeps the first `len` elements; does nothing if there are fewer.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Removes all elements and keeps the capacity.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The elements, for the rest of the phase.
    #[must_use]
    pub fn into_slice(self) -> &'s mut [T] {
        // SAFETY: `len` elements are initialised (invariant); the memory stays this phase's until
        // it ends, and `self`, the only other way to it, is gone.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }

    #[cold]
    fn grow(&mut self, additional: usize) -> Result<(), Exhausted> {
        // The need counts from the length, the doubling from the capacity (bumpalo's issue 335
        // confused them).
        let needed = self.len.checked_add(additional).ok_or(Exhausted)?;
        // The capacity doubles. If that does not fit, it grows by half of that, and so on: by the need alone at
        // last. So a vector that fills the memory moves a few times, not at each push.
        let mut step = self.capacity.max(CAPACITY_FIRST);
        while self.capacity.saturating_add(step) > needed {
            if self.grow_to(self.capacity.saturating_add(step)).is_ok() {
                return Ok(());
            }
            step /= 2;
        }
        self.grow_to(needed)
    }

    fn grow_to(&mut self, capacity: usize) -> Result<(), Exhausted> {
        if capacity <= self.capacity {
            return Ok(());
        }
        let new = Layout::array::<T>(capacity).map_err(|_| Exhausted)?;
        let old = Layout::array::<T>(self.capacity).map_err(|_| Exhausted)?;
        // SAFETY: reserved by this scope for this vector, which uses the new place from here on.
        let extended = unsafe { self.scope.extend_last(self.data.cast(), old, new) };
        let data = match extended {
            Some(data) => data.cast::<T>(),
            None => self.scope.reserve(new)?.cast::<T>(),
        };
        // SAFETY: `len` elements are initialised at the old place and fit at the new one, which
        // may overlap the old. Both are this vector's own.
        unsafe { data.copy_from(self.data, self.len) };
        self.data = data;
        self.capacity = capacity;
        Ok(())
    }
}

impl<T> Deref for ScopeVec<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` elements are initialised (invariant), and borrowed with `self`.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for ScopeVec<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, mutably.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<'v, T> IntoIterator for &'v ScopeVec<'_, T> {
    type Item = &'v T;
    type IntoIter = slice::Iter<'v, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'v, T> IntoIterator for &'v mut ScopeVec<'_, T> {
    type Item = &'v mut T;
    type IntoIter = slice::IterMut<'v, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// Text can be formatted into a phase; exhaustion is `fmt::Error`.
impl fmt::Write for ScopeVec<'_, u8> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_extend_from_slice(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl<T: fmt::Debug> fmt::Debug for ScopeVec<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
