//! Nodes that give values in a loop. After each round they give up what the round has left behind.

use alloc::vec::Vec;

use super::{Flow, Run, Sink, Stop};
use crate::error::{Message, Piece};
use crate::plan::{Arithmetic, By, Comparison, Node};
use crate::value::Value;

impl<'r> Run<'r> {
    /// `.[]`
    pub(super) fn iterate(&mut self, value: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        let (first, step) = match value {
            Value::Array { .. } => (0, 1),
            Value::Object { .. } => (1, 2),
            _ => {
                return self.fail_with(Message(&[
                    Piece::Text("Cannot iterate over "),
                    Piece::Value(value),
                ]));
            }
        };
        let mut mark = self.heap.mark();
        let len = self.heap.cells(value).len();
        let mut at = first;
        while at < len {
            let element = self.heap.cell(value, at);
            sink(self, element)?;
            self.relieve(&mut mark)?;
            at += step;
        }
        Ok(())
    }

    /// `..`: a value, then all that is in it, without recursion.
    pub(super) fn recurse_all(&mut self, value: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        let mut mark = self.heap.mark();
        self.heap.share(value);
        sink(self, value)?;
        let mut open = Vec::new();
        open.push((value, 0));
        while let Some((container, at)) = open.last_mut() {
            let is_object = matches!(container, Value::Object { .. });
            let at_value = if is_object { *at + 1 } else { *at };
            let Some(element) = self.heap.cells(*container).get(at_value).copied() else {
                open.pop();
                continue;
            };
            *at = at_value + 1;
            self.heap.share(element);
            sink(self, element)?;
            self.relieve(&mut mark)?;
            if element.is_container() {
                open.push((element, 0));
            }
        }
        Ok(())
    }

    /// `recurse(f)`
    pub(super) fn recurse(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        if of.is_most_one {
            return self.recurse_line(of, frame, input, sink);
        }
        self.heap.share(input);
        sink(self, input)?;
        let depth = self.depth;
        self.check_depth(depth.saturating_add(of.nesting).saturating_add(1))?;
        let flow =
            self.each(of, frame, input, &mut |run, value| run.recurse(of, frame, value, sink));
        self.depth = depth;
        flow
    }

    /// The same where each value leads to one more at most: a loop.
    fn recurse_line(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let mut mark = self.heap.mark();
        let state = self.states.len();
        self.states.push(input);
        let flow = loop {
            let value = self.states[state];
            self.heap.share(value);
            if let Err(stop) = sink(self, value) {
                break Err(stop);
            }
            let mut ends = true;
            let value = self.states[state];
            let step = self.each(of, frame, value, &mut |run, value| {
                ends = false;
                run.states[state] = value;
                Ok(())
            });
            if ends || step.is_err() {
                break step;
            }
            if let Err(stop) = self.relieve(&mut mark) {
                break Err(stop);
            }
        };
        self.states.truncate(state);
        flow
    }

    /// `range(from; to)` and `range(from; to; by)`
    pub(super) fn range(
        &mut self,
        (from, to, by): (&'r Node, &'r Node, Option<&'r Node>),
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each(from, frame, input, &mut |run, from| {
            run.each(to, frame, input, &mut |run, to| {
                let Some(by) = by else {
                    let (
                        Value::Number(_) | Value::Literal { .. },
                        Value::Number(_) | Value::Literal { .. },
                    ) = (from, to)
                    else {
                        return run.fail("Range bounds must be numeric");
                    };
                    return run.count(from, to, Value::Number(1.0), sink);
                };
                run.each(by, frame, input, &mut |run, by| run.count(from, to, by, sink))
            })
        })
    }

    /// Counts from one value to another.
    fn count(&mut self, from: Value, to: Value, by: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        let bounds = (self.heap.double(&from), self.heap.double(&to), self.heap.double(&by));
        let (Some(mut at), Some(to), Some(by)) = bounds else {
            return self.count_others(from, to, by, sink);
        };
        let is_within = |at: f64| (by > 0.0 && at < to) || (by < 0.0 && at > to);
        let mut mark = self.heap.mark();
        if is_within(at) {
            // The first one keeps its digits.
            sink(self, from)?;
            at += by;
        }
        while is_within(at) {
            sink(self, Value::Number(at))?;
            self.relieve(&mut mark)?;
            at += by;
        }
        Ok(())
    }

    /// The same where not all are numbers: jq adds and compares whatever it is given.
    fn count_others(&mut self, from: Value, to: Value, by: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        let comparison = match self.heap.compare(by, Value::Number(0.0)) {
            core::cmp::Ordering::Greater => Comparison::Less,
            core::cmp::Ordering::Less => Comparison::Greater,
            core::cmp::Ordering::Equal => return Ok(()),
        };
        let mut mark = self.heap.mark();
        for value in [from, to, by] {
            self.heap.share(value);
        }
        let state = self.states.len();
        self.states.push(from);
        let flow = loop {
            let value = self.states[state];
            match self.compare(comparison, value, to) {
                Ok(Value::True) => {}
                other => break other.map(|_| ()),
            }
            self.heap.share(value);
            if let Err(stop) = sink(self, value) {
                break Err(stop);
            }
            let value = self.states[state];
            match self.arithmetic(Arithmetic::Add, value, by) {
                Ok(next) => self.states[state] = next,
                Err(stop) => break Err(stop),
            }
            if let Err(stop) = self.relieve(&mut mark) {
                break Err(stop);
            }
        };
        self.states.truncate(state);
        flow
    }

    /// `add(f)`
    pub(super) fn add_all(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let state = self.states.len();
        self.states.push(Value::Null);
        let flow = self.each(of, frame, input, &mut |run, value| {
            let sum = core::mem::take(&mut run.states[state]);
            run.states[state] = run.arithmetic(Arithmetic::Add, sum, value)?;
            Ok(())
        });
        let sum = self.states[state];
        self.states.truncate(state);
        flow.map(|()| sum)
    }

    /// `any(source; condition)` and `all(…)`
    pub(super) fn any(
        &mut self,
        source: &'r Node,
        condition: &'r Node,
        is_all: bool,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let mut is_decided = false;
        let flow = self.each(source, frame, input, &mut |run, value| {
            run.each(condition, frame, value, &mut |_, value| {
                if value.is_true() == is_all {
                    return Ok(());
                }
                is_decided = true;
                Err(Stop::Enough)
            })
        });
        match flow {
            Err(Stop::Enough) if is_decided => Ok(Value::bool(!is_all)),
            Ok(()) => Ok(Value::bool(is_all)),
            Err(stop) => Err(stop),
        }
    }

    /// `sort_by` and its kin. The key of an element is the array of all values that the filter gives.
    pub(super) fn by(
        &mut self,
        by: By,
        of: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let Value::Array { .. } = input else {
            return self.fail_not_sorted(by, of, frame, input);
        };
        let base = self.collected.len();
        let flow = self.keys(of, frame, input);
        if let Err(stop) = flow {
            self.collected.truncate(base);
            return Err(stop);
        }
        let keys = self.collected.split_off(base);
        self.order_by(by, input, &keys)
    }

    fn keys(&mut self, of: &'r Node, frame: u32, input: Value) -> Flow {
        for at in 0..self.heap.cells(input).len() {
            let element = self.heap.cell(input, at);
            let key = if of.is_one {
                self.one(of, frame, element)?
            } else {
                let base = self.collected.len();
                let flow = self.each(of, frame, element, &mut |run, value| run.collect(value));
                if flow.is_err() {
                    self.collected.truncate(base);
                }
                flow?;
                self.collected_array(base)?
            };
            self.collect(key)?;
        }
        Ok(())
    }

    /// `input` and `inputs`: there is one input only, and the program has it.
    pub(super) fn input(&mut self, all: bool) -> Flow {
        if all { Ok(()) } else { self.fail("break") }
    }
}
