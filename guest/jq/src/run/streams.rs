//! `tostream` and `fromstream`: values as events.
//!
//! An event is `[path, leaf]`, or `[path]` at the end of a container, with the path of its last part.

use alloc::vec::Vec;

use super::{Flow, Run, Sink};
use crate::plan::Node;
use crate::value::{Kind, Value};

impl<'r> Run<'r> {
    /// `tostream`, without recursion.
    pub(super) fn each_event(&mut self, of: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        if self.heap.cells(of).is_empty() {
            return self.event(&[], Some(of), sink);
        }
        self.heap.share(of);
        let mut mark = self.heap.mark();
        let mut path: Vec<Value> = Vec::new();
        let mut open = alloc::vec![(of, 0)];
        while let Some((container, at)) = open.last_mut() {
            let cells = self.heap.cells(*container);
            let is_first = *at == 0;
            if *at >= cells.len() {
                self.event(&path, None, sink)?;
                self.relieve(&mut mark)?;
                path.pop();
                open.pop();
                continue;
            }
            let (key, part) = if container.kind() == Kind::Object {
                *at += 2;
                (cells[*at - 2], cells[*at - 1])
            } else {
                *at += 1;
                (Value::count(*at - 1), cells[*at - 1])
            };
            if !is_first {
                path.pop();
            }
            path.push(key);
            if self.heap.cells(part).is_empty() {
                self.event(&path, Some(part), sink)?;
                self.relieve(&mut mark)?;
            } else {
                open.push((part, 0));
            }
        }
        Ok(())
    }

    fn event(&mut self, path: &[Value], leaf: Option<Value>, sink: &mut Sink<'_, 'r>) -> Flow {
        let path = self.heap.array(path)?;
        let event = match leaf {
            Some(leaf) => self.heap.array(&[path, leaf])?,
            None => self.heap.array(&[path])?,
        };
        sink(self, event)
    }

    /// `fromstream(f)`
    pub(super) fn gather_events(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let state = self.states.len();
        self.states.push(Value::Null);
        let flow = self.each(of, frame, input, &mut |run, event| {
            let path = run.index(event, Value::count(0))?;
            let (parts, depth) = (run.size(event)?, run.size(path)?);
            let is_end = if parts == 2.0 {
                let leaf = run.index(event, Value::count(1))?;
                run.heap.share(leaf);
                run.check_path(path)?;
                let keys = run.heap.cells(path).to_vec();
                let whole = core::mem::take(&mut run.states[state]);
                run.states[state] = run.set_at(whole, &keys, leaf)?;
                depth == 0.0
            } else {
                depth == 1.0
            };
            if !is_end {
                return Ok(());
            }
            let whole = core::mem::take(&mut run.states[state]);
            sink(run, whole)
        });
        self.states.truncate(state);
        flow
    }
}
