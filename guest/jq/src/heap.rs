//! The memory of a run: cells for containers, bytes for text.
//!
//! Values say where they are by index, so a mistake can give a wrong answer or stop the run, but never reads
//! foreign memory. Nothing is freed one by one. What the evaluator knows to be dead is given up together
//! (`evacuate`), and the run gives up all.
//!
//! A container is a *block*: a header and its cells. Invariants:
//!
//! - A block that is [`Sharing::Fresh`] is held by one value only, which no block and no variable holds. A block
//!   that is [`Sharing::Stored`] is held by one other block only. So a chain of a fresh block and stored ones can
//!   be changed in place.
//! - What is behind the end of a value in its block is free if the block's `used` ends where the value ends.
//!   So a longer value can share the block with the shorter one.
//! - Cell 0 is the header of all empty containers. It has no room.

mod array;
mod evacuate;
mod mark;
mod object;
mod source;
mod text;

use alloc::vec::Vec;
use core::cell::Cell;

use crate::value::{BlockKind, BlockState, Origin, Sharing, Value};
pub(crate) use mark::Mark;

/// The memory of a run.
#[derive(Debug)]
pub(crate) struct Heap<'r> {
    cells: Vec<Value>,
    text: Vec<u8>,
    document: &'r [u8],
    constants: &'r [u8],
    /// The blocks that were written in place: they may hold younger ones.
    written: Vec<u32>,
    /// Bytes below which the dead are not given up again, because the last time was too much work for that.
    threshold: usize,
    /// So many bytes above its mark a loop lets be.
    allowance: usize,
    /// Bytes that may be used.
    limit: usize,
    /// Whether a comparison met values that nest too deep. The caller looks at it.
    pub(crate) is_too_deep: Cell<bool>,
}

/// The memory that a heap keeps from run to run.
#[derive(Debug, Default)]
pub(crate) struct HeapMemory {
    cells: Vec<Value>,
    text: Vec<u8>,
    written: Vec<u32>,
}

/// The bounds of a heap, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) memory: usize,
    /// So much is allocated before the dead are given up. With 0 that happens at every opportunity.
    pub(crate) evacuation_threshold: usize,
}

/// The heap's memory is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The most entries of an object that are searched one by one.
pub(crate) const SCANNED_MAX: u32 = 64;

/// The fewest elements that a block has room for when it grows.
const CAPACITY_FIRST: u32 = 4;

impl<'r> Heap<'r> {
    /// An empty heap over a document and the constants of a program.
    pub(crate) fn new(
        memory: HeapMemory,
        document: &'r [u8],
        constants: &'r [u8],
        bounds: Bounds,
    ) -> Self {
        let HeapMemory { mut cells, mut text, mut written } = memory;
        cells.clear();
        text.clear();
        written.clear();
        let Bounds { memory: limit, evacuation_threshold: allowance } = bounds;
        // Room that is there is not asked for again.
        if cells.capacity() * size_of::<Value>() + text.capacity() > limit {
            (cells, text) = (Vec::new(), Vec::new());
        }
        cells.push(header(BlockKind::Array, Sharing::Shared, 0, 0, 0));
        let is_too_deep = Cell::new(false);
        Self {
            cells,
            text,
            document,
            constants,
            written,
            threshold: 0,
            allowance,
            limit,
            is_too_deep,
        }
    }

    pub(crate) fn into_memory(self) -> HeapMemory {
        HeapMemory { cells: self.cells, text: self.text, written: self.written }
    }

    /// Reserves what documents usually need, so that the cells are not copied while they grow. If there is not so
    /// much memory, they grow as far as they can.
    pub(crate) fn reserve_for_document(&mut self) {
        /// A document has at least so many bytes for each cell, mostly.
        const BYTES_PER_CELL: usize = 8;
        let cells = self.document.len() / BYTES_PER_CELL + 64;
        let room = self.limit / size_of::<Value>();
        if cells > self.cells.capacity() && cells < room {
            // Without this, memory is reserved when it is needed.
            let _ = self.cells.try_reserve_exact(cells - self.cells.len());
        }
    }

    /// The most bytes that may be in use.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Fails if a text that is being made is longer than the whole memory. Of values that share others it may be.
    pub(crate) fn check_text(&self, text: &[u8]) -> Result<(), Full> {
        if text.len() > self.limit { Err(Full) } else { Ok(()) }
    }

    /// Bytes in use.
    pub(crate) fn len(&self) -> usize {
        self.cells.len() * size_of::<Value>() + self.text.len()
    }

    fn reserve_cells(&mut self, additional: usize) -> Result<(), Full> {
        if self.cells.capacity() - self.cells.len() < additional {
            self.grow_cells(additional)?;
        }
        Ok(())
    }

    #[cold]
    fn grow_cells(&mut self, additional: usize) -> Result<(), Full> {
        let room = self.limit.saturating_sub(self.len()) / size_of::<Value>();
        if additional > room || u32::try_from(self.cells.len() + additional).is_err() {
            return Err(Full);
        }
        // Half again rather than double, because the old memory is held while the new one is filled.
        let wanted = additional.max(self.cells.len() / 2).min(room);
        self.cells.try_reserve_exact(wanted).map_err(|_| Full)
    }

    /// The elements of an array, or the cells of an object.
    #[inline]
    pub(crate) fn cells(&self, value: Value) -> &[Value] {
        match value {
            Value::Array { len, start, .. } => &self.cells[start as usize..][..len as usize],
            Value::Object { len, start, .. } => &self.cells[start as usize..][..2 * len as usize],
            _ => &[],
        }
    }

    /// The cell at this distance from the start of a container.
    #[inline]
    pub(crate) fn cell(&self, value: Value, at: usize) -> Value {
        self.cells(value)[at]
    }

    /// An array of these elements, which it holds from now on.
    pub(crate) fn array(&mut self, elements: &[Value]) -> Result<Value, Full> {
        self.container(false, elements, true)
    }

    /// An object of these keys and values, which it holds from now on. The keys are strings, and no two are equal.
    pub(crate) fn object(&mut self, cells: &[Value]) -> Result<Value, Full> {
        self.container(true, cells, true)
    }

    /// Either of them. Without `has_containers` no cell is one.
    #[inline(always)]
    pub(crate) fn container(
        &mut self,
        is_object: bool,
        cells: &[Value],
        has_containers: bool,
    ) -> Result<Value, Full> {
        if cells.is_empty() {
            return Ok(if is_object { Value::EMPTY_OBJECT } else { Value::EMPTY_ARRAY });
        }
        self.reserve_cells(cells.len() + 1)?;
        let block = self.cells.len() as u32;
        let start = block + 1;
        let (kind, len) = if is_object {
            (BlockKind::Object, (cells.len() / 2) as u32)
        } else {
            (BlockKind::Array, cells.len() as u32)
        };
        self.cells.push(header(kind, Sharing::Fresh, len, len, 0));
        self.cells.extend_from_slice(cells);
        if has_containers {
            for cell in cells {
                self.store(*cell);
            }
        }
        if !is_object {
            return Ok(Value::Array { len, start, block });
        }
        let object = Value::Object { len, start, block };
        self.index_if_large(object)?;
        Ok(object)
    }

    /// Records that a block holds this value.
    #[inline]
    pub(crate) fn store(&mut self, value: Value) {
        if let Value::Array { block, .. } | Value::Object { block, .. } = value
            && block != 0
        {
            let sharing = self.sharing(block);
            *sharing = if *sharing == Sharing::Fresh { Sharing::Stored } else { Sharing::Shared };
        }
    }

    /// Records that more than one place holds this value: it does not change any more.
    #[inline]
    pub(crate) fn share(&mut self, value: Value) {
        if let Value::Array { block, .. } | Value::Object { block, .. } = value
            && block != 0
        {
            *self.sharing(block) = Sharing::Shared;
        }
    }

    /// Shares a value that may be a part of a container, or the container itself, before the container is changed. A
    /// value that something holds already may be such a part.
    pub(crate) fn share_alias(&mut self, whole: Value, value: Value) {
        let (Value::Array { block, .. } | Value::Object { block, .. }) = value else { return };
        if block != 0 && (*self.sharing(block) == Sharing::Stored || is_same_block(whole, block)) {
            *self.sharing(block) = Sharing::Shared;
        }
    }

    fn sharing(&mut self, block: u32) -> &mut Sharing {
        match &mut self.cells[block as usize] {
            Value::Block { sharing, .. } => sharing,
            other => unreachable!("expected the header of a block, got {other:?}"),
        }
    }

    /// Copies a container into a block of its own, with room for `additional` more elements or entries.
    fn copy(&mut self, value: Value, additional: u32) -> Result<Value, Full> {
        let (kind, len, width) = match value {
            Value::Object { len, .. } => (BlockKind::Object, len, 2),
            Value::Array { len, .. } => (BlockKind::Array, len, 1),
            _ => unreachable!("only containers are copied"),
        };
        let capacity = if additional == 0 {
            len
        } else {
            (len + additional).max(len + len / 2).max(CAPACITY_FIRST)
        };
        self.reserve_cells((width * capacity + 1) as usize)?;
        let block = self.cells.len() as u32;
        self.cells.push(header(kind, Sharing::Fresh, capacity, len, 0));
        let source = self.range(value);
        for at in source.clone() {
            // The original and the copy hold it now.
            let cell = self.cells[at];
            self.share(cell);
        }
        self.cells.extend_from_within(source);
        self.cells.resize((block + 1 + width * capacity) as usize, Value::Null);
        let start = block + 1;
        Ok(match kind {
            BlockKind::Object => {
                let copy = Value::Object { len, start, block };
                self.index_if_large(copy)?;
                copy
            }
            _ => Value::Array { len, start, block },
        })
    }

    fn range(&self, value: Value) -> core::ops::Range<usize> {
        match value {
            Value::Array { len, start, .. } => start as usize..(start + len) as usize,
            Value::Object { len, start, .. } => start as usize..(start + 2 * len) as usize,
            _ => 0..0,
        }
    }

    /// Whether a container may be changed in place through the value that holds it (`Fresh`) or in a block that
    /// may itself be changed (`Stored`).
    fn is_exclusive(&self, value: Value, most: Sharing) -> bool {
        let (Value::Array { block, .. } | Value::Object { block, .. }) = value else {
            return false;
        };
        match self.cells[block as usize] {
            Value::Block { sharing, .. } => {
                block != 0 && (sharing == Sharing::Fresh || sharing == most)
            }
            _ => false,
        }
    }

    /// The container itself if it may be changed in place, else a copy.
    pub(crate) fn exclusive(&mut self, value: Value, most: Sharing) -> Result<Value, Full> {
        if self.is_exclusive(value, most) { Ok(value) } else { self.copy(value, 0) }
    }

    /// Writes a cell of a container that is exclusive. The old value is not held by it any more.
    pub(crate) fn write(&mut self, container: Value, at: usize, value: Value) {
        let at = self.range(container).start + at;
        self.store(value);
        self.cells[at] = value;
        self.note_written(container);
    }

    /// Replaces a cell of an exclusive container by a value that is exclusive itself: it is `Stored` again.
    pub(crate) fn write_back(&mut self, container: Value, at: usize, value: Value) {
        if let Value::Array { block, .. } | Value::Object { block, .. } = value
            && block != 0
        {
            *self.sharing(block) = Sharing::Stored;
        }
        let at = self.range(container).start + at;
        self.cells[at] = value;
        self.note_written(container);
    }

    fn note_written(&mut self, container: Value) {
        let (Value::Array { block, .. } | Value::Object { block, .. }) = container else { return };
        if let Value::Block { state, .. } = &mut self.cells[block as usize]
            && *state != BlockState::Written
        {
            *state = BlockState::Written;
            self.written.push(block);
        }
    }

    /// Takes room behind the first `end` elements of a block. False if it is used or not there.
    fn take_room(&mut self, block: u32, end: u32, additional: u32) -> bool {
        match &mut self.cells[block as usize] {
            Value::Block { capacity, used, .. }
                if *used == end && *capacity - *used >= additional =>
            {
                *used += additional;
                true
            }
            _ => false,
        }
    }

    pub(super) fn source(&self, origin: Origin) -> &[u8] {
        match origin {
            Origin::Document => self.document,
            Origin::Constants => self.constants,
            Origin::Heap => &self.text,
        }
    }
}

fn is_same_block(value: Value, other: u32) -> bool {
    matches!(value, Value::Array { block, .. } | Value::Object { block, .. } if block == other)
}

const fn array_of(len: u32, start: u32, block: u32) -> Value {
    Value::Array { len, start, block }
}

const fn header(kind: BlockKind, sharing: Sharing, capacity: u32, used: u32, extra: u32) -> Value {
    Value::Block { kind, sharing, state: BlockState::Made, capacity, used, extra }
}
