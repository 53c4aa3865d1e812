//! Reads and writes the memory of a guest that is called as a core module. This is the only file of the host that does.
//!
//! Nothing that a guest returns is trusted. An address is an index into its memory, a length is compared with what is
//! left there, and texts are checked as UTF-8. A guest cannot make the host copy more than its memory has: as in
//! wasmtime's own implementation, parts that overlap count as often as they are named.

use wasmtime::{Error, Memory, Result, Store};

/// The memory of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestMemory(Memory);

/// A part of a guest's memory, at a place that the guest has named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuestBytes {
    memory: Memory,
    start: usize,
    length: usize,
}

impl GuestMemory {
    pub(crate) fn new(memory: Memory) -> Self {
        Self(memory)
    }

    /// All of it.
    pub(crate) fn all<'a, T: 'static>(&self, store: &'a Store<T>) -> &'a [u8] {
        self.0.data(store)
    }

    /// The bytes at a place that was checked.
    pub(crate) fn bytes(&self, start: usize, length: usize) -> GuestBytes {
        GuestBytes { memory: self.0, start, length }
    }

    /// The bytes at this address, to be written.
    ///
    /// # Errors
    ///
    /// If they are not in the memory.
    pub(crate) fn bytes_mut<'a, T: 'static>(
        &self,
        store: &'a mut Store<T>,
        address: u32,
        length: usize,
    ) -> Result<&'a mut [u8]> {
        let start = address as usize;
        let bytes = self.0.data_mut(store).get_mut(start..start.saturating_add(length));
        bytes.ok_or_else(|| Error::msg("realloc return: beyond end of memory"))
    }
}

impl GuestBytes {
    /// Where these are, and how many.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.start, self.length)
    }

    /// The bytes as they are now.
    #[inline]
    pub(crate) fn as_slice<'a, T: 'static>(&self, store: &'a Store<T>) -> &'a [u8] {
        // A memory never shrinks.
        &self.memory.data(store)[self.start..self.start + self.length]
    }
}

/// Reads a result in a guest's memory.
pub(crate) struct Lift<'a> {
    memory: &'a [u8],
    /// How many bytes of lists may still be copied.
    fuel: usize,
}

impl<'a> Lift<'a> {
    pub(crate) fn new<T: 'static>(memory: GuestMemory, store: &'a Store<T>) -> Self {
        Self { memory: memory.all(store), fuel: store.hostcall_fuel() }
    }

    /// The index of a value of this size, all of which is in the memory.
    pub(crate) fn address(&self, address: u32, size: usize, align: usize) -> Result<usize> {
        let at = address as usize;
        wasmtime::ensure!(at.is_multiple_of(align), "pointer not aligned");
        let last = self.memory.len().checked_sub(size);
        wasmtime::ensure!(last.is_some_and(|last| at <= last), "pointer out of bounds of memory");
        Ok(at)
    }

    // The numbers of a value are at places that `address` or `range` has checked.

    pub(crate) fn byte(&self, at: usize) -> u8 {
        self.memory[at]
    }

    pub(crate) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(*self.memory[at..].first_chunk().expect("it was checked"))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.memory[at..].first_chunk().expect("it was checked"))
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.memory[at..].first_chunk().expect("it was checked"))
    }

    /// The place of a list, and its length. Its address and its length are here.
    pub(crate) fn range(&self, at: usize, (size, align): (usize, usize)) -> Result<(usize, usize)> {
        let (start, length) = (self.u32(at) as usize, self.u32(at + 4) as usize);
        wasmtime::ensure!(start.is_multiple_of(align), "list pointer is not aligned");
        let end = length.checked_mul(size).and_then(|bytes| bytes.checked_add(start));
        let is_inside = end.is_some_and(|end| end <= self.memory.len());
        wasmtime::ensure!(is_inside, "list pointer/length out of bounds of memory");
        Ok((start, length))
    }

    /// A list of elements of this size and alignment.
    pub(crate) fn list<T>(
        &mut self,
        at: usize,
        element: (usize, usize),
        lift: impl Fn(&mut Self, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let (start, length) = self.range(at, element)?;
        self.pay(length.saturating_mul(size_of::<T>()))?;
        let mut list = Vec::with_capacity(length);
        for index in 0..length {
            list.push(lift(self, start + index * element.0)?);
        }
        Ok(list)
    }

    /// A list of bytes.
    pub(crate) fn bytes(&mut self, at: usize) -> Result<&'a [u8]> {
        let (start, length) = self.range(at, (1, 1))?;
        self.pay(length)?;
        Ok(&self.memory[start..start + length])
    }

    /// A text.
    pub(crate) fn text(&mut self, at: usize) -> Result<String> {
        Ok(std::str::from_utf8(self.bytes(at)?)?.to_owned())
    }

    /// Counts what is copied.
    fn pay(&mut self, bytes: usize) -> Result<()> {
        let left = self.fuel.checked_sub(bytes);
        self.fuel = left.ok_or_else(|| {
            Error::msg("too much data is being copied between the host and the guest")
        })?;
        Ok(())
    }
}
