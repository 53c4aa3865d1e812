//! Variables and calls: how much is looked at of what a variable is bound to is known when its scope has been gone
//! through.

use alloc::vec::Vec;

use super::join::copy;
use super::{Found, Frame, Held, Search, TooMuch};
use crate::plan::demand::{Demand, Part};
use crate::plan::{Argument, Binding, Call, Node, Op, Pattern, Slot};

/// How many calls of a function nest. One that calls itself would have no end.
const CALLS_MAX: usize = 3;

impl<'p> Search<'p> {
    /// Nodes that bind variables.
    #[inline(never)]
    pub(super) fn of_binding(&mut self, op: &'p Op, frame: usize, out: Demand) -> Found {
        match op {
            Op::Bind { source, slot, body } => {
                let body = self.of(body, frame, out)?;
                let bound = self.bound(*slot, frame)?;
                let source = self.of(source, frame, bound)?;
                self.join(body, source)
            }
            Op::Destructure { source, patterns, body, .. } => {
                let body = self.of(body, frame, out)?;
                let bound = self.of_bound_patterns(patterns, frame)?;
                let source = self.of(source, frame, bound)?;
                self.join(body, source)
            }
            Op::Reduce { source, pattern, init, update } => {
                // All of the state is looked at.
                self.of(update, frame, Demand::WHOLE)?;
                self.of_rounds(source, pattern, init, frame)
            }
            Op::Foreach { source, pattern, init, update, extract } => {
                self.of(update, frame, Demand::WHOLE)?;
                if let Some(extract) = extract {
                    self.of(extract, frame, out)?;
                }
                self.of_rounds(source, pattern, init, frame)
            }
            _ => self.of_rest(op, frame),
        }
    }

    fn of_rounds(
        &mut self,
        source: &'p Node,
        pattern: &'p Binding,
        init: &'p Node,
        frame: usize,
    ) -> Found {
        let bound = match pattern {
            Binding::Slot(slot) => self.bound(*slot, frame)?,
            Binding::Patterns { patterns, .. } => self.of_bound_patterns(patterns, frame)?,
        };
        let source = self.of(source, frame, bound)?;
        let init = self.of(init, frame, Demand::WHOLE)?;
        self.join(source, init)
    }

    /// A function is gone through as if its body stood in place of its call.
    pub(super) fn of_call(&mut self, call: &'p Call, frame: usize, out: Demand) -> Found {
        if self.calls.iter().filter(|active| **active == call.function).count() == CALLS_MAX {
            return Err(TooMuch);
        }
        let function = &self.functions[call.function as usize];
        self.steps = self.steps.checked_sub(function.slots).ok_or(TooMuch)?;
        let mut inner = Frame::new(function.slots, self.outward(frame, call.hops));
        let mut at = 1;
        let mut values = Vec::new();
        for argument in &call.arguments {
            match argument {
                Argument::Closure(node) => {
                    inner.slots[at] = Held::Closure(&self.closures[*node as usize], frame);
                }
                Argument::Passed(slot) => inner.slots[at] = self.held(*slot, frame)?,
                Argument::Value { node, closure } => {
                    values.push((at as u32, node));
                    if let Some(node) = closure {
                        at += 1;
                        inner.slots[at] = Held::Closure(&self.closures[*node as usize], frame);
                    }
                }
            }
            at += 1;
        }
        let called = self.frames.len();
        self.frames.push(inner);
        self.calls.push(call.function);
        let mut all = self.of(&function.body, called, out)?;
        self.calls.pop();
        for (slot, node) in values {
            let bound = self.bound(slot, called)?;
            let demand = self.of(node, frame, bound)?;
            all = self.join(all, demand)?;
        }
        Ok(all)
    }

    fn outward(&self, frame: usize, hops: u32) -> usize {
        (0..hops).fold(frame, |frame, _| self.frames[frame].outer)
    }

    pub(super) fn held(&mut self, slot: Slot, frame: usize) -> Result<Held<'p>, TooMuch> {
        let frame = self.outward(frame, slot.hops);
        Ok(match &self.frames[frame].slots[slot.at as usize] {
            Held::Closure(node, frame) => Held::Closure(node, *frame),
            Held::Value(demand) => Held::Value(copy(demand, &mut self.steps)?),
        })
    }

    /// How much is looked at of what a variable of this frame is bound to.
    fn bound(&mut self, slot: u32, frame: usize) -> Found {
        match self.held(Slot { hops: 0, at: slot }, frame)? {
            Held::Value(demand) => Ok(demand),
            Held::Closure(..) => Err(TooMuch),
        }
    }

    pub(super) fn look_at(&mut self, slot: Slot, frame: usize, out: Demand) -> Result<(), TooMuch> {
        let frame = self.outward(frame, slot.hops);
        let held = &mut self.frames[frame].slots[slot.at as usize];
        let Held::Value(demand) = core::mem::replace(held, Held::Value(Demand::Nothing)) else {
            return Err(TooMuch);
        };
        let joined = self.join(demand, out)?;
        self.frames[frame].slots[slot.at as usize] = Held::Value(joined);
        Ok(())
    }

    /// How much the patterns and what they bind look at.
    fn of_bound_patterns(&mut self, patterns: &'p [Pattern], frame: usize) -> Found {
        // Their keys look at variables that they bind.
        self.of_patterns(patterns, frame)?;
        self.of_patterns(patterns, frame)
    }

    fn of_patterns(&mut self, patterns: &'p [Pattern], frame: usize) -> Found {
        let mut all = Demand::Nothing;
        for pattern in patterns {
            let demand = self.of_pattern(pattern, frame)?;
            all = self.join(all, demand)?;
        }
        Ok(all)
    }

    fn of_pattern(&mut self, pattern: &'p Pattern, frame: usize) -> Found {
        self.step()?;
        match pattern {
            Pattern::Slot(slot) => self.bound(*slot, frame),
            Pattern::Array(parts) => {
                let array = self.of_patterns(parts, frame)?.each();
                Ok(Demand::Parts { array, object: Part::Kind })
            }
            Pattern::Object(entries) => {
                let mut all = Demand::KIND;
                for entry in entries {
                    let Op::Constant(key) = entry.key.op else {
                        self.of(&entry.key, frame, Demand::WHOLE)?;
                        if let Some(pattern) = &entry.value {
                            self.of_pattern(pattern, frame)?;
                        }
                        all = Demand::WHOLE;
                        continue;
                    };
                    let mut part = match entry.slot {
                        Some(slot) => self.bound(slot, frame)?,
                        None => Demand::Nothing,
                    };
                    if let Some(pattern) = &entry.value {
                        let demand = self.of_pattern(pattern, frame)?;
                        part = self.join(part, demand)?;
                    }
                    all = self.join(all, Demand::field(key, part))?;
                }
                Ok(all)
            }
        }
    }
}
