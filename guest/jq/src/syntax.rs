//! The syntax of jq 1.8: a program's text becomes a tree.

pub(crate) mod ast;
mod constants;
mod height;
mod lexer;
mod operators;
mod parser;
mod patterns;
mod terms;
#[cfg(test)]
mod tests;
pub(crate) mod visit;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use ast::{Definition, Expr};
use parser::Parser;

/// How deep a program's text may nest. The parser recurses as deep, and the number keeps it within a stack of 256 KiB
/// in a build that is not optimised.
pub(crate) const MAX_LEVELS: u32 = 100;

/// How deep a program's tree may nest: `1 | 2 * 3` nests in its tree, but not in its text.
pub(crate) const MAX_HEIGHT: u32 = 200;

/// Why a text is not a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Byte offset in the program's text.
    pub(crate) at: usize,
    /// What was found, and what was expected.
    pub(crate) message: String,
}

/// An error is boxed while it passes through the parser, so that the parser's frames stay small.
type Parsed<T> = Result<T, Box<SyntaxError>>;

/// Parses a main program. An empty one, or one that has only definitions, ends in `.`.
pub(crate) fn parse(program: &str) -> Result<Expr<'_>, SyntaxError> {
    let parsed = Parser::new(program).and_then(|mut parser| parser.program());
    parsed.map(|expr| *expr).map_err(|error| *error)
}

/// Parses a library: definitions, and nothing after them.
pub(crate) fn parse_definitions(text: &str) -> Result<Vec<Definition<'_>>, SyntaxError> {
    let parsed = Parser::new(text).and_then(|mut parser| parser.library());
    parsed.map_err(|error| *error)
}
