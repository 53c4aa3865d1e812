//! The height of a tree: how deep a walk through it recurses.

use super::ast::{Definition, Entry, Expr, Kind, Part, Pattern, Step};

impl Kind<'_> {
    /// The levels below this one. Each child knows its own height, so a tree is measured in linear time.
    pub(super) fn height_below(&self) -> u32 {
        match self {
            Kind::Identity
            | Kind::Null
            | Kind::Boolean(_)
            | Kind::Number(_)
            | Kind::Format(_)
            | Kind::Break(_)
            | Kind::Variable(_)
            | Kind::Location { .. } => 0,
            Kind::Text { parts, .. } => tallest(parts.iter().map(part)),
            Kind::Path { of, steps } => of.height.max(tallest(steps.iter().map(step))),
            Kind::Try { body, handler } => body.height.max(optional(handler.as_deref())),
            Kind::Pipe(list)
            | Kind::Comma(list)
            | Kind::And(list)
            | Kind::Or(list)
            | Kind::Alternative(list) => expressions(list),
            Kind::Negate(of) => of.height,
            Kind::Binary { first, rest } => {
                first.height.max(tallest(rest.iter().map(|(_, operand)| operand.height)))
            }
            Kind::Assign(_, target, value) => target.height.max(value.height),
            Kind::Bind { source, patterns, body } => {
                source.height.max(body.height).max(height_of_patterns(patterns))
            }
            Kind::Reduce { source, patterns, init, update } => {
                source.height.max(init.height).max(update.height).max(height_of_patterns(patterns))
            }
            Kind::Foreach { source, patterns, init, update, extract } => source
                .height
                .max(init.height)
                .max(update.height)
                .max(optional(extract.as_deref()))
                .max(height_of_patterns(patterns)),
            Kind::If { branches, no } => {
                let branches =
                    branches.iter().map(|branch| branch.condition.height.max(branch.yes.height));
                tallest(branches).max(optional(no.as_deref()))
            }
            Kind::Label { body, .. } => body.height,
            Kind::Define { definitions, body } => {
                body.height.max(tallest(definitions.iter().map(definition)))
            }
            Kind::Call { arguments, .. } => expressions(arguments),
            Kind::Array(items) => optional(items.as_deref()),
            Kind::Object(entries) => tallest(entries.iter().map(entry)),
        }
    }
}

fn tallest(heights: impl Iterator<Item = u32>) -> u32 {
    heights.max().unwrap_or(0)
}

fn expressions(list: &[Expr<'_>]) -> u32 {
    tallest(list.iter().map(|expr| expr.height))
}

fn optional(expr: Option<&Expr<'_>>) -> u32 {
    expr.map_or(0, |expr| expr.height)
}

fn part(part: &Part<'_>) -> u32 {
    match part {
        Part::Text(_) => 0,
        Part::Interpolation(expr) => expr.height,
    }
}

fn step(step: &Step<'_>) -> u32 {
    match step {
        Step::Index { key, .. } => key.height,
        Step::Slice { from, to, .. } => optional(from.as_deref()).max(optional(to.as_deref())),
        Step::Iterate { .. } => 0,
    }
}

fn definition(definition: &Definition<'_>) -> u32 {
    definition.body.height
}

fn entry(entry: &Entry<'_>) -> u32 {
    entry.key.height.max(optional(entry.value.as_deref()))
}

/// The parser has bounded how deep patterns nest before this recurses into them.
fn height_of_patterns(patterns: &[Pattern<'_>]) -> u32 {
    tallest(patterns.iter().map(|pattern| {
        let below = match pattern {
            Pattern::Variable(_) => 0,
            Pattern::Array(items) => height_of_patterns(items),
            Pattern::Object(entries) => tallest(entries.iter().map(|entry| {
                let value = entry
                    .value
                    .as_ref()
                    .map_or(0, |value| height_of_patterns(core::slice::from_ref(value)));
                entry.key.height.max(value)
            })),
        };
        below.saturating_add(1)
    }))
}
