//! Nodes that give any number of values.

use super::{Flow, Run, Sink, Stop};
use crate::plan::{Node, Op};
use crate::value::Value;

/// What follows a step of the tail loop.
pub(super) enum Next<'r> {
    Done,
    /// The value of this node is the value of the whole.
    Tail {
        node: &'r Node,
        frame: u32,
        input: Value,
    },
}

impl<'r> Run<'r> {
    /// Calls the sink with each value of a node.
    pub(crate) fn each(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        if node.is_one {
            let value = self.one(node, frame, input)?;
            return sink(self, value);
        }
        let (frames, depth, saved) = (self.frames.len(), self.depth, self.saved.len());
        let flow = self.tail_loop(node, frame, input, sink);
        self.frames.truncate(frames);
        self.restore(saved);
        self.depth = depth;
        flow
    }

    /// A node in tail position is evaluated in this loop, so that a loop written as a recursion runs in the
    /// native frame of its first round.
    fn tail_loop(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let (mut node, mut frame, mut input) = (node, frame, input);
        let mut entry = self.entry();
        loop {
            if node.is_one {
                let value = self.one(node, frame, input)?;
                return sink(self, value);
            }
            if node.shares {
                self.heap.share(input);
            }
            let next = match &node.op {
                Op::Call(call) => self.enter(call, frame, input, &mut entry)?,
                Op::Parameter(slot) => self.enter_closure(*slot, frame, input, &mut entry)?,
                // A frame that was made here is not in use elsewhere.
                _ => self.step(node, frame, input, frame >= entry.frames(), sink)?,
            };
            match next {
                Next::Done => return Ok(()),
                Next::Tail { node: next, frame: inner, input: value } => {
                    (node, frame, input) = (next, inner, value)
                }
            }
        }
    }

    fn step(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        is_own: bool,
        sink: &mut Sink<'_, 'r>,
    ) -> Result<Next<'r>, Stop> {
        let tail = |node| Ok(Next::Tail { node, frame, input });
        match &node.op {
            Op::Pipe(parts) => return self.step_pipe(parts, frame, input, sink),
            Op::Iterate(of) if of.is_one => {
                let value = self.one(of, frame, input)?;
                self.iterate(value, sink)?;
            }
            Op::Iterate(of) => {
                self.each(of, frame, input, &mut |run, value| run.iterate(value, sink))?
            }
            Op::Comma(parts) => {
                let (last, first) = parts.split_last().expect("a comma has parts");
                for part in first {
                    self.each(part, frame, input, sink)?;
                }
                return tail(last);
            }
            Op::If { condition, yes, no } => {
                let (condition, condition_frame) = self.resolved(condition, frame);
                if condition.is_one {
                    return tail(if self.one(condition, condition_frame, input)?.is_true() {
                        yes
                    } else {
                        no
                    });
                }
                self.each(condition, condition_frame, input, &mut |run, value| {
                    run.each(if value.is_true() { yes } else { no }, frame, input, sink)
                })?;
            }
            Op::Bind { source, slot, body } if source.is_one => {
                let value = self.one(source, frame, input)?;
                if !is_own {
                    let at = frame + slot;
                    self.saved.push((at, self.frames[at as usize]));
                }
                self.bind(frame, *slot, value);
                return tail(body);
            }
            Op::Bind { source, slot, body } => self.with_slots(frame, &[*slot], |run| {
                run.each(source, frame, input, &mut |run, value| {
                    run.with_bound(frame, *slot, value, |run| run.each(body, frame, input, sink))
                })
            })?,
            Op::Try { body, handler } => {
                let error = self.attempt(body, handler.is_some(), frame, input, sink)?;
                if let (Some(error), Some(handler)) = (error, handler) {
                    return Ok(Next::Tail { node: handler, frame, input: error });
                }
            }
            Op::Alternative(a, b) => {
                if !self.each_true(a, frame, input, sink)? {
                    return tail(b);
                }
            }
            Op::OfKind(kinds) => {
                if kinds & input.kind().bit() != 0 {
                    sink(self, input)?;
                }
            }
            _ => self.each_other(node, frame, input, sink)?,
        }
        Ok(Next::Done)
    }

    fn step_pipe(
        &mut self,
        parts: &'r [Node],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Result<Next<'r>, Stop> {
        let mut input = input;
        let (last, first) = parts.split_last().expect("a pipe has parts");
        for (at, part) in first.iter().enumerate() {
            let (part, part_frame) = self.resolved(part, frame);
            if part.is_one {
                input = self.one(part, part_frame, input)?;
            } else if part.is_most_one {
                // What follows is not evaluated below it, so that a loop written as a recursion does not nest.
                let Some(value) = self.first_value(part, part_frame, input)? else {
                    return Ok(Next::Done);
                };
                input = value;
            } else {
                let rest = &parts[at + 1..];
                self.each(part, part_frame, input, &mut |run, value| {
                    run.each_pipe(rest, frame, value, sink)
                })?;
                return Ok(Next::Done);
            }
        }
        Ok(Next::Tail { node: last, frame, input })
    }

    /// A node and its frame. For a parameter those of the argument.
    #[inline]
    fn resolved(&self, node: &'r Node, frame: u32) -> (&'r Node, u32) {
        let (mut node, mut frame) = (node, frame);
        while let Op::Parameter(slot) = &node.op
            && let Value::Closure { node: inner, frame: outer } = self.variable(frame, *slot)
        {
            (node, frame) = (&self.plan.closures[inner as usize], outer);
        }
        (node, frame)
    }

    /// The parts of a pipe, from the first of `parts` on.
    fn each_pipe(
        &mut self,
        parts: &'r [Node],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match self.step_pipe(parts, frame, input, sink)? {
            Next::Done => Ok(()),
            Next::Tail { node, frame, input } => self.each(node, frame, input, sink),
        }
    }

    #[inline(never)]
    fn each_other(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match &node.op {
            Op::Field { of, key } => self.each(of, frame, input, &mut |run, value| {
                let value = run.index(value, *key)?;
                sink(run, value)
            }),
            Op::Index { of, key } => self.each(key, frame, input, &mut |run, key| {
                run.each(of, frame, input, &mut |run, value| {
                    let value = run.index(value, key)?;
                    sink(run, value)
                })
            }),
            Op::Slice { of, from, to } => {
                self.each_or_null(from.as_deref(), frame, input, &mut |run, from| {
                    run.each_or_null(to.as_deref(), frame, input, &mut |run, to| {
                        run.each(of, frame, input, &mut |run, value| {
                            let value = run.slice(value, from, to)?;
                            sink(run, value)
                        })
                    })
                })
            }
            Op::Optional(step) => self.optional(step, frame, input, sink),
            Op::RecurseAll => self.recurse_all(input, sink),
            Op::Recurse(of) => self.recurse(of, frame, input, sink),
            Op::Negate(of) => self.each(of, frame, input, &mut |run, value| {
                let value = run.negate(value)?;
                sink(run, value)
            }),
            Op::Arithmetic(operator, a, b) => self.each(b, frame, input, &mut |run, b| {
                run.each(a, frame, input, &mut |run, a| {
                    let value = run.arithmetic(*operator, a, b)?;
                    // With several values of the other operand, `null + x` gives `x` again.
                    run.heap.share(value);
                    sink(run, value)
                })
            }),
            Op::Compare(comparison, a, b) => self.each(b, frame, input, &mut |run, b| {
                run.each(a, frame, input, &mut |run, a| {
                    let holds = run.compare(*comparison, a, b)?;
                    sink(run, holds)
                })
            }),
            Op::And(a, b) | Op::Or(a, b) => {
                let is_or = matches!(node.op, Op::Or(..));
                self.each(a, frame, input, &mut |run, a| {
                    if a.is_true() == is_or {
                        return sink(run, Value::bool(is_or));
                    }
                    run.each(b, frame, input, &mut |run, b| sink(run, Value::bool(b.is_true())))
                })
            }
            Op::Object { entries, .. } => self.each_object(entries, frame, input, sink),
            Op::Text { parts } => self.each_text(parts, frame, input, sink),
            Op::Format(format, of) => self.each(of, frame, input, &mut |run, value| {
                let value = run.format(*format, value)?;
                sink(run, value)
            }),
            _ => self.each_of_more(node, frame, input, sink),
        }
    }

    #[inline(never)]
    fn each_of_more(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match &node.op {
            Op::Destructure { source, patterns, slots, body } => {
                self.destructure(source, patterns, slots, body, frame, input, sink)
            }
            Op::Reduce { source, pattern, init, update } => {
                self.each(init, frame, input, &mut |run, init| {
                    let value = run.reduce(source, pattern, init, update, frame, input)?;
                    sink(run, value)
                })
            }
            Op::Foreach { source, pattern, init, update, extract } => {
                self.each(init, frame, input, &mut |run, init| {
                    let extract = extract.as_deref();
                    run.foreach(source, pattern, init, (update, extract), frame, input, sink)
                })
            }
            Op::Label { slot, body } => self.label(*slot, body, frame, input, sink),
            Op::Break(slot) => match self.variable(frame, *slot) {
                Value::Label(label) => Err(Stop::Break(label)),
                other => unreachable!("expected a label, got {other:?}"),
            },
            Op::Native { native, arguments } => {
                self.each_native(*native, arguments, frame, input, sink)
            }
            Op::Empty => Ok(()),
            Op::Error(of) => self.each(of, frame, input, &mut |run, value| {
                run.heap.share(value);
                run.error = value;
                Err(Stop::Error)
            }),
            Op::Path(of) => self.each_path(of, frame, input, sink),
            Op::GetPath(of) => self.each(of, frame, input, &mut |run, path| {
                let value = run.get_path(input, path)?;
                sink(run, value)
            }),
            Op::First(of) => self.first(of, frame, input, sink),
            Op::Limit(count, of) => self.limit(count, of, frame, input, sink),
            Op::Skip(count, of) => self.skip(count, of, frame, input, sink),
            Op::Last(of) => self.last(of, frame, input, sink),
            Op::Range { from, to, by } => self.range((from, to, by.as_deref()), frame, input, sink),
            Op::Set { path, value, is_simple } => {
                self.each(value, frame, input, &mut |run, value| {
                    let value = run.set(path, value, *is_simple, frame, input)?;
                    sink(run, value)
                })
            }
            Op::ToStream => self.each_event(input, sink),
            Op::FromStream(of) => self.gather_events(of, frame, input, sink),
            Op::Walk(of) => self.walk(of, frame, input, sink),
            Op::Input { all } => self.input(*all),
            other => unreachable!("{other:?} gives one value, or is a step"),
        }
    }

    pub(super) fn each_or_null(
        &mut self,
        node: Option<&'r Node>,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match node {
            Some(node) => self.each(node, frame, input, sink),
            None => sink(self, Value::Null),
        }
    }

    pub(super) fn label(
        &mut self,
        slot: u32,
        body: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.labels += 1;
        let label = self.labels;
        let flow = self.with_slots(frame, &[slot], |run| {
            run.bind(frame, slot, Value::Label(label));
            run.each(body, frame, input, sink)
        });
        match flow {
            Err(Stop::Break(broken)) if broken == label => Ok(()),
            flow => flow,
        }
    }
}
