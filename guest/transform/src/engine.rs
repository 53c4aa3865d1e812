//! The interface to the engine that runs jq programs: compile a text, run it on a document.
//!
//! The engine can be exchanged, so none of its types appears here. HTTP does not appear either.
//!
//! Invariant: a [`Program`] holds no value of any request, so it can outlive all of them.

pub(crate) mod errors;
pub(crate) mod input;
pub(crate) mod limits;

pub use self::errors::{Error, ErrorKind, ProgramError};
pub use self::input::Input;
pub use self::limits::{PROGRAM_DEPTH_MAX, ProgramLimits, RunLimits};

use crate::jaq;

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
