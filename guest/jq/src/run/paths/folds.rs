//! `reduce` and `foreach` as parts of path expressions.

use super::{Flow, Fold, Run, Sink};
use crate::plan::{Binding, Node};
use crate::value::Value;

impl<'r> Run<'r> {
    pub(super) fn paths_reduce(
        &mut self,
        parts: &Fold<'r>,
        init: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.paths(init, frame, input, &mut |run, init| {
            let state = run.states.len();
            run.states.push(init);
            let flow = run.paths_fold(parts, state, frame, input, &mut |_, _| Ok(()));
            let value = run.states[state];
            run.states.truncate(state);
            flow?;
            sink(run, value)
        })
    }

    pub(super) fn paths_foreach(
        &mut self,
        parts: &Fold<'r>,
        init: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.paths(init, frame, input, &mut |run, init| {
            let state = run.states.len();
            run.states.push(init);
            let flow = run.paths_fold(parts, state, frame, input, sink);
            run.states.truncate(state);
            flow
        })
    }

    /// The rounds of `reduce` and `foreach`. As in jq, the source and the update go on along one path, and the state
    /// has only its value.
    fn paths_fold(
        &mut self,
        parts: &Fold<'r>,
        state: usize,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let slots = match parts.pattern {
            Binding::Slot(slot) => core::slice::from_ref(slot),
            Binding::Patterns { slots, .. } => slots,
        };
        self.with_slots(frame, slots, |run| {
            run.paths(parts.source, frame, input, &mut |run, value| {
                let mut then = |run: &mut Self| {
                    let value = core::mem::take(&mut run.states[state]);
                    // The value is the state now, not what the source gave.
                    let is_other = core::mem::take(&mut run.at_path.is_other);
                    let flow = run.paths(parts.update, frame, value, &mut |run, value| {
                        run.states[state] = value;
                        match parts.extract {
                            Some(extract) => run.paths(extract, frame, value, sink),
                            None => sink(run, value),
                        }
                    });
                    run.at_path.is_other = is_other;
                    flow
                };
                match parts.pattern {
                    Binding::Slot(slot) => run.with_bound(frame, *slot, value, then),
                    Binding::Patterns { patterns, slots } => {
                        run.bind_patterns(value, patterns, slots, frame, &mut then)
                    }
                }
            })
        })
    }
}
