//! Bindings: variables, destructuring, and `foreach`.

use super::{Flow, Run, Sink, Stop};
use crate::plan::{Binding, Node, Pattern, PatternEntry};
use crate::value::Value;

impl<'r> Run<'r> {
    /// Binds each value of the source, and calls `then`.
    pub(super) fn each_bound(
        &mut self,
        source: &'r Node,
        binding: &'r Binding,
        frame: u32,
        input: Value,
        then: &mut dyn FnMut(&mut Run<'r>) -> Flow,
    ) -> Flow {
        match binding {
            Binding::Slot(slot) => self.with_slots(frame, &[*slot], |run| {
                run.each(source, frame, input, &mut |run, value| {
                    run.with_bound(frame, *slot, value, &mut *then)
                })
            }),
            Binding::Patterns { patterns, slots } => self.with_slots(frame, slots, |run| {
                run.each(source, frame, input, &mut |run, value| {
                    run.bind_patterns(value, patterns, slots, frame, then)
                })
            }),
        }
    }

    /// `source as pattern ?// pattern | body`
    #[expect(clippy::too_many_arguments, reason = "the parts of the node, and the usual three")]
    pub(super) fn destructure(
        &mut self,
        source: &'r Node,
        patterns: &'r [Pattern],
        slots: &'r [u32],
        body: &'r Node,
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        self.with_slots(frame, slots, |run| {
            run.each(source, frame, input, &mut |run, value| {
                run.bind_patterns(value, patterns, slots, frame, &mut |run| {
                    run.each(body, frame, input, sink)
                })
            })
        })
    }

    /// Tries the patterns in turn: after an error, in the pattern or in what follows it, comes the next one.
    pub(super) fn bind_patterns(
        &mut self,
        value: Value,
        patterns: &'r [Pattern],
        slots: &'r [u32],
        frame: u32,
        then: &mut dyn FnMut(&mut Run<'r>) -> Flow,
    ) -> Flow {
        self.heap.share(value);
        let (last, first) = patterns.split_last().expect("a binding has a pattern");
        for pattern in first {
            self.clear(slots, frame);
            match self.bind_pattern(value, pattern, frame, then) {
                Err(Stop::Error) => self.error = Value::Null,
                flow => {
                    self.clear(slots, frame);
                    return flow;
                }
            }
        }
        self.clear(slots, frame);
        let flow = self.bind_pattern(value, last, frame, then);
        self.clear(slots, frame);
        flow
    }

    /// A variable that the pattern does not name is null.
    fn clear(&mut self, slots: &[u32], frame: u32) {
        for slot in slots {
            self.frames[(frame + slot) as usize] = Value::Null;
        }
    }

    fn bind_pattern(
        &mut self,
        value: Value,
        pattern: &'r Pattern,
        frame: u32,
        then: &mut dyn FnMut(&mut Run<'r>) -> Flow,
    ) -> Flow {
        match pattern {
            Pattern::Slot(slot) => {
                self.bind(frame, *slot, value);
                then(self)
            }
            Pattern::Array(parts) => self.bind_elements(value, parts, frame, then),
            Pattern::Object(entries) => self.bind_entries(value, entries, frame, then),
        }
    }

    fn bind_elements(
        &mut self,
        value: Value,
        parts: &'r [Pattern],
        frame: u32,
        then: &mut dyn FnMut(&mut Run<'r>) -> Flow,
    ) -> Flow {
        // jq looks at the last element first.
        let Some((part, rest)) = parts.split_last() else { return then(self) };
        let element = self.index(value, Value::count(rest.len()))?;
        self.bind_pattern(element, part, frame, &mut |run| {
            run.bind_elements(value, rest, frame, then)
        })
    }

    fn bind_entries(
        &mut self,
        value: Value,
        entries: &'r [PatternEntry],
        frame: u32,
        then: &mut dyn FnMut(&mut Run<'r>) -> Flow,
    ) -> Flow {
        let Some((entry, rest)) = entries.split_first() else { return then(self) };
        // The key sees what is taken apart, and must not change it.
        self.heap.share(value);
        self.each(&entry.key, frame, value, &mut |run, key| {
            let element = run.index(value, key)?;
            if let Some(slot) = entry.slot {
                run.bind(frame, slot, element);
            }
            match &entry.value {
                Some(pattern) => run.bind_pattern(element, pattern, frame, &mut |run| {
                    run.bind_entries(value, rest, frame, then)
                }),
                None => run.bind_entries(value, rest, frame, then),
            }
        })
    }

    /// `foreach`
    #[expect(clippy::too_many_arguments, reason = "the parts of the node, and the usual three")]
    pub(super) fn foreach(
        &mut self,
        source: &'r Node,
        pattern: &'r Binding,
        init: Value,
        (update, extract): (&'r Node, Option<&'r Node>),
        frame: u32,
        input: Value,
        sink: &mut Sink<'_, 'r>,
    ) -> Flow {
        let state = self.states.len();
        self.states.push(init);
        let flow = self.each_bound(source, pattern, frame, input, &mut |run| {
            let value = core::mem::take(&mut run.states[state]);
            run.each(update, frame, value, &mut |run, value| {
                run.states[state] = value;
                let Some(extract) = extract else {
                    run.heap.share(value);
                    return sink(run, value);
                };
                if !extract.is_one || extract.mutates {
                    run.heap.share(value);
                    return run.each(extract, frame, value, sink);
                }
                let extracted = run.one(extract, frame, value)?;
                if extracted.is_identical(&value) {
                    run.heap.share(value);
                }
                sink(run, extracted)
            })
        });
        self.states.truncate(state);
        flow
    }
}
