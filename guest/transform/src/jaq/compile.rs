//! Compiles a text to a program. Errors have a position.
//!
//! Invariant: a text reaches jaq's recursive lexer, parser and compiler only after its nesting was
//! measured and found to be within the limit.

use super::functions::{ABSENT, Fun, Kind};
use super::prelude::Prelude;
use crate::engine::errors::ProgramError;
use crate::engine::limits::PROGRAM_DEPTH_MAX;
use crate::nesting::measure;
use jaq_core::compile::Undefined;
use jaq_core::load::{self, Arena, File, Loader, Modules};
use jaq_core::{Compiler, Filter};

/// The definitions of the standard library, which all programs share.
pub(crate) struct Library(Prelude);

/// A compiled program: terms and function pointers, no values.
pub(crate) struct Compiled(pub(super) Filter<Kind>);

impl Library {
    pub(crate) fn new() -> Self {
        Self(Prelude::new())
    }

    pub(crate) fn compile(&self, text: &str) -> Result<Compiled, ProgramError> {
        let mut words = Vec::new();
        let depth = measure(text, |word| words.push(word));
        if depth.levels > PROGRAM_DEPTH_MAX {
            let levels = depth.levels;
            let message = format!(
                "the program nests {levels} operators and brackets, at most {PROGRAM_DEPTH_MAX} are allowed"
            );
            return Err(ProgramError { message, offset: Some(depth.offset) });
        }
        let (defs, functions) = self.0.reachable(words);
        let arena = Arena::default();
        let modules = Loader::new(defs)
            .load(&arena, File { code: text, path: () })
            .map_err(|errors| first(text, errors, load_error))?;
        // Refuses imports of data, which would otherwise fail at run time.
        load::import(&modules, |_| Err(String::new()))
            .map_err(|errors| first(text, errors, load_error))?;
        compile(text, modules, functions)
    }
}

fn compile<'t>(
    text: &'t str,
    modules: Modules<&'t str, ()>,
    functions: Vec<Fun>,
) -> Result<Compiled, ProgramError> {
    let compiled = Compiler::default().with_funs(functions).compile(modules);
    compiled.map(Compiled).map_err(|errors| {
        first(text, errors, |text, errors| {
            let (name, undefined) = errors.into_iter().next()?;
            Some(ProgramError {
                message: undefined_message(name, &undefined),
                offset: offset(text, name),
            })
        })
    })
}

/// The first error in any of the files. There is one file.
fn first<'t, E>(
    text: &'t str,
    errors: load::Errors<&'t str, (), E>,
    mut describe: impl FnMut(&'t str, E) -> Option<ProgramError>,
) -> ProgramError {
    errors.into_iter().find_map(|(_, error)| describe(text, error)).unwrap_or_else(|| {
        ProgramError { message: "it is not a valid program".to_owned(), offset: None }
    })
}

fn load_error(text: &str, error: load::Error<&str>) -> Option<ProgramError> {
    let (expected, found) = match error {
        load::Error::Io(errors) => {
            let (path, _) = errors.first()?;
            let message = format!("module `{path}` cannot be loaded: modules are not available");
            return Some(ProgramError { message, offset: offset(text, path) });
        }
        load::Error::Lex(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            (expected.as_str().to_owned(), found)
        }
        load::Error::Parse(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            (expected.as_str().to_owned(), found)
        }
    };
    let message = match excerpt(found) {
        "" => format!("expected {expected}, got the end of the program"),
        found => format!("expected {expected}, got `{found}`"),
    };
    Some(ProgramError { message, offset: offset(text, found) })
}

fn undefined_message(name: &str, undefined: &Undefined) -> String {
    if let Some((_, reason)) = ABSENT.iter().find(|(absent, _)| *absent == name) {
        return format!("`{name}` is not available: {reason}");
    }
    match undefined {
        Undefined::Filter(arity) => format!("filter `{name}/{arity}` is not defined"),
        other => format!("{} `{name}` is not defined", other.as_str()),
    }
}

/// The offset of a part of the program. `None` if it is not a part of this text.
fn offset(program: &str, part: &str) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(program.as_ptr().addr())?;
    (offset <= program.len()).then_some(offset)
}

/// The beginning of a part, up to the end of its line.
fn excerpt(part: &str) -> &str {
    let line = part.lines().next().unwrap_or("");
    match line.char_indices().nth(20) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}
