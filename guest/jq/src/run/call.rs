//! Calls: frames of functions, and functions of the host language.

use super::{Flow, Run, Sink, Stop};
use crate::plan::{Argument, Call, NativeCall, Node};
use crate::value::Value;

/// The most arguments of a native function.
pub(crate) const ARGUMENTS_MAX: usize = 3;

impl<'r> Run<'r> {
    /// Makes the frame of a call: the enclosing frame, the arguments, and room for the variables.
    pub(super) fn push_frame(
        &mut self,
        call: &'r Call,
        frame: u32,
        input: Value,
    ) -> Result<u32, Stop> {
        let slots = self.plan.functions[call.function as usize].slots as usize;
        let base = self.frames.len();
        if base + slots > self.limits.frames {
            return Err(Stop::Depth);
        }
        self.frames.try_reserve(slots).map_err(|_| Stop::Full)?;
        let outer = self.outer(frame, call.hops);
        self.frames.resize(base + slots, Value::Null);
        self.frames[base] = Value::Frame(outer);
        let mut at = base + 1;
        for argument in &call.arguments {
            match argument {
                Argument::Closure(node) => self.frames[at] = Value::Closure { node: *node, frame },
                Argument::Passed(slot) => self.frames[at] = self.variable(frame, *slot),
                Argument::Value { node, closure } => {
                    let value = match self.one(node, frame, input) {
                        Ok(value) => value,
                        Err(stop) => {
                            self.frames.truncate(base);
                            return Err(stop);
                        }
                    };
                    self.bind(at as u32, 0, value);
                    if let Some(node) = closure {
                        at += 1;
                        self.frames[at] = Value::Closure { node: *node, frame };
                    }
                }
            }
            at += 1;
        }
        Ok(base as u32)
    }

    /// A call of a function that gives one value.
    pub(super) fn one_call(
        &mut self,
        call: &'r Call,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let base = self.push_frame(call, frame, input)?;
        let depth = self.depth;
        let body = &self.plan.functions[call.function as usize].body;
        let value = match self.check_depth(depth.saturating_add(body.nesting)) {
            Ok(()) => self.one(body, base, input),
            Err(stop) => Err(stop),
        };
        self.depth = depth;
        self.frames.truncate(base as usize);
        value
    }

    pub(super) fn check_depth(&mut self, depth: u32) -> Flow {
        self.depth = depth;
        if depth > self.limits.call_depth { Err(Stop::Depth) } else { Ok(()) }
    }

    pub(super) fn one_native(
        &mut self,
        native: NativeCall,
        arguments: &'r [Node],
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let mut values = [Value::Null; ARGUMENTS_MAX];
        // The last one first, as jq does.
        for (value, argument) in values.iter_mut().zip(arguments).rev() {
            *value = self.one(argument, frame, input)?;
        }
        (self.natives)(native.id)(self, input, &values[..arguments.len()])
    }

    /// Each combination of the arguments' values: the first argument's change fastest.
    pub(super) fn each_native(
        &mut self,
        native: NativeCall,
        arguments: &'r [Node],
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.each_argument(native, arguments, frame, input, [Value::Null; ARGUMENTS_MAX], sink)
    }

    fn each_argument(
        &mut self,
        native: NativeCall,
        open: &'r [Node],
        frame: u32,
        input: Value,
        values: [Value; ARGUMENTS_MAX],
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let Some((last, rest)) = open.split_last() else {
            let arity = native.arity as usize;
            let value = (self.natives)(native.id)(self, input, &values[..arity])?;
            if native.gives_many {
                return self.iterate(value, sink);
            }
            return sink(self, value);
        };
        self.each(last, frame, input, &mut |run, value| {
            let mut values = values;
            values[rest.len()] = value;
            run.heap.share(value);
            run.each_argument(native, rest, frame, input, values, sink)
        })
    }
}
