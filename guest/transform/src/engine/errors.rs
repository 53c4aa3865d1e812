//! The errors of programs and runs.

use core::fmt;

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
