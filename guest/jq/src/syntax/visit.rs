//! Looks for calls in a tree.

use super::ast::{Entry, Expr, Kind, Part, Pattern, Step};

/// Whether an expression may call `name` without arguments. It may be a call of another thing of that name.
pub(crate) fn calls(expr: &Expr<'_>, name: &str) -> bool {
    let call = |expr: &Expr<'_>| calls(expr, name);
    let any = |list: &[Expr<'_>]| list.iter().any(call);
    let optional =
        |expr: &Option<alloc::boxed::Box<Expr<'_>>>| expr.as_ref().is_some_and(|expr| call(expr));
    let pattern =
        |patterns: &[Pattern<'_>]| patterns.iter().any(|pattern| pattern_calls(pattern, name));
    match &expr.kind {
        Kind::Identity
        | Kind::Null
        | Kind::Boolean(_)
        | Kind::Number(_)
        | Kind::Format(_)
        | Kind::Break(_)
        | Kind::Variable(_)
        | Kind::Location { .. } => false,
        Kind::Text { parts, .. } => {
            parts.iter().any(|part| matches!(part, Part::Interpolation(expr) if call(expr)))
        }
        Kind::Path { of, steps } => {
            call(of)
                || steps.iter().any(|step| match step {
                    Step::Index { key, .. } => call(key),
                    Step::Slice { from, to, .. } => optional(from) || optional(to),
                    Step::Iterate { .. } => false,
                })
        }
        Kind::Try { body, handler } => call(body) || optional(handler),
        Kind::Pipe(list)
        | Kind::Comma(list)
        | Kind::And(list)
        | Kind::Or(list)
        | Kind::Alternative(list) => any(list),
        Kind::Negate(of) => call(of),
        Kind::Binary { first, rest } => {
            call(first) || rest.iter().any(|(_, operand)| call(operand))
        }
        Kind::Assign(_, target, value) => call(target) || call(value),
        Kind::Bind { source, patterns, body } => call(source) || call(body) || pattern(patterns),
        Kind::Reduce { source, patterns, init, update } => {
            call(source) || call(init) || call(update) || pattern(patterns)
        }
        Kind::Foreach { source, patterns, init, update, extract } => {
            call(source) || call(init) || call(update) || optional(extract) || pattern(patterns)
        }
        Kind::If { branches, no } => {
            branches.iter().any(|branch| call(&branch.condition) || call(&branch.yes))
                || optional(no)
        }
        Kind::Label { body, .. } => call(body),
        Kind::Define { definitions, body } => {
            call(body) || definitions.iter().any(|definition| call(&definition.body))
        }
        Kind::Call { name: called, arguments } => {
            (*called == name && arguments.is_empty()) || any(arguments)
        }
        Kind::Array(of) => optional(of),
        Kind::Object(entries) => {
            entries.iter().any(|Entry { key, value }| call(key) || optional(value))
        }
    }
}

fn pattern_calls(pattern: &Pattern<'_>, name: &str) -> bool {
    match pattern {
        Pattern::Variable(_) => false,
        Pattern::Array(parts) => parts.iter().any(|part| pattern_calls(part, name)),
        Pattern::Object(entries) => entries.iter().any(|entry| {
            calls(&entry.key, name)
                || entry.value.as_ref().is_some_and(|value| pattern_calls(value, name))
        }),
    }
}
