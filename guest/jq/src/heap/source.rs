//! Containers that the document has as they are to be printed. They are copied to the output, not written anew.

use core::ops::Range;

use super::{Full, Heap};
use crate::value::{BlockState, Value};

/// The fewest bytes for which a container's place in the document is kept. It takes a cell.
const LEN_MIN: usize = 64;

impl<'r> Heap<'r> {
    /// A container that was read from these bytes of the document, which are what is to be printed for it. So many
    /// arrays and objects nest in it.
    pub(crate) fn document_container(
        &mut self,
        is_object: bool,
        cells: &[Value],
        source: Range<usize>,
        levels: usize,
    ) -> Result<Value, Full> {
        let has_containers = levels > 1;
        if source.len() < LEN_MIN {
            return self.container(is_object, cells, has_containers);
        }
        self.reserve_cells(cells.len() + 2)?;
        let (start, len, levels) = (source.start as u32, source.len() as u32, levels as u32);
        self.cells.push(Value::Source { start, len, levels });
        let container = self.container(is_object, cells, has_containers)?;
        if let Value::Array { block, .. } | Value::Object { block, .. } = container
            && let Value::Block { state, .. } = &mut self.cells[block as usize]
        {
            *state = BlockState::AsRead;
        }
        Ok(container)
    }

    /// What the document has for a container, and how many arrays and objects nest in it, if it is unchanged.
    #[inline]
    pub(crate) fn source_of(&self, container: &Value) -> Option<(&'r [u8], usize)> {
        let (Value::Array { len, start, block } | Value::Object { len, start, block }) = *container
        else {
            return None;
        };
        let Value::Block { state: BlockState::AsRead, used, .. } = self.cells[block as usize]
        else {
            return None;
        };
        if used != len || start != block + 1 {
            return None;
        }
        let Value::Source { start, len, levels } = self.cells[block as usize - 1] else {
            return None;
        };
        let text = self.document.get(start as usize..(start + len) as usize)?;
        Some((text, levels as usize))
    }
}
