//! Steps of paths: fields, indexes, slices and iterations.

use super::{Flow, Run, Sink, Stop};
use crate::error::{Message, Piece};
use crate::plan::{Node, Op};
use crate::value::Value;

impl<'r> Run<'r> {
    /// A field, an index, a slice or an iteration.
    pub(super) fn paths_step(
        &mut self,
        step: &'r Node,
        is_optional: bool,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        match &step.op {
            Op::Field { of, key } => self.paths(of, frame, input, &mut |run, value| {
                run.further(value, *key, is_optional, sink)
            }),
            Op::Index { of, key } => self.each(key, frame, input, &mut |run, key| {
                run.paths(of, frame, input, &mut |run, value| {
                    run.further(value, key, is_optional, sink)
                })
            }),
            Op::Slice { of, from, to } => {
                self.each_or_null(from.as_deref(), frame, input, &mut |run, from| {
                    run.each_or_null(to.as_deref(), frame, input, &mut |run, to| {
                        let key = run.slice_key(from, to)?;
                        run.paths(of, frame, input, &mut |run, value| {
                            run.further(value, key, is_optional, sink)
                        })
                    })
                })
            }
            Op::Iterate(of) => self.paths(of, frame, input, &mut |run, value| {
                run.check_iterates(value)?;
                if is_optional && !value.is_container() {
                    Ok(())
                } else {
                    run.paths_in(value, sink)
                }
            }),
            other => unreachable!("{other:?} is not a step"),
        }
    }

    /// Calls the sink with a value one key further.
    fn further(
        &mut self,
        of: Value,
        key: Value,
        is_optional: bool,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        if !self.is_at_path(of) {
            return self.fail_with(Message(&[
                Piece::Text("Invalid path expression near attempt to access element "),
                Piece::Json(key),
                Piece::Text(" of "),
                Piece::Json(of),
            ]));
        }
        match self.index(of, key) {
            Ok(value) => self.step_to(key, value, sink),
            Err(Stop::Error) if is_optional => {
                self.error = Value::Null;
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }

    pub(super) fn check_iterates(&mut self, of: Value) -> Flow {
        if self.is_at_path(of) {
            return Ok(());
        }
        self.fail_with(Message(&[
            Piece::Text("Invalid path expression near attempt to iterate through "),
            Piece::Json(of),
        ]))
    }
}
