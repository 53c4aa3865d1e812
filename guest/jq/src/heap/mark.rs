//! A place in the heap.

use crate::value::Value;

/// A place in the heap: what is above it is younger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(super) cells: u32,
    pub(super) text: u32,
    /// The bytes of the heap above which the loop gives up its dead.
    pub(super) limit: usize,
}

impl Mark {
    /// The bytes below it.
    pub(super) fn len(self) -> usize {
        self.cells as usize * size_of::<Value>() + self.text as usize
    }
}
