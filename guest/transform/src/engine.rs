//! The interface to the engine that runs jq programs: compile a text, run it on a document.
//!
//! The engine can be exchanged, so none of its types appears here. HTTP does not appear either.
//!
//! Invariant: a [`Program`] holds no value of any request, so it can outlive all of them.

use crate::jaq;
use core::fmt;

/// Limits that apply when a program is compiled.
#[derive(Clone, Copy, Debug)]
pub struct ProgramLimits {
    /// Bytes of a program's text.
    pub program_bytes_max: usize,
}

/// Limits of one run.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// How deeply documents and outputs may nest, in arrays and objects.
    pub depth_max: usize,
    /// How many outputs a run may give.
    pub outputs_max: usize,
}

/// How deeply the text of a program may nest. On the component's stack of 1 MiB, the programs that
/// were found to need most (`map(map(…))` over arrays that nest as deeply) overflow at 300.
pub const PROGRAM_DEPTH_MAX: usize = 256;

/// Why a text is not a valid program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// A sentence, lower case.
    pub message: String,
    /// The position in bytes from the beginning of the text, if it is known.
    pub offset: Option<usize>,
}

/// The kind of error of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The document is not valid JSON, or nests too deeply.
    Document,
    /// The program failed on this document.
    Run,
    /// An output cannot be written as JSON, or there are more than allowed.
    Output,
    /// The memory is exhausted.
    Memory,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of error.
    pub kind: ErrorKind,
    /// A sentence, lower case unless the program wrote it.
    pub message: String,
    /// The position in the document, in bytes from its beginning, if it is known.
    pub offset: Option<usize>,
    /// The limit that was exceeded and its value, if there is one.
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

/// Compiles programs. Holds the definitions that all programs share.
pub struct Engine(jaq::Library);

impl Engine {
    /// Prepares the definitions that all programs share.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is not cheap")]
    pub fn new() -> Self {
        Self(jaq::Library::new())
    }

    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// The text is too long, nests too deeply, cannot be parsed, or uses an undefined name.
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

/// A document, and the time of its request.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One JSON document.
    pub document: &'a [u8],
    /// The value of `now`: nanoseconds since 1970. If it is `None`, `now` is an error.
    pub now: Option<u64>,
}

impl Program {
    /// Runs the program on a document, in the phases `decode`, `transform` and `encode`. Appends
    /// each output as JSON and a line feed to `out`, and returns their number.
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
