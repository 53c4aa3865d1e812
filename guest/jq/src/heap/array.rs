//! Arrays that grow behind their end, and parts of arrays.

use super::{Full, Heap, array_of, is_same_block};
use crate::value::{Sharing, Value};

impl Heap<'_> {
    /// Appends to an array: in place if there is room behind its end that no other value has used.
    pub(crate) fn append(&mut self, array: Value, elements: &[Value]) -> Result<Value, Full> {
        let Value::Array { len, start, block } = array else { unreachable!("expected an array") };
        let additional = elements.len() as u32;
        if additional == 0 {
            return Ok(array);
        }
        let (mut array, mut at) =
            (Value::Array { len: len + additional, start, block }, start + len);
        if !self.take_room(block, start + len - block - 1, additional) {
            let Value::Array { start, block, .. } =
                self.copy(array_of(len, start, block), additional)?
            else {
                unreachable!("a copy of an array is an array")
            };
            self.take_room(block, len, additional);
            (array, at) = (Value::Array { len: len + additional, start, block }, start + len);
        }
        for (cell, element) in (at as usize..).zip(elements) {
            self.cells[cell] = *element;
            self.store(*element);
        }
        self.note_written(array);
        Ok(array)
    }

    /// Both arrays, one behind the other.
    pub(crate) fn append_array(&mut self, first: Value, second: Value) -> Result<Value, Full> {
        if self.cells(first).is_empty() {
            return Ok(second);
        }
        // Two values hold the elements from now on, unless nothing else holds the second array.
        let Value::Array { block, .. } = second else { unreachable!("expected an array") };
        let is_kept = !self.is_exclusive(second, Sharing::Fresh) || is_same_block(first, block);
        let source = self.range(second);
        let additional = source.len() as u32;
        if additional == 0 {
            return Ok(first);
        }
        let first = self.with_room(first, source.len())?;
        let Value::Array { len, start, block } = first else { unreachable!("an array stays one") };
        self.take_room(block, start + len - block - 1, additional);
        let at = (start + len) as usize;
        for (offset, cell) in source.enumerate() {
            let value = self.cells[cell];
            if is_kept {
                self.share(value);
            }
            self.cells[at + offset] = value;
        }
        let array = Value::Array { len: len + additional, start, block };
        self.note_written(array);
        Ok(array)
    }

    /// The array in a block that has room behind its end.
    pub(crate) fn with_room(&mut self, array: Value, additional: usize) -> Result<Value, Full> {
        let Value::Array { len, start, block } = array else { unreachable!("expected an array") };
        let additional = u32::try_from(additional).map_err(|_| Full)?;
        match self.cells[block as usize] {
            Value::Block { capacity, used, .. }
                if block != 0
                    && used == start + len - block - 1
                    && capacity - used >= additional =>
            {
                Ok(array)
            }
            _ => self.copy(array, additional),
        }
    }

    /// A part of an array, which shares its block.
    pub(crate) fn part(&mut self, array: Value, from: usize, to: usize) -> Value {
        let Value::Array { start, block, .. } = array else { return Value::Null };
        if from >= to {
            return Value::EMPTY_ARRAY;
        }
        // The whole and the part are two values of one block.
        self.share(array);
        Value::Array { len: (to - from) as u32, start: start + from as u32, block }
    }
}
