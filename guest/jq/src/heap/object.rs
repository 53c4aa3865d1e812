//! Objects: entries in the order of their insertion, with a hash index if there are many.
//!
//! The index is a block of its own. Its cells hold the numbers of entries, several in a cell, and it is found by
//! the hash of a key with linear probing. It covers all entries of the object's block; a value that ends earlier
//! passes over the entries behind its end.

use super::{Full, Heap, SCANNED_MAX, header};
use crate::value::{BlockKind, BlockState, Sharing, Value};

/// Marks a free place of the index.
const FREE: u32 = u32::MAX;

impl Heap<'_> {
    /// The place of a key among an object's entries.
    #[inline]
    pub(crate) fn find(&self, object: Value, key: &Value) -> Option<usize> {
        let Value::Object { len, .. } = object else { return None };
        if len > SCANNED_MAX {
            return self.find_indexed(object, key);
        }
        let cells = self.cells(object);
        if let Value::Short { len: n, bytes: a } = key {
            return cells.chunks_exact(2).position(
                |entry| matches!(&entry[0], Value::Short { len: m, bytes: b } if n == m && a == b),
            );
        }
        cells.chunks_exact(2).position(|entry| self.is_equal_string(&entry[0], key))
    }

    /// The value of a key.
    #[inline]
    pub(crate) fn get(&self, object: Value, key: &Value) -> Option<Value> {
        let at = self.find(object, key)?;
        Some(self.cells(object)[2 * at + 1])
    }

    #[inline(never)]
    fn find_indexed(&self, object: Value, key: &Value) -> Option<usize> {
        let Value::Object { len, start, block } = object else { return None };
        let Value::Block { extra: index, .. } = self.cells[block as usize] else { return None };
        let Value::Block { capacity: places, .. } = self.cells[index as usize] else { return None };
        let mut place = self.hash(key) & (places - 1);
        loop {
            let entry = self.place(index, place);
            if entry == FREE {
                return None;
            }
            let cell = &self.cells[(block + 1 + 2 * entry) as usize];
            if self.is_equal_string(cell, key) {
                let first = (start - block - 1) / 2;
                return (first..first + len).contains(&entry).then(|| (entry - first) as usize);
            }
            place = (place + 1) & (places - 1);
        }
    }

    /// Sets the value of a key, in a container that is exclusive, or behind the entries of one that is not.
    pub(crate) fn insert(
        &mut self,
        object: Value,
        key: Value,
        value: Value,
    ) -> Result<Value, Full> {
        if let Some(at) = self.find(object, &key) {
            let object = self.exclusive(object, Sharing::Fresh)?;
            self.write(object, 2 * at + 1, value);
            return Ok(object);
        }
        self.add_entry(object, key, value)
    }

    /// Adds an entry with a key that the object does not have.
    pub(crate) fn add_entry(
        &mut self,
        object: Value,
        key: Value,
        value: Value,
    ) -> Result<Value, Full> {
        let Value::Object { len, start, block } = object else {
            unreachable!("expected an object")
        };
        let (mut start, mut block) = (start, block);
        if block == 0 || !self.take_room(block, (start - block - 1) / 2 + len, 1) {
            let Value::Object { start: s, block: b, .. } = self.copy(object, 1)? else {
                unreachable!("a copy of an object is an object")
            };
            (start, block) = (s, b);
            self.take_room(block, len, 1);
        }
        let object = Value::Object { len: len + 1, start, block };
        let at = (start + 2 * len) as usize;
        self.cells[at] = key;
        self.cells[at + 1] = value;
        self.store(value);
        self.note_written(object);
        if len + 1 == SCANNED_MAX + 1 {
            self.index_if_large(object)?;
        } else if len > SCANNED_MAX {
            self.index_entry(block, (start - block - 1) / 2 + len)?;
        }
        Ok(object)
    }

    /// Makes an index for an object that is large and starts its block.
    pub(super) fn index_if_large(&mut self, object: Value) -> Result<(), Full> {
        let Value::Object { len, block, .. } = object else { return Ok(()) };
        if len > SCANNED_MAX { self.build_index(block) } else { Ok(()) }
    }

    fn build_index(&mut self, block: u32) -> Result<(), Full> {
        let Value::Block { capacity, used, .. } = self.cells[block as usize] else { return Ok(()) };
        // At most half of the places are taken.
        let places = (2 * capacity).next_power_of_two();
        self.reserve_cells(places as usize / PLACES + 1)?;
        let index = self.cells.len() as u32;
        self.cells.push(header(BlockKind::Index, Sharing::Shared, places, places, 0));
        let free = Value::Block {
            kind: BlockKind::Index,
            sharing: Sharing::Shared,
            state: BlockState::Made,
            capacity: FREE,
            used: FREE,
            extra: FREE,
        };
        self.cells.resize(index as usize + 1 + (places as usize).div_ceil(PLACES), free);
        if let Value::Block { extra, .. } = &mut self.cells[block as usize] {
            *extra = index;
        }
        for entry in 0..used {
            self.index_entry(block, entry)?;
        }
        Ok(())
    }

    fn index_entry(&mut self, block: u32, entry: u32) -> Result<(), Full> {
        let Value::Block { extra: index, .. } = self.cells[block as usize] else { return Ok(()) };
        let Value::Block { capacity: places, .. } = self.cells[index as usize] else {
            return Ok(());
        };
        if index == 0 {
            return self.build_index(block);
        }
        let key = self.cells[(block + 1 + 2 * entry) as usize];
        let mut place = self.hash(&key) & (places - 1);
        while self.place(index, place) != FREE {
            place = (place + 1) & (places - 1);
        }
        let cell = &mut self.cells[(index + 1) as usize + place as usize / PLACES];
        if let Value::Block { capacity, used, extra, .. } = cell {
            *[capacity, used, extra][place as usize % PLACES] = entry;
        }
        Ok(())
    }

    fn place(&self, index: u32, place: u32) -> u32 {
        match self.cells[(index + 1) as usize + place as usize / PLACES] {
            Value::Block { capacity, used, extra, .. } => {
                [capacity, used, extra][place as usize % PLACES]
            }
            _ => FREE,
        }
    }

    /// FxHash over the bytes. It is not keyed: a guest has no randomness, so collisions are bounded by the time limit.
    fn hash(&self, key: &Value) -> u32 {
        const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
        let mut hash = 0u64;
        let bytes = self.bytes(key);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
            hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
        }
        for byte in words.remainder() {
            hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(FACTOR);
        }
        (hash >> 32) as u32
    }
}

/// Numbers of entries in a cell of an index.
const PLACES: usize = 3;
