//! Constants: jq refuses a program that has one as the key of an object, unless it is a string.

use super::ast::{Binary, Entry, Expr, Kind, Part};

/// The type of a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constant {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl Constant {
    /// The name for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The type of a constant expression. It recurses as deep as the tree, which is bounded.
pub(super) fn constant(expr: &Expr<'_>) -> Option<Constant> {
    match &expr.kind {
        Kind::Null => Some(Constant::Null),
        Kind::Boolean(_) => Some(Constant::Boolean),
        Kind::Number(_) => Some(Constant::Number),
        Kind::Location { .. } => Some(Constant::Object),
        Kind::Array(None) => Some(Constant::Array),
        Kind::Text { parts, .. } => {
            let has_text_alone = parts.iter().all(|part| matches!(part, Part::Text(_)));
            has_text_alone.then_some(Constant::Text)
        }
        Kind::Array(Some(items)) => {
            let is_constant = match &items.kind {
                Kind::Comma(items) => items.iter().all(|item| constant(item).is_some()),
                _ => constant(items).is_some(),
            };
            is_constant.then_some(Constant::Array)
        }
        Kind::Object(entries) => entries.iter().all(is_constant_entry).then_some(Constant::Object),
        Kind::Binary { first, rest } => {
            let mut left = constant(first)?;
            for (operator, right) in rest {
                left = combined(left, *operator, constant(right)?)?;
            }
            Some(left)
        }
        _ => None,
    }
}

fn is_constant_entry(entry: &Entry<'_>) -> bool {
    let has_constant_value = entry.value.as_ref().is_some_and(|value| constant(value).is_some());
    has_constant_value && constant(&entry.key) == Some(Constant::Text)
}

/// The type of what an operator makes of two constants, where the types alone decide it.
fn combined(left: Constant, operator: Binary, right: Constant) -> Option<Constant> {
    match operator {
        Binary::Add | Binary::Subtract | Binary::Multiply => {
            (left == Constant::Number && right == Constant::Number).then_some(Constant::Number)
        }
        // They fail if the divisor is zero.
        Binary::Divide | Binary::Modulo => None,
        _ => Some(Constant::Boolean),
    }
}
