//! What is known of a node before the run.
//!
//! - `is_one` lets the evaluator return a value instead of calling a sink.
//! - `shares`: a container may be changed in place only if nothing looks at it later. A node that passes its input to
//!   one part and then looks at it again, or that can give its input to the sink more than once, shares it first.
//!   The nodes that hand their input on exactly once do not.

use alloc::vec::Vec;

use super::{Argument, Binding, Node, Op, Pattern, TextPart};

/// What follows from a node's parts.
#[derive(Default)]
struct Facts {
    is_many: bool,
    mutates: bool,
    reads_input: bool,
    nesting: u32,
}

impl Facts {
    fn of<'n>(parts: impl IntoIterator<Item = &'n Node>) -> Self {
        let mut facts = Self::default();
        for part in parts {
            facts.add(part);
        }
        facts
    }

    fn add(&mut self, part: &Node) {
        self.is_many |= !part.is_one;
        self.mutates |= part.mutates;
        self.reads_input |= !part.ignores_input;
        self.nesting = self.nesting.max(part.nesting);
    }
}

impl Op {
    /// The operation as a node, with what follows from its parts.
    pub(crate) fn node(self) -> Node {
        node(self)
    }
}

fn node(op: Op) -> Node {
    let facts = parts(&op);
    let is_one = is_one(&op, &facts);
    let mutates = facts.mutates
        || matches!(op, Op::Set { .. } | Op::Update { .. } | Op::Call(_) | Op::Parameter(_));
    let mutates = mutates || matches!(op, Op::Native { native, .. } if native.mutates);
    Node {
        is_one,
        is_most_one: is_one || is_most_one(&op),
        mutates,
        shares: shares(&op, &facts, is_one),
        ignores_input: ignores_input(&op, &facts),
        nesting: facts.nesting.saturating_add(frames(&op, facts.is_many)),
        op,
    }
}

/// The native stack that a node itself needs while a part of it is evaluated, in units of what the smallest need. A
/// unit is some 500 bytes at most where the engine runs as WebAssembly.
fn frames(op: &Op, is_many: bool) -> u32 {
    match op {
        Op::Arithmetic(..) | Op::Compare(..) | Op::Index { .. } | Op::Slice { .. } if is_many => 3,
        // The values that a part gives go back through what follows it.
        Op::Pipe(_) if is_many => 4,
        Op::Delete(_) | Op::Update { .. } => 6,
        Op::Range { .. } | Op::Destructure { .. } | Op::Path(_) => 4,
        Op::Native { arguments, .. } => 1 + 2 * arguments.len() as u32,
        Op::Reduce { .. } | Op::Foreach { .. } | Op::Set { .. } => 4,
        Op::First(_) | Op::Limit(..) | Op::Skip(..) | Op::Last(_) => 3,
        Op::IsEmpty(_) | Op::Any { .. } | Op::Add(_) | Op::Label { .. } | Op::By(..) => 3,
        Op::Array(_) | Op::Object { .. } | Op::Text { .. } | Op::Try { .. } | Op::Error(_) => 2,
        Op::GetPath(_) | Op::Walk(_) | Op::Recurse(_) | Op::Pipe(_) | Op::Alternative(..) => 2,
        _ => 1,
    }
}

#[expect(clippy::too_many_lines, reason = "an arm for each operation")]
fn parts(op: &Op) -> Facts {
    match op {
        Op::Pipe(parts) => {
            let mut facts = Facts::of(parts);
            // A part that gives many values is still at work while those behind it are.
            facts.nesting = parts
                .iter()
                .filter(|part| !part.is_one)
                .map(|part| part.nesting)
                .fold(0, u32::saturating_add)
                .max(facts.nesting);
            facts.reads_input = parts.first().is_some_and(|part| !part.ignores_input);
            facts
        }
        Op::Comma(parts) => Facts::of(parts),
        Op::Native { arguments, .. } => {
            let mut facts = Facts::of(arguments);
            if facts.is_many {
                facts.nesting = total(arguments.iter().map(|argument| argument.nesting));
            }
            facts
        }
        Op::Object { entries, .. } => {
            let mut facts = Facts::of(
                entries.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten(),
            );
            facts.reads_input |= entries.iter().any(|(_, value)| value.is_none());
            if facts.is_many {
                let nesting =
                    |value: &Option<Node>| value.as_ref().map_or(0, |value| value.nesting);
                facts.nesting =
                    total(entries.iter().flat_map(|(key, value)| [key.nesting, nesting(value)]));
            }
            facts
        }
        Op::Text { parts } => {
            let values = parts.iter().filter_map(|part| match part {
                TextPart::Text(_) => None,
                TextPart::Value(_, node) => Some(node),
            });
            let mut facts = Facts::of(values.clone());
            if facts.is_many {
                facts.nesting =
                    total(values.map(|node| node.nesting)).saturating_add(parts.len() as u32);
            }
            facts
        }
        Op::Call(call) => {
            let mut facts =
                Facts::of(call.arguments.iter().filter_map(|argument| match argument {
                    Argument::Value { node, .. } => Some(node),
                    Argument::Closure(_) | Argument::Passed(_) => None,
                }));
            facts.reads_input = true;
            facts.nesting = facts.nesting.max(call.nesting);
            facts
        }
        Op::Destructure { source, patterns, body, .. } => {
            let mut facts = Facts::of([&**source, &**body]);
            facts.nesting =
                facts.nesting.saturating_add(total(patterns.iter().map(pattern_nesting)));
            facts
        }
        Op::Reduce { source, pattern, init, update } => {
            let mut facts = Facts::of([&**source, &**init, &**update]);
            let inner = update.nesting.max(init.nesting);
            facts.nesting = total([source.nesting, inner, binding_nesting(pattern)]);
            facts
        }
        Op::Foreach { source, pattern, init, update, extract } => {
            let mut facts = Facts::of([&**source, &**init, &**update]);
            let extracted = extract.as_ref().map_or(0, |extract| extract.nesting);
            facts.nesting = total([
                source.nesting,
                update.nesting,
                extracted,
                init.nesting,
                binding_nesting(pattern),
            ]);
            if let Some(extract) = extract {
                facts.mutates |= extract.mutates;
            }
            facts
        }
        _ => few(op),
    }
}

/// The parts of nodes that have a fixed number of them.
fn few(op: &Op) -> Facts {
    let none = Facts::default();
    let reads = Facts { reads_input: true, ..Facts::default() };
    match op {
        Op::Identity
        | Op::RecurseAll
        | Op::ToStream
        | Op::Input { .. }
        | Op::Parameter(_)
        | Op::Break(_)
        | Op::OfKind(_)
        | Op::Empty => reads,
        Op::Constant(_) | Op::Variable(_) | Op::Array(None) => none,
        Op::Field { of, .. } => Facts::of([&**of]),
        Op::Index { of, key } => sum(Facts::of([&**of, &**key]), &[of, key]),
        Op::Slice { of, from, to } => {
            let parts = [Some(of), from.as_ref(), to.as_ref()].into_iter().flatten();
            let parts: Vec<&Node> = parts.map(|node| &**node).collect();
            sum(Facts::of(parts.iter().copied()), &parts)
        }
        Op::Iterate(a)
        | Op::Recurse(a)
        | Op::Negate(a)
        | Op::Array(Some(a))
        | Op::Format(_, a)
        | Op::Error(a)
        | Op::Path(a)
        | Op::GetPath(a)
        | Op::First(a)
        | Op::Last(a)
        | Op::Add(a)
        | Op::IsEmpty(a)
        | Op::By(_, a)
        | Op::Delete(a)
        | Op::Walk(a)
        | Op::FromStream(a)
        | Op::Label { body: a, .. }
        | Op::Optional(a) => Facts::of([&**a]),
        Op::Arithmetic(_, a, b)
        | Op::Compare(_, a, b)
        | Op::And(a, b)
        | Op::Or(a, b)
        | Op::Alternative(a, b)
        | Op::Limit(a, b)
        | Op::Skip(a, b)
        | Op::Any { source: a, condition: b, .. }
        | Op::Set { path: a, value: b, .. }
        | Op::Update { path: a, value: b, .. } => sum(Facts::of([&**a, &**b]), &[a, b]),
        Op::Bind { source, body, .. } => sum(Facts::of([&**source, &**body]), &[source, body]),
        Op::If { condition, yes, no } => {
            sum(Facts::of([&**condition, &**yes, &**no]), &[condition, yes])
        }
        Op::Try { body, handler } => {
            Facts::of([Some(body), handler.as_ref()].into_iter().flatten().map(|node| &**node))
        }
        Op::Range { from, to, by } => {
            Facts::of([Some(from), Some(to), by.as_ref()].into_iter().flatten().map(|node| &**node))
        }
        _ => none,
    }
}

/// If a part gives many values, the next one is at work below it.
fn sum(mut facts: Facts, parts: &[&Node]) -> Facts {
    if facts.is_many {
        facts.nesting =
            facts.nesting.max(parts.iter().map(|part| part.nesting).fold(0, u32::saturating_add));
    }
    facts
}

fn total(nestings: impl IntoIterator<Item = u32>) -> u32 {
    nestings.into_iter().fold(0, u32::saturating_add)
}

fn binding_nesting(binding: &Binding) -> u32 {
    match binding {
        Binding::Slot(_) => 0,
        Binding::Patterns { patterns, .. } => total(patterns.iter().map(pattern_nesting)),
    }
}

fn pattern_nesting(pattern: &Pattern) -> u32 {
    match pattern {
        Pattern::Slot(_) => 3,
        Pattern::Array(parts) => total(parts.iter().map(pattern_nesting)).saturating_add(3),
        Pattern::Object(entries) => entries
            .iter()
            .map(|entry| {
                let below = entry.value.as_ref().map_or(3, pattern_nesting);
                entry.key.nesting.saturating_add(below).saturating_add(3)
            })
            .fold(3, u32::saturating_add),
    }
}

fn is_one(op: &Op, facts: &Facts) -> bool {
    match op {
        Op::Iterate(_)
        | Op::RecurseAll
        | Op::Recurse(_)
        | Op::Comma(_)
        | Op::Break(_)
        | Op::Empty
        | Op::OfKind(_)
        | Op::Path(_)
        | Op::Destructure { .. }
        | Op::Foreach { .. }
        | Op::Label { .. }
        | Op::Parameter(_)
        | Op::First(_)
        | Op::Limit(..)
        | Op::Skip(..)
        | Op::Last(_)
        | Op::Walk(_)
        | Op::ToStream
        | Op::FromStream(_)
        | Op::Range { .. }
        | Op::Optional(_)
        | Op::Input { .. }
        | Op::Error(_) => false,
        Op::Array(_)
        | Op::Add(_)
        | Op::IsEmpty(_)
        | Op::Any { .. }
        | Op::By(..)
        | Op::Delete(_) => true,
        Op::Call(call) => call.is_one,
        Op::Reduce { init, .. } => init.is_one,
        Op::Set { value, .. } => value.is_one,
        Op::Update { .. } => true,
        // Without a handler an error gives nothing.
        Op::Try { body, handler } => {
            body.is_one && handler.as_ref().is_some_and(|handler| handler.is_one)
        }
        Op::Alternative(a, b) => a.is_one && b.is_one,
        Op::Native { native, .. } => !native.gives_many && !facts.is_many,
        _ => !facts.is_many,
    }
}

fn is_most_one(op: &Op) -> bool {
    match op {
        Op::Empty | Op::OfKind(_) | Op::Error(_) | Op::Break(_) | Op::First(_) | Op::Last(_) => {
            true
        }
        Op::Pipe(parts) => parts.iter().all(|part| part.is_most_one),
        Op::If { condition, yes, no } => condition.is_most_one && yes.is_most_one && no.is_most_one,
        Op::Try { body, handler } => {
            body.is_most_one && handler.as_ref().is_none_or(|handler| handler.is_most_one)
        }
        Op::Field { of, .. } => of.is_most_one,
        Op::Optional(step) => step.is_most_one,
        Op::Bind { source, body, .. } => source.is_most_one && body.is_most_one,
        Op::Alternative(a, b) => a.is_most_one && b.is_most_one,
        _ => false,
    }
}

fn shares(op: &Op, facts: &Facts, is_one: bool) -> bool {
    match op {
        Op::Identity
        | Op::Constant(_)
        | Op::Variable(_)
        | Op::Iterate(_)
        | Op::Pipe(_)
        | Op::Empty
        | Op::OfKind(_)
        | Op::Parameter(_)
        | Op::Label { .. }
        | Op::Break(_)
        | Op::Try { .. }
        | Op::First(_)
        | Op::Negate(_)
        | Op::Error(_)
        | Op::Field { .. }
        | Op::Array(_)
        | Op::Format(..) => false,
        Op::If { condition, .. } => condition.mutates || !condition.is_one,
        Op::Bind { source, .. } => source.mutates || !source.is_one,
        Op::Optional(step) => !matches!(step.op, Op::Field { .. } | Op::Iterate(_)),
        Op::Call(call) => call
            .arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Value { node, .. } if node.mutates)),
        // They share it themselves, unless the path is simple.
        Op::Set { value, path, .. } => value.mutates || path.mutates || !value.is_one,
        Op::Update { path, .. } => path.mutates,
        Op::Native { arguments, .. } => !arguments.is_empty() && (facts.mutates || !is_one),
        Op::Reduce { source, pattern, .. } => {
            (facts.mutates && looks_again(source, pattern)) || !is_one
        }
        Op::Foreach { source, pattern, .. } => looks_again(source, pattern),
        _ => facts.mutates || !is_one,
    }
}

/// Whether the rounds of `reduce` and `foreach` look at the input, beside the state that they may change.
fn looks_again(source: &Node, pattern: &Binding) -> bool {
    // The keys of a pattern are evaluated with the input.
    !source.ignores_input || matches!(pattern, Binding::Patterns { .. })
}

fn ignores_input(op: &Op, facts: &Facts) -> bool {
    match op {
        Op::Constant(_) | Op::Variable(_) => true,
        Op::Native { native, .. } => native.ignores_input && !facts.reads_input,
        Op::Pipe(_)
        | Op::Comma(_)
        | Op::Field { .. }
        | Op::Index { .. }
        | Op::Slice { .. }
        | Op::Iterate(_)
        | Op::Arithmetic(..)
        | Op::Compare(..)
        | Op::And(..)
        | Op::Or(..)
        | Op::Array(_)
        | Op::Object { .. }
        | Op::Text { .. }
        | Op::Range { .. }
        | Op::Negate(_) => !facts.reads_input,
        _ => false,
    }
}
