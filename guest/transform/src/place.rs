//! Where in a program an error is, for the operator who wrote it.

use crate::engine::ProgramError;

/// Characters of an excerpt before and after the place.
const EXCERPT_CHARS: usize = 30;

/// One sentence: what is wrong with the program, where, and what stands there.
#[must_use]
pub fn sentence(text: &str, error: &ProgramError) -> String {
    let message = &error.message;
    let Some(offset) = error.offset else {
        return format!("setting `program` is not a program: {message}");
    };
    let (line, column) = line_and_column(text, offset);
    let excerpt = excerpt(text, offset);
    format!(
        "setting `program` is not a program: {message} (line {line}, column {column}, \
         byte {offset}: `{excerpt}`)"
    )
}

/// Line and column of a byte, both from 1, columns in characters.
#[must_use]
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |line_feed| line_feed + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// What stands around the place on its line; `→` marks the place.
fn excerpt(text: &str, offset: usize) -> String {
    let (before, after) = text.split_at(text.floor_char_boundary(offset));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.split(['\n', '\r']).next().unwrap_or_default();
    let skip = before.chars().count().saturating_sub(EXCERPT_CHARS);
    let before: String = before.chars().skip(skip).collect();
    let after: String = after.chars().take(EXCERPT_CHARS).collect();
    format!("{before}→{after}")
}
