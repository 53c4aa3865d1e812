//! Gives up the dead: what a loop has left behind.
//!
//! A loop of the evaluator takes a [`Mark`] before its first round. After a round, all that is younger than the
//! mark is dead, except what the round has put into a *sink*: the values of an array that is being collected, the
//! state of a `reduce`. All sinks are on stacks of the run, and none are in variables of Rust. So the loop can call
//! `evacuate` with the sinks as roots: what they reach above the mark is copied, and the rest is given up.
//!
//! Invariant: a block below the mark that holds one above it is in `written`.

use alloc::vec::Vec;

use super::mark::Mark;
use super::{Full, Heap};
use crate::value::{BlockKind, BlockState, Origin, Value};

/// The copies, and where they will be.
struct Copies {
    mark: Mark,
    cells: Vec<Value>,
    text: Vec<u8>,
}

impl Heap<'_> {
    pub(crate) fn mark(&self) -> Mark {
        let (cells, text) = (self.cells.len() as u32, self.text.len() as u32);
        Mark { cells, text, limit: self.len() + self.allowance }
    }

    /// Whether so much has been allocated that giving up the dead pays.
    #[inline]
    pub(crate) fn is_due(&self, mark: &Mark) -> bool {
        let len = self.len();
        len > mark.limit && len > self.threshold
    }

    /// Gives up what is above the mark and not reached from the roots, which are changed to the copies.
    pub(crate) fn evacuate(
        &mut self,
        mark: &mut Mark,
        roots: &mut [&mut [Value]],
    ) -> Result<(), Full> {
        let mut copies = Copies { mark: *mark, cells: Vec::new(), text: Vec::new() };
        let written = core::mem::take(&mut self.written);
        let (old, young): (Vec<u32>, Vec<u32>) =
            written.into_iter().partition(|block| *block < mark.cells);
        for block in young {
            // If it lives, its copy is young, and is noted when it is written again.
            if let Value::Block { state, .. } = &mut self.cells[block as usize] {
                *state = BlockState::Made;
            }
        }
        // What is looked at although it does not move.
        let mut looked_at: usize = roots.iter().map(|root| root.len()).sum();
        for block in &old {
            let Value::Block { kind, used, .. } = self.cells[*block as usize] else { continue };
            let width = if kind == BlockKind::Object { 2 } else { 1 };
            let first = *block as usize + 1;
            looked_at += width * used as usize;
            for at in first..first + width * used as usize {
                self.cells[at] = self.forwarded(self.cells[at], &mut copies)?;
            }
            self.forward_index(*block, &mut copies)?;
        }
        self.written = old;
        for root in roots {
            for value in root.iter_mut() {
                *value = self.forwarded(*value, &mut copies)?;
            }
        }
        self.scan(&mut copies)?;
        self.cells.truncate(mark.cells as usize);
        self.text.truncate(mark.text as usize);
        self.cells.extend_from_slice(&copies.cells);
        self.text.extend_from_slice(&copies.text);
        // Again as much as lives, and again as much as had to be looked at, so that the work is a constant part.
        let len = self.len();
        if self.allowance > 0 {
            mark.limit = len + len.saturating_sub(mark.len()).max(self.allowance);
            self.threshold = len + looked_at * size_of::<Value>();
        }
        Ok(())
    }

    /// Follows the copies until all that they reach is copied.
    fn scan(&mut self, copies: &mut Copies) -> Result<(), Full> {
        let mut at = 0;
        while at < copies.cells.len() {
            let Value::Block { kind, used, capacity, .. } = copies.cells[at] else {
                unreachable!("a block starts with its header")
            };
            let cells = match kind {
                BlockKind::Array => capacity as usize,
                BlockKind::Object => 2 * capacity as usize,
                BlockKind::Text => 0,
                BlockKind::Index => (capacity as usize).div_ceil(3),
                BlockKind::Moved => unreachable!("a copy has not moved"),
            };
            if matches!(kind, BlockKind::Array | BlockKind::Object) {
                let width = if kind == BlockKind::Object { 2 } else { 1 };
                for cell in at + 1..at + 1 + width * used as usize {
                    copies.cells[cell] = self.forwarded(copies.cells[cell], copies)?;
                }
            }
            at += 1 + cells;
        }
        Ok(())
    }

    /// The value with the place of its copy.
    fn forwarded(&mut self, value: Value, copies: &mut Copies) -> Result<Value, Full> {
        Ok(match value {
            Value::Array { len, start, block } if block >= copies.mark.cells => {
                let to = self.copy_block(block, copies)?;
                Value::Array { len, start: start - block + to, block: to }
            }
            Value::Object { len, start, block } if block >= copies.mark.cells => {
                let to = self.copy_block(block, copies)?;
                Value::Object { len, start: start - block + to, block: to }
            }
            Value::Text { origin: Origin::Heap, len, start, block }
                if block >= copies.mark.cells =>
            {
                let (to, start) = self.copy_text(block, start, copies)?;
                Value::Text { origin: Origin::Heap, len, start, block: to }
            }
            Value::Literal { origin: Origin::Heap, len, start, block }
                if block >= copies.mark.cells =>
            {
                let (to, start) = self.copy_text(block, start, copies)?;
                Value::Literal { origin: Origin::Heap, len, start, block: to }
            }
            other => other,
        })
    }

    /// Copies a block, once. Gives its new place.
    fn copy_block(&mut self, block: u32, copies: &mut Copies) -> Result<u32, Full> {
        let Value::Block { kind, sharing, capacity, used, extra, .. } = self.cells[block as usize]
        else {
            unreachable!("a block starts with its header")
        };
        let capacity = capacity_of_copy(capacity, used);
        let (width, index) = match kind {
            BlockKind::Moved => return Ok(extra),
            BlockKind::Object => (2, extra),
            _ => (1, 0),
        };
        let to = copies.next();
        let cells = width * used as usize;
        let first = block as usize + 1;
        copies.reserve(width * capacity as usize + 1, self.room(copies))?;
        let state = BlockState::Made;
        copies.cells.push(Value::Block { kind, sharing, state, capacity, used, extra: 0 });
        copies.cells.extend_from_slice(&self.cells[first..first + cells]);
        let end = copies.cells.len() - cells + width * capacity as usize;
        copies.cells.resize(end, Value::Null);
        if index != 0 {
            let moved = self.copy_index(index, copies)?;
            if let Value::Block { extra, .. } = &mut copies.cells[(to - copies.mark.cells) as usize]
            {
                *extra = moved;
            }
        }
        self.moved(block, to);
        Ok(to)
    }

    fn copy_index(&mut self, index: u32, copies: &mut Copies) -> Result<u32, Full> {
        let Value::Block { kind: BlockKind::Index, capacity, .. } = self.cells[index as usize]
        else {
            unreachable!("an index has its kind")
        };
        let to = copies.next();
        let cells = 1 + (capacity as usize).div_ceil(3);
        copies.reserve(cells, self.room(copies))?;
        copies.cells.extend_from_slice(&self.cells[index as usize..index as usize + cells]);
        Ok(to)
    }

    /// The index of an old block can be young.
    fn forward_index(&mut self, block: u32, copies: &mut Copies) -> Result<(), Full> {
        if let Value::Block { kind: BlockKind::Object, extra: index, .. } =
            self.cells[block as usize]
            && index >= copies.mark.cells
        {
            let moved = self.copy_index(index, copies)?;
            if let Value::Block { extra, .. } = &mut self.cells[block as usize] {
                *extra = moved;
            }
        }
        Ok(())
    }

    /// Copies a block of text, once. Gives its new place, and that of the byte at `start`.
    fn copy_text(
        &mut self,
        block: u32,
        start: u32,
        copies: &mut Copies,
    ) -> Result<(u32, u32), Full> {
        let Value::Block { kind, sharing, used, capacity: was, extra, .. } =
            self.cells[block as usize]
        else {
            unreachable!("a block starts with its header")
        };
        if kind == BlockKind::Moved {
            // `used` is where the text is now.
            return Ok((extra, start - was + used));
        }
        let to = copies.next();
        copies.reserve(1, self.room(copies))?;
        let new_start = copies.mark.text + copies.text.len() as u32;
        let state = BlockState::Made;
        let capacity = capacity_of_copy(was, used);
        copies.cells.push(Value::Block { kind, sharing, state, capacity, used, extra: new_start });
        copies.text.try_reserve(capacity as usize).map_err(|_| Full)?;
        copies.text.extend_from_slice(&self.text[extra as usize..][..used as usize]);
        copies.text.resize(copies.text.len() + (capacity - used) as usize, 0);
        self.cells[block as usize] = Value::Block {
            kind: BlockKind::Moved,
            sharing,
            state,
            capacity: extra,
            used: new_start,
            extra: to,
        };
        Ok((to, start - extra + new_start))
    }

    fn moved(&mut self, block: u32, to: u32) {
        if let Value::Block { kind, extra, .. } = &mut self.cells[block as usize] {
            *kind = BlockKind::Moved;
            *extra = to;
        }
    }

    fn room(&self, copies: &Copies) -> usize {
        self.limit.saturating_sub(
            self.len() + copies.cells.len() * size_of::<Value>() + copies.text.len(),
        )
    }
}

/// What grows keeps some room, or the next addition would copy it again.
fn capacity_of_copy(capacity: u32, used: u32) -> u32 {
    capacity.min(used + used / 2)
}

impl Copies {
    /// Where the next block will be.
    fn next(&self) -> u32 {
        self.mark.cells + self.cells.len() as u32
    }

    fn reserve(&mut self, cells: usize, room: usize) -> Result<(), Full> {
        if cells * size_of::<Value>() > room {
            return Err(Full);
        }
        self.cells.try_reserve(cells).map_err(|_| Full)
    }
}
