//! The position of an error in a program, for the operator.

use crate::engine::ProgramError;

/// Characters of an excerpt before and after the position.
const EXCERPT_CHARS: usize = 30;

/// One sentence: the error, its position, and an excerpt of the program there.
#[must_use]
pub fn sentence(text: &str, error: &ProgramError) -> String {
    let message = &error.message;
    let Some(offset) = error.offset else {
        return format!("setting `program` is not a valid program: {message}");
    };
    let (line, column) = line_and_column(text, offset);
    let excerpt = excerpt(text, offset);
    format!(
        "setting `program` is not a valid program: {message} (line {line}, column {column}, \
         byte {offset}: `{excerpt}`)"
    )
}

/// Line and column of a byte, both counted from 1. A column is a character.
#[must_use]
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |line_feed| line_feed + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line around the position; `→` marks the position.
fn excerpt(text: &str, offset: usize) -> String {
    let (before, after) = text.split_at(text.floor_char_boundary(offset));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.split(['\n', '\r']).next().unwrap_or_default();
    let skip = before.chars().count().saturating_sub(EXCERPT_CHARS);
    let before: String = before.chars().skip(skip).collect();
    let after: String = after.chars().take(EXCERPT_CHARS).collect();
    format!("{before}→{after}")
}
