//! The one small interface to whatever runs jq programs: compile a text, run it on a document.
//!
//! What is behind it may change as a whole, so no type of today's engine appears here. It knows
//! nothing of HTTP.
//!
//! Invariant: a [`Program`] holds no value of any request, so it can outlive all of them.

use crate::jaq;
use core::fmt;

/// Bounds on programs, known when they are compiled.
#[derive(Clone, Copy, Debug)]
pub struct ProgramLimits {
    /// Bytes of a program's text.
    pub program_bytes_max: usize,
}

/// Bounds on one run.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// How deeply documents and outputs may nest, in arrays and objects.
    pub depth_max: usize,
    /// How many outputs a run may give.
    pub outputs_max: usize,
}

/// How much recursion the text of a program may ask for. On the component's stack of 1 MiB the
/// costliest programs found (`map(map(…))` over arrays that nest as deeply) overflow at 300.
pub const PROGRAM_DEPTH_MAX: usize = 256;

/// Why a text is not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// A sentence, lower case.
    pub message: String,
    /// Where, in bytes from the beginning of the text, if that is known.
    pub offset: Option<usize>,
}

/// What kind of thing went wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The document is not JSON, or nests too deeply.
    Document,
    /// The program failed on this document.
    Run,
    /// The program gave something that is not JSON, or more than allowed.
    Output,
    /// The memory is exhausted.
    Memory,
}

/// Why a run gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of thing.
    pub kind: ErrorKind,
    /// A sentence, lower case unless the program wrote it.
    pub message: String,
    /// Where in the document, in bytes from its beginning, if that is known.
    pub offset: Option<usize>,
    /// The limit that was passed and its value, if one was.
    pub limit: Option<(&'static str, usize)>,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Compiles programs. Holds what all programs share.
pub struct Engine(jaq::Library);

impl Engine {
    /// Prepares what all programs share.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is not cheap")]
    pub fn new() -> Self {
        Self(jaq::Library::new())
    }

    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// The text is too long, asks for too much recursion, cannot be parsed, or names something
    /// that does not exist.
    pub fn compile(&self, text: &str, limits: ProgramLimits) -> Result<Program, ProgramError> {
        let ProgramLimits { program_bytes_max } = limits;
        if text.len() > program_bytes_max {
            let message = format!(
                "the program has {} bytes, at most {program_bytes_max} are allowed",
                text.len()
            );
            return Err(ProgramError { message, offset: None });
        }
        self.0.compile(text).map(Program)
    }
}

/// A compiled program.
pub struct Program(jaq::Compiled);

/// A document and what else a run depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One JSON document.
    pub document: &'a [u8],
    /// What `now` gives: nanoseconds since 1970. `None`: `now` is an error.
    pub now: Option<u64>,
}

impl Program {
    /// Runs the program on a document, in the phases `decode`, `transform` and `encode`. Appends
    /// each output as JSON and a line feed to `out`, and gives their number.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. `out` is then as it was before.
    pub fn run(
        &self,
        input: Input<'_>,
        limits: RunLimits,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let before = out.len();
        let result = self.0.run(input, limits, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }
}
