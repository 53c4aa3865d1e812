//! The paths to the parts of a container, and along the keys of an array.

use crate::error::{Message, Piece};
use crate::run::{Flow, Run, Sink};
use crate::value::{Kind, Value};

impl<'r> Run<'r> {
    /// The elements of a container, with their keys.
    pub(in crate::run) fn paths_in(&mut self, of: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        let is_object = match of.kind() {
            Kind::Array => false,
            Kind::Object => true,
            _ => {
                return self
                    .fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(of)]));
            }
        };
        let mut mark = self.heap.mark();
        let cells = self.heap.cells(of).len();
        let mut at = 0;
        while at < cells {
            let (key, value) = if is_object {
                at += 2;
                (self.heap.cell(of, at - 2), self.heap.cell(of, at - 1))
            } else {
                at += 1;
                (Value::count(at - 1), self.heap.cell(of, at - 1))
            };
            self.step_to(key, value, sink)?;
            self.relieve(&mut mark)?;
        }
        Ok(())
    }

    /// `..`, without recursion.
    pub(in crate::run) fn paths_below(&mut self, of: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        sink(self, of)?;
        self.check_iterates(of)?;
        let mut mark = self.heap.mark();
        let base = self.path.len();
        let mut open = alloc::vec![(of, 0)];
        while let Some((container, at)) = open.last_mut() {
            let cells = self.heap.cells(*container);
            if *at >= cells.len() {
                open.pop();
                self.path.truncate(base + open.len().saturating_sub(1));
                continue;
            }
            let (key, value) = if matches!(container, Value::Object { .. }) {
                *at += 2;
                (cells[*at - 2], cells[*at - 1])
            } else {
                *at += 1;
                (Value::count(*at - 1), cells[*at - 1])
            };
            self.path.truncate(base + open.len() - 1);
            self.step_to(key, value, sink)?;
            // It stays for the elements of the value.
            self.path.push(key);
            self.relieve(&mut mark)?;
            if value.is_container() {
                open.push((value, 0));
            }
        }
        self.path.truncate(base);
        Ok(())
    }

    pub(in crate::run) fn paths_get(
        &mut self,
        of: Value,
        path: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let value = self.get_path(of, path)?;
        if !self.is_at_path(of) {
            // The path stays where it is.
            return sink(self, value);
        }
        let base = self.path.len();
        self.path.extend_from_slice(self.heap.cells(path));
        let before = self.begin_path(value);
        let flow = sink(self, value);
        self.path.truncate(base);
        self.at_path = before;
        flow
    }
}
