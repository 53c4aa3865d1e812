//! `walk(f)`, without recursion: the parts of a value first, then the value.

use alloc::vec::Vec;

use super::{Flow, Run, Sink, Stop};
use crate::plan::Node;
use crate::value::{Kind, Value};

/// A container while its parts are walked. The new parts are in [`Run::collected`], from `base` on.
struct Open {
    of: Value,
    /// The next cell.
    at: usize,
    base: usize,
}

impl<'r> Run<'r> {
    pub(super) fn walk(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let base = self.collected.len();
        let whole = self.walked(of, frame, input);
        self.collected.truncate(base);
        let whole = whole?;
        self.each(of, frame, whole, sink)
    }

    /// The value with all its parts walked, but not itself.
    fn walked(&mut self, of: &'r Node, frame: u32, input: Value) -> Result<Value, Stop> {
        if !input.is_container() {
            return Ok(input);
        }
        self.heap.share(input);
        let mut mark = self.heap.mark();
        let mut open = Vec::new();
        open.push(Open { of: input, at: 0, base: self.collected.len() });
        loop {
            let top = open.last_mut().expect("the loop ends with the first");
            let is_object = top.of.kind() == Kind::Object;
            let cells = self.heap.cells(top.of);
            if let Some(part) = cells.get(top.at + usize::from(is_object)).copied() {
                if is_object {
                    let key = cells[top.at];
                    self.collect(key)?;
                }
                top.at += if is_object { 2 } else { 1 };
                if part.is_container() {
                    open.push(Open { of: part, at: 0, base: self.collected.len() });
                } else {
                    self.walk_part(of, frame, part, is_object)?;
                }
                continue;
            }
            let Open { base, .. } = open.pop().expect("it is there");
            let cells = &self.collected[base..];
            let new = if is_object { self.heap.object(cells) } else { self.heap.array(cells) };
            self.collected.truncate(base);
            let Some(parent) = open.last() else { return Ok(new?) };
            let is_object = parent.of.kind() == Kind::Object;
            self.walk_part(of, frame, new?, is_object)?;
            self.relieve(&mut mark)?;
        }
    }

    /// Adds what `f` gives for a part: to an object its first value, or nothing, to an array all.
    fn walk_part(&mut self, of: &'r Node, frame: u32, part: Value, is_object: bool) -> Flow {
        if !is_object {
            return self.each(of, frame, part, &mut |run, value| run.collect(value));
        }
        match self.first_value(of, frame, part)? {
            Some(value) => self.collect(value),
            None => {
                self.collected.pop();
                Ok(())
            }
        }
    }
}
