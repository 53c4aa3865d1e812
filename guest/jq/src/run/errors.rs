//! What hides errors: steps with a `?`, and the bodies of `try`.

use super::{Flow, Run, Sink, Stop};
use crate::plan::{Node, Op};
use crate::value::Value;

impl<'r> Run<'r> {
    /// `.a?`, `.[0]?`, `.[1:]?` and `.[]?`
    pub(super) fn optional(
        &mut self,
        step: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match &step.op {
            Op::Field { of, key } => self.each(of, frame, input, &mut |run, value| {
                let part = run.index(value, *key);
                run.give_if_any(part, sink)
            }),
            Op::Index { of, key } => self.each(key, frame, input, &mut |run, key| {
                run.each(of, frame, input, &mut |run, value| {
                    let part = run.index(value, key);
                    run.give_if_any(part, sink)
                })
            }),
            Op::Slice { of, from, to } => {
                self.each_or_null(from.as_deref(), frame, input, &mut |run, from| {
                    run.each_or_null(to.as_deref(), frame, input, &mut |run, to| {
                        run.each(of, frame, input, &mut |run, value| {
                            let part = run.slice(value, from, to);
                            run.give_if_any(part, sink)
                        })
                    })
                })
            }
            Op::Iterate(of) => self.each(of, frame, input, &mut |run, value| {
                if value.is_container() { run.iterate(value, sink) } else { Ok(()) }
            }),
            other => unreachable!("{other:?} is not a step"),
        }
    }

    /// Gives a value, or nothing if there was an error instead.
    fn give_if_any(&mut self, value: Result<Value, Stop>, sink: &mut Sink<'_, 'r>) -> Flow {
        match value {
            Ok(value) => sink(self, value),
            Err(Stop::Error) => {
                self.error = Value::Null;
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    /// A `break` in the body of a `try` is an error for that.
    pub(super) fn caught(&mut self, flow: Flow, is_below: bool) -> Flow {
        let Err(Stop::Break(label)) = flow else { return flow };
        if is_below {
            return flow;
        }
        let name = Value::short(b"__jq").expect("it is short");
        self.error = self.heap.object(&[name, Value::Number(f64::from(label - 1))])?;
        Err(Stop::Error)
    }
}
