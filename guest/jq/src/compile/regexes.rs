//! Regular expressions that stand in a program: they are compiled once, with it.

use alloc::string::String;

use super::Compiler;
use crate::regex::Flags;
use crate::syntax::ast::{Expr, Kind, Part};

/// Builtins with a pattern as their first argument: which argument has the flags, and the letters that they add.
const BUILTINS: [(&str, usize, &str); 8] = [
    ("test", 1, ""),
    ("match", 1, ""),
    ("capture", 1, ""),
    ("scan", 1, "g"),
    ("split", 1, ""),
    ("splits", 1, ""),
    ("sub", 2, ""),
    ("gsub", 2, "g"),
];

impl Compiler<'_> {
    /// Compiles the pattern of a call of a builtin, if the program has it as text. An error is left to the run, which
    /// may not come to it.
    pub(super) fn compile_pattern(&mut self, name: &str, arguments: &[Expr<'_>]) {
        let Some((_, at, added)) = BUILTINS.into_iter().find(|(known, ..)| *known == name) else {
            return;
        };
        // With one argument `split` takes a text.
        let takes_text = name == "split" && arguments.len() == 1;
        let Some(pattern) = arguments.first().and_then(text).filter(|_| !takes_text) else {
            return;
        };
        let letters = match arguments.get(at) {
            None => "",
            Some(flags) => match text(flags) {
                Some(letters) => letters,
                None => return,
            },
        };
        if let Ok(flags) = Flags::parse(&(String::from(letters) + added)) {
            // The error is told when the pattern is used.
            let _ = self.regexes.get(pattern, &flags);
        }
    }
}

/// The text of a string without interpolations.
fn text<'e>(expression: &'e Expr<'_>) -> Option<&'e str> {
    match &expression.kind {
        Kind::Text { parts, .. } => match parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}
