//! The second way through a plan: the paths that lead to the values.
//!
//! While a sink runs, [`Run::path`] ends with the keys that lead to its value, if that is the value at the path
//! (`at_path`). What is not a path of the input, such as `1` or `map(.)`, is another value; it is an error only where
//! a path is needed, and not if the program goes back to the value at the path.

mod folds;
mod parts;
mod steps;

use super::{AtPath, Flow, Run, Sink, Stop};
use crate::error::{Message, Piece};
use crate::plan::{Arithmetic, Binding, Call, Format, Node, Op};
use crate::value::{Kind, Value};

/// The parts of `reduce` and `foreach` that their rounds need.
struct Fold<'r> {
    source: &'r Node,
    pattern: &'r Binding,
    update: &'r Node,
    extract: Option<&'r Node>,
}

impl<'r> Run<'r> {
    /// `path(f)`: the paths as arrays.
    pub(super) fn each_path(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let base = self.path.len();
        let outer = self.begin_path(input);
        let flow = self.paths(of, frame, input, &mut |run, value| {
            run.check_is_path(value)?;
            let path = run.heap.array(&run.path[base..])?;
            // The sink may be part of another path expression, which does not have these keys.
            let hidden = run.hidden.len();
            run.hidden.extend_from_slice(&run.path[base..]);
            run.path.truncate(base);
            let inner = core::mem::replace(&mut run.at_path, outer);
            let flow = sink(run, path);
            run.at_path = inner;
            run.path.extend_from_slice(&run.hidden[hidden..]);
            run.hidden.truncate(hidden);
            flow
        });
        self.path.truncate(base);
        self.at_path = outer;
        flow
    }

    /// Begins a path at a value. Gives where the path around it is, which the caller puts back.
    pub(super) fn begin_path(&mut self, value: Value) -> AtPath {
        core::mem::replace(&mut self.at_path, AtPath { value, is_other: false })
    }

    /// Whether a value is the one at the path.
    fn is_at_path(&self, value: Value) -> bool {
        match value.kind() {
            Kind::Null | Kind::False | Kind::True => value.kind() == self.at_path.value.kind(),
            _ => !self.at_path.is_other && value.is_identical(&self.at_path.value),
        }
    }

    pub(super) fn check_is_path(&mut self, value: Value) -> Flow {
        if self.is_at_path(value) {
            return Ok(());
        }
        self.fail_with(Message(&[
            Piece::Text("Invalid path expression with result "),
            Piece::Json(value),
        ]))
    }

    /// The keys of a path expression that consists of fields, indexes and slices which give one value each.
    pub(super) fn simple_path(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<alloc::vec::Vec<Value>, Stop> {
        let base = self.path.len();
        let flow = self.simple_keys(node, frame, input);
        let keys = self.path.split_off(base);
        flow.map(|()| keys)
    }

    fn simple_keys(&mut self, node: &'r Node, frame: u32, input: Value) -> Flow {
        match &node.op {
            Op::Identity => Ok(()),
            Op::Field { of, key } => {
                self.simple_keys(of, frame, input)?;
                self.path.push(*key);
                Ok(())
            }
            Op::Index { of, key } => {
                let key = self.one(key, frame, input)?;
                self.simple_keys(of, frame, input)?;
                self.heap.share(key);
                self.path.push(key);
                Ok(())
            }
            other => unreachable!("{other:?} is not simple"),
        }
    }

    fn step_to(&mut self, key: Value, value: Value, sink: &mut Sink<'_, 'r>) -> Flow {
        self.path.push(key);
        let before = self.begin_path(value);
        let flow = sink(self, value);
        self.path.pop();
        self.at_path = before;
        flow
    }

    /// Calls the sink with each value of a node, and has its path in `path`.
    pub(super) fn paths(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let (frames, depth, len, at_path) =
            (self.frames.len(), self.depth, self.path.len(), self.at_path);
        let flow = self.paths_of(node, frame, input, sink);
        self.frames.truncate(frames);
        self.path.truncate(len);
        self.at_path = at_path;
        self.depth = depth;
        flow
    }

    fn paths_of(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        // What is given with a path is looked at again.
        self.heap.share(input);
        match &node.op {
            Op::Identity => sink(self, input),
            Op::Field { .. } | Op::Index { .. } | Op::Slice { .. } | Op::Iterate(_) => {
                self.paths_step(node, false, frame, input, sink)
            }
            Op::Optional(step) => self.paths_step(step, true, frame, input, sink),
            Op::RecurseAll => self.paths_below(input, sink),
            Op::Recurse(of) => self.paths_recurse(of, frame, input, sink),
            Op::Pipe(parts) => self.paths_pipe(parts, frame, input, sink),
            Op::Comma(parts) => {
                parts.iter().try_for_each(|part| self.paths(part, frame, input, sink))
            }
            Op::If { condition, yes, no } => {
                self.each(condition, frame, input, &mut |run, value| {
                    run.paths(if value.is_true() { yes } else { no }, frame, input, sink)
                })
            }
            Op::Bind { source, slot, body } => self.with_slots(frame, &[*slot], |run| {
                run.each(source, frame, input, &mut |run, value| {
                    run.with_bound(frame, *slot, value, |run| run.paths(body, frame, input, sink))
                })
            }),
            Op::Empty => Ok(()),
            Op::OfKind(kinds) => {
                if kinds & input.kind().bit() != 0 {
                    sink(self, input)
                } else {
                    Ok(())
                }
            }
            Op::GetPath(path) => {
                self.each(path, frame, input, &mut |run, path| run.paths_get(input, path, sink))
            }
            _ => self.paths_of_more(node, frame, input, sink),
        }
    }

    #[inline(never)]
    fn paths_of_more(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match &node.op {
            Op::Alternative(a, b) => self.paths_alternative(a, b, frame, input, sink),
            Op::Try { body, handler } => {
                self.paths_try(body, handler.as_deref(), frame, input, sink)
            }
            Op::Destructure { source, patterns, slots, body } => {
                self.with_slots(frame, slots, |run| {
                    run.each(source, frame, input, &mut |run, value| {
                        let mut then = |run: &mut Self| run.paths(body, frame, input, sink);
                        run.bind_patterns(value, patterns, slots, frame, &mut then)
                    })
                })
            }
            Op::Label { slot, body } => {
                self.labels += 1;
                let label = self.labels;
                let flow = self.with_slots(frame, &[*slot], |run| {
                    run.bind(frame, *slot, Value::Label(label));
                    run.paths(body, frame, input, sink)
                });
                match flow {
                    Err(Stop::Break(broken)) if broken == label => Ok(()),
                    flow => flow,
                }
            }
            Op::Call(call) => self.paths_call(call, frame, input, sink),
            Op::Parameter(slot) => {
                let Value::Closure { node, frame } = self.variable(frame, *slot) else {
                    unreachable!("a parameter holds a closure")
                };
                let node = &self.plan.closures[node as usize];
                self.check_depth(self.depth.saturating_add(node.nesting))?;
                self.paths(node, frame, input, sink)
            }
            Op::First(of) => {
                self.take(Value::Number(1.0), |run, sink| run.paths(of, frame, input, sink), sink)
            }
            Op::Limit(count, of) => self.each(count, frame, input, &mut |run, count| {
                run.take(count, |run, sink| run.paths(of, frame, input, sink), sink)
            }),
            Op::Skip(count, of) => self.each(count, frame, input, &mut |run, count| {
                run.drop_first(count, |run, sink| run.paths(of, frame, input, sink), sink)
            }),
            Op::Reduce { source, pattern, init, update } => {
                let parts = Fold { source, pattern, update, extract: None };
                self.paths_reduce(&parts, init, frame, input, sink)
            }
            Op::Foreach { source, pattern, init, update, extract } => {
                let parts = Fold { source, pattern, update, extract: extract.as_deref() };
                self.paths_foreach(&parts, init, frame, input, sink)
            }
            _ => self.paths_of_other(node, frame, input, sink),
        }
    }

    fn paths_call(
        &mut self,
        call: &'r Call,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let base = self.push_frame(call, frame, input)?;
        let body = &self.plan.functions[call.function as usize].body;
        self.check_depth(self.depth.saturating_add(body.nesting))?;
        self.paths(body, base, input, sink)
    }

    /// A node that is not a path expression. Its value may be the one at the path.
    fn paths_of_other(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let hands_on = hands_on(&node.op);
        self.each(node, frame, input, &mut |run, value| {
            let is_other = core::mem::replace(
                &mut run.at_path.is_other,
                !hands_on && looks_like_others(value),
            );
            let flow = sink(run, value);
            run.at_path.is_other = is_other;
            flow
        })
    }

    fn paths_pipe(
        &mut self,
        parts: &'r [Node],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some((first, rest)) = parts.split_first() else { return sink(self, input) };
        let depth = self.depth;
        if first.is_one {
            // Where values are evaluated, it is done before the next part begins. Here it is not.
            self.check_depth(depth.saturating_add(first.nesting))?;
        }
        let flow = self
            .paths(first, frame, input, &mut |run, value| run.paths_pipe(rest, frame, value, sink));
        self.depth = depth;
        flow
    }

    fn paths_recurse(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        sink(self, input)?;
        let depth = self.depth;
        self.check_depth(depth.saturating_add(of.nesting).saturating_add(1))?;
        let flow = self
            .paths(of, frame, input, &mut |run, value| run.paths_recurse(of, frame, value, sink));
        self.depth = depth;
        flow
    }

    fn paths_try(
        &mut self,
        body: &'r Node,
        handler: Option<&'r Node>,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let mut is_below = false;
        let flow = self.paths(body, frame, input, &mut |run, value| {
            let flow = sink(run, value);
            is_below = flow.is_err();
            flow
        });
        match (self.caught(flow, is_below), handler) {
            (Err(Stop::Error), Some(handler)) if !is_below => {
                let error = self.take_error();
                self.at_path.is_other = true;
                self.paths(handler, frame, error, sink)
            }
            (Err(Stop::Error), None) if !is_below => Ok(()),
            (flow, _) => flow,
        }
    }

    fn paths_alternative(
        &mut self,
        a: &'r Node,
        b: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let mut is_any = false;
        self.paths(a, frame, input, &mut |run, value| {
            if !value.is_true() {
                return Ok(());
            }
            is_any = true;
            sink(run, value)
        })?;
        if is_any { Ok(()) } else { self.paths(b, frame, input, sink) }
    }
}

/// Whether the value of such a node may be one that was there before.
fn hands_on(op: &Op) -> bool {
    const NATIVES: [&str; 9] =
        ["abs", "tonumber", "tostring", "toboolean", "trim", "ltrim", "rtrim", "debug", "stderr"];
    match op {
        Op::Variable(_) | Op::Last(_) | Op::Set { .. } | Op::Update { .. } | Op::Delete(_) => true,
        Op::Format(Format::Text, _) | Op::Arithmetic(Arithmetic::Add, ..) => true,
        Op::Native { native, .. } => NATIVES.contains(&native.name),
        _ => false,
    }
}

/// Whether a value that was made anew cannot be told from one that was there before.
fn looks_like_others(value: Value) -> bool {
    match value {
        Value::Array { len, .. } | Value::Object { len, .. } => len == 0,
        _ => true,
    }
}
