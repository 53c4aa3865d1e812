//! Nodes that let through only some of the values of another, and may end it early.

use super::{Flow, Run, Sink, Stop};
use crate::plan::{Arithmetic, Node};
use crate::value::Value;

impl<'r> Run<'r> {
    /// `first(f)`. The value leaves after `f` has ended.
    pub(super) fn first(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match self.first_value(of, frame, input)? {
            Some(value) => sink(self, value),
            None => Ok(()),
        }
    }

    /// The first value of a node.
    pub(super) fn first_value(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Option<Value>, Stop> {
        if of.is_one {
            return self.one(of, frame, input).map(Some);
        }
        let state = self.states.len();
        self.states.push(Value::Null);
        let mut is_there = false;
        let flow = self.each(of, frame, input, &mut |run, value| {
            run.states[state] = value;
            is_there = true;
            Err(Stop::Enough)
        });
        let value = self.states[state];
        self.states.truncate(state);
        match flow {
            Err(Stop::Enough) if is_there => Ok(Some(value)),
            Ok(()) => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    /// `limit(count; f)`
    pub(super) fn limit(
        &mut self,
        count: &'r Node,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each(count, frame, input, &mut |run, count| {
            run.take(count, |run, sink| run.each(of, frame, input, sink), sink)
        })
    }

    /// Lets through so many of the values of an evaluation, then ends it.
    pub(super) fn take(
        &mut self,
        count: Value,
        mut each: impl FnMut(&mut Run<'r>, &mut Sink<'_, 'r>) -> Flow,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some(mut left) = self.limit_count(count, "limit doesn't support negative count")?
        else {
            return each(self, &mut |run, _| run.fail_count(count));
        };
        if left <= 0.0 {
            return Ok(());
        }
        let mut has_enough = false;
        let flow = each(self, &mut |run, value| {
            left -= 1.0;
            sink(run, value)?;
            has_enough = left <= 0.0;
            if has_enough { Err(Stop::Enough) } else { Ok(()) }
        });
        match flow {
            Err(Stop::Enough) if has_enough => Ok(()),
            flow => flow,
        }
    }

    /// The count of `limit` and `skip`. `None`: it is not a number, which is an error at the first value.
    fn limit_count(&mut self, count: Value, negative: &str) -> Result<Option<f64>, Stop> {
        match self.heap.double(&count) {
            Some(count) if count >= 0.0 => Ok(Some(count)),
            // In jq's order all that is not a number is on one side of zero.
            None if self.heap.compare(count, Value::Number(0.0)).is_gt() => Ok(None),
            _ => self.fail(negative),
        }
    }

    /// `skip(count; f)`
    pub(super) fn skip(
        &mut self,
        count: &'r Node,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each(count, frame, input, &mut |run, count| {
            run.drop_first(count, |run, sink| run.each(of, frame, input, sink), sink)
        })
    }

    /// `last(f)`
    pub(super) fn last(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let state = self.states.len();
        self.states.push(Value::Null);
        let mut is_there = false;
        let flow = self.each(of, frame, input, &mut |run, value| {
            run.states[state] = value;
            is_there = true;
            Ok(())
        });
        let value = self.states[state];
        self.states.truncate(state);
        flow?;
        if is_there { sink(self, value) } else { Ok(()) }
    }

    pub(super) fn is_empty(
        &mut self,
        of: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let first = self.first_value(of, frame, input)?;
        Ok(Value::bool(first.is_none()))
    }

    /// Lets through the values of an evaluation, except so many at its beginning.
    pub(super) fn drop_first(
        &mut self,
        count: Value,
        mut each: impl FnMut(&mut Run<'r>, &mut Sink<'_, 'r>) -> Flow,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some(mut left) = self.limit_count(count, "skip doesn't support negative count")? else {
            return each(self, &mut |run, _| run.fail_count(count));
        };
        each(self, &mut |run, value| {
            left -= 1.0;
            if left < 0.0 { sink(run, value) } else { Ok(()) }
        })
    }

    fn fail_count(&mut self, count: Value) -> Flow {
        self.arithmetic(Arithmetic::Subtract, count, Value::Number(1.0)).map(|_| ())
    }
}
