//! Calls in tail position.

use super::each::Next;
use super::{Run, Stop};
use crate::heap::Mark;
use crate::plan::{Argument, Call, Slot};
use crate::value::Value;

/// The state of the run when a tail loop began.
pub(super) struct Entry {
    frames: u32,
    depth: u32,
    mark: Mark,
}

impl Entry {
    /// Where the frames that were made since begin.
    pub(super) fn frames(&self) -> u32 {
        self.frames
    }
}

impl<'r> Run<'r> {
    pub(super) fn entry(&self) -> Entry {
        Entry { frames: self.frames.len() as u32, depth: self.depth, mark: self.heap.mark() }
    }

    /// Enters a function. Its frame takes the place of the current one where nothing needs that any more.
    pub(super) fn enter(
        &mut self,
        call: &'r Call,
        frame: u32,
        input: Value,
        entry: &mut Entry,
    ) -> Result<Next<'r>, Stop> {
        let mut input = input;
        let mut base = self.push_frame(call, frame, input)?;
        let is_replaced = frame >= entry.frames
            && call.hops > 0
            && call.arguments.iter().all(|argument| {
                matches!(argument, Argument::Passed(_) | Argument::Value { closure: None, .. })
            });
        if is_replaced {
            let len = self.frames.len() - base as usize;
            self.frames.copy_within(base as usize.., frame as usize);
            self.frames.truncate(frame as usize + len);
            base = frame;
        }
        let body = &self.plan.functions[call.function as usize].body;
        self.check_depth(entry.depth.saturating_add(body.nesting))?;
        if self.heap.is_due(&entry.mark) {
            self.evacuate_call(&mut entry.mark, &mut input)?;
        }
        Ok(Next::Tail { node: body, frame: base, input })
    }

    /// Enters an argument, in the frame that it belongs to.
    pub(super) fn enter_closure(
        &mut self,
        slot: Slot,
        frame: u32,
        input: Value,
        entry: &mut Entry,
    ) -> Result<Next<'r>, Stop> {
        let Value::Closure { node, frame } = self.variable(frame, slot) else {
            unreachable!("a parameter holds a closure")
        };
        let node = &self.plan.closures[node as usize];
        self.check_depth(entry.depth.saturating_add(node.nesting))?;
        Ok(Next::Tail { node, frame, input })
    }
}
