//! Limits on the shape of a file. They are checked in a pass that needs no stack, before anything that does:
//! parsers and compilers recurse, and need memory for each function.

use wasmparser::Payload;

use crate::component::refusal::Refusal;

/// How deep modules and components may be nested.
const DEPTH_MAX: u32 = 16;
/// How many modules and components it may have. An interpreter with libraries has dozens.
const PARTS_MAX: u32 = 1000;
/// How many functions it may have. Compiling one needs about 7 KB of memory.
const FUNCTIONS_MAX: u32 = 100_000;

/// What was counted so far.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The nesting depth of components and modules. The file itself is at depth 1.
    depth: u32,
    parts: u32,
    functions: u32,
}

impl Shape {
    /// Counts the next part of a file.
    ///
    /// # Errors
    ///
    /// If there are too many of something.
    pub(crate) fn add(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                self.parts += 1;
                at_most(self.depth, DEPTH_MAX, "levels of nesting")?;
                at_most(self.parts, PARTS_MAX, "modules and components")
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions = self.functions.saturating_add(*count);
                at_most(self.functions, FUNCTIONS_MAX, "functions")
            }
            Payload::End(_) => {
                self.depth -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether what was added last is of the file itself, not of something nested in it.
    pub(crate) fn is_outermost(&self) -> bool {
        self.depth == 1
    }

    /// Whether nothing but whole components and modules was added, and at least one.
    pub(crate) fn is_complete(&self) -> bool {
        self.depth == 0 && self.parts > 0
    }
}

fn at_most(count: u32, most: u32, what: &'static str) -> Result<(), Refusal> {
    if count <= most { Ok(()) } else { Err(Refusal::TooComplex { what, most }) }
}
