//! The compiler: a text is a program, or the error is at a place in it.

use arenaria_jq::{Limits, Program};

/// Compiles a text.
///
/// # Panics
///
/// If the error is not at a place in the text.
pub fn check(text: &str) {
    let limits = Limits { program_nodes: 2000, ..Limits::default() };
    if let Err(error) = Program::compile(text, &limits) {
        assert!(text.is_char_boundary(error.offset), "{error:?} is not at a character");
        assert!(!error.message.is_empty(), "an error without a message at {}", error.offset);
    }
}
