//! Nodes that give exactly one value.

use super::{Run, Stop};
use crate::plan::{Binding, Comparison, Node, Op};
use crate::value::Value;

impl<'r> Run<'r> {
    /// The value of a node that gives exactly one.
    pub(crate) fn one(&mut self, node: &'r Node, frame: u32, input: Value) -> Result<Value, Stop> {
        debug_assert!(node.is_one, "{node:?}");
        if node.shares {
            self.heap.share(input);
        }
        match &node.op {
            Op::Identity => Ok(input),
            Op::Constant(value) => Ok(*value),
            Op::Variable(slot) => Ok(self.variable(frame, *slot)),
            Op::Field { of, key } => {
                let of =
                    if matches!(of.op, Op::Identity) { input } else { self.one(of, frame, input)? };
                if let Value::Object { .. } = of {
                    return Ok(self.heap.get(of, key).unwrap_or_default());
                }
                self.index(of, *key)
            }
            Op::Index { of, key } => {
                let key = self.operand(key, frame, input)?;
                let of = self.operand(of, frame, input)?;
                self.index(of, key)
            }
            Op::Pipe(parts) => {
                let mut value = input;
                for part in parts {
                    value = self.operand(part, frame, value)?;
                }
                Ok(value)
            }
            Op::Arithmetic(operator, a, b) => {
                let b = self.operand(b, frame, input)?;
                let a = self.operand(a, frame, input)?;
                self.arithmetic(*operator, a, b)
            }
            Op::Compare(comparison, a, b) => {
                let b = self.operand(b, frame, input)?;
                let a = self.operand(a, frame, input)?;
                self.compare(*comparison, a, b)
            }
            Op::And(a, b) => {
                let holds =
                    self.one(a, frame, input)?.is_true() && self.one(b, frame, input)?.is_true();
                Ok(Value::bool(holds))
            }
            Op::Or(a, b) => {
                let holds =
                    self.one(a, frame, input)?.is_true() || self.one(b, frame, input)?.is_true();
                Ok(Value::bool(holds))
            }
            Op::If { condition, yes, no } => {
                let branch = if self.one(condition, frame, input)?.is_true() { yes } else { no };
                self.one(branch, frame, input)
            }
            Op::Object { entries, keys_differ } => {
                self.one_object(entries, *keys_differ, frame, input)
            }
            Op::Array(None) => Ok(Value::EMPTY_ARRAY),
            Op::Array(Some(of)) => self.array(of, frame, input),
            Op::Bind { source, slot, body } => {
                let value = self.one(source, frame, input)?;
                let at = (frame + slot) as usize;
                let saved = self.frames[at];
                self.bind(frame, *slot, value);
                let result = self.one(body, frame, input);
                self.frames[at] = saved;
                result
            }
            Op::Call(call) => self.one_call(call, frame, input),
            _ => self.one_of_more(node, frame, input),
        }
    }

    /// The same, without a call for what most operands are.
    #[inline(always)]
    pub(super) fn operand(
        &mut self,
        node: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        match &node.op {
            Op::Constant(value) => Ok(*value),
            Op::Variable(slot) => Ok(self.variable(frame, *slot)),
            Op::Field { of, key }
                if matches!((&of.op, input), (Op::Identity, Value::Object { .. })) =>
            {
                Ok(self.heap.get(input, key).unwrap_or_default())
            }
            _ => self.one(node, frame, input),
        }
    }

    /// The rarer ones.
    #[inline(never)]
    fn one_of_more(&mut self, node: &'r Node, frame: u32, input: Value) -> Result<Value, Stop> {
        match &node.op {
            Op::Native { native, arguments } => self.one_native(*native, arguments, frame, input),
            Op::Slice { of, from, to } => {
                let from = self.one_or_null(from.as_deref(), frame, input)?;
                let to = self.one_or_null(to.as_deref(), frame, input)?;
                let of = self.one(of, frame, input)?;
                self.slice(of, from, to)
            }
            Op::Negate(of) => {
                let value = self.one(of, frame, input)?;
                self.negate(value)
            }
            Op::Alternative(a, b) => {
                let value = self.one(a, frame, input)?;
                if value.is_true() { Ok(value) } else { self.one(b, frame, input) }
            }
            Op::Text { parts } => self.one_text(parts, frame, input),
            Op::Format(format, of) => {
                let value = self.one(of, frame, input)?;
                self.format(*format, value)
            }
            Op::GetPath(path) => {
                let path = self.one(path, frame, input)?;
                self.get_path(input, path)
            }
            Op::Try { body, handler } => match self.one(body, frame, input) {
                // A body that breaks does not give exactly one value.
                Err(Stop::Error) => {
                    let handler =
                        handler.as_ref().expect("a try that gives one value has a handler");
                    let error = self.take_error();
                    self.one(handler, frame, error)
                }
                other => other,
            },
            Op::Reduce { source, pattern, init, update } => {
                let init = self.one(init, frame, input)?;
                self.reduce(source, pattern, init, update, frame, input)
            }
            Op::Set { path, value, is_simple } => {
                let value = self.one(value, frame, input)?;
                self.set(path, value, *is_simple, frame, input)
            }
            Op::Update { path, value, is_simple } => {
                self.update(path, value, *is_simple, frame, input)
            }
            Op::Delete(path) => self.delete(path, frame, input),
            Op::Add(of) => self.add_all(of, frame, input),
            Op::Any { source, condition, is_all } => {
                self.any(source, condition, *is_all, frame, input)
            }
            Op::IsEmpty(of) => self.is_empty(of, frame, input),
            Op::By(by, of) => self.by(*by, of, frame, input),
            other => unreachable!("{other:?} may give any number of values"),
        }
    }

    fn one_or_null(
        &mut self,
        node: Option<&'r Node>,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        node.map_or(Ok(Value::Null), |node| self.one(node, frame, input))
    }

    /// `[f]`
    fn array(&mut self, of: &'r Node, frame: u32, input: Value) -> Result<Value, Stop> {
        let base = self.collected.len();
        if of.is_one {
            let value = self.one(of, frame, input)?;
            self.collect(value)?;
            return self.collected_array(base);
        }
        let flow = self.each(of, frame, input, &mut |run, value| run.collect(value));
        if let Err(stop) = flow {
            self.collected.truncate(base);
            return Err(stop);
        }
        self.collected_array(base)
    }

    #[inline]
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        a: Value,
        b: Value,
    ) -> Result<Value, Stop> {
        let holds = match comparison {
            Comparison::Equal => self.heap.is_equal(a, b),
            Comparison::NotEqual => !self.heap.is_equal(a, b),
            Comparison::Less => self.heap.compare(a, b).is_lt(),
            Comparison::LessEqual => self.heap.compare(a, b).is_le(),
            Comparison::Greater => self.heap.compare(a, b).is_gt(),
            Comparison::GreaterEqual => self.heap.compare(a, b).is_ge(),
        };
        if self.heap.is_too_deep.get() {
            let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            self.check_depth_of(if is_equality {
                "Equality check too deep"
            } else {
                "Comparison too deep"
            })?;
        }
        Ok(Value::bool(holds))
    }

    /// `reduce`: the state is `Null` while it is being updated, so that it is held once.
    pub(super) fn reduce(
        &mut self,
        source: &'r Node,
        pattern: &'r Binding,
        init: Value,
        update: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let state = self.states.len();
        self.states.push(init);
        let flow = self.each_bound(source, pattern, frame, input, &mut |run| {
            let value = core::mem::take(&mut run.states[state]);
            if update.is_one {
                run.states[state] = run.one(update, frame, value)?;
                return Ok(());
            }
            // The last value counts; without one it is null.
            run.each(update, frame, value, &mut |run, value| {
                run.heap.share(value);
                run.states[state] = value;
                Ok(())
            })
        });
        let value = self.states[state];
        self.states.truncate(state);
        flow.map(|()| value)
    }

    /// The value of an error that is caught.
    pub(super) fn take_error(&mut self) -> Value {
        core::mem::take(&mut self.error)
    }
}
