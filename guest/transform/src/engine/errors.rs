//! The errors of programs and runs.

use arenaria_jq::{Limits, RunError};
use core::fmt;

/// Bytes of the message of a failed program. A program may raise a text of any length.
const MESSAGE_BYTES_MAX: usize = 512;

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

/// The error of a run that failed, and where in the document, if it is the document's fault.
pub(super) fn of_run(error: RunError, document: &[u8], limits: &Limits) -> Error {
    match error {
        RunError::Document { offset } => Error {
            kind: ErrorKind::Document,
            message: syntax_message(document, offset),
            offset: Some(offset),
            limit: None,
        },
        RunError::DocumentDepth { offset } => {
            let depth_max = limits.document_depth;
            Error {
                kind: ErrorKind::Document,
                message: format!("the document nests more than {depth_max} arrays and objects"),
                offset: Some(offset),
                limit: Some(("depth-max", depth_max)),
            }
        }
        RunError::Program { message } => failed(cut(message)),
        RunError::Break => failed("`break` outside of its `label`".to_owned()),
        RunError::CallDepth => {
            let limit = limits.call_depth;
            Error {
                limit: Some(("call-depth", limit as usize)),
                ..failed(format!("calls of filters nest more than {limit} levels"))
            }
        }
        RunError::Memory => Error {
            kind: ErrorKind::Memory,
            message: "the memory is exhausted".to_owned(),
            offset: None,
            limit: None,
        },
        RunError::Output => unreachable!("the caller knows why it has refused an output"),
    }
}

pub(super) fn too_many_outputs(outputs_max: usize) -> Error {
    Error {
        kind: ErrorKind::Output,
        message: format!("the program gives more than {outputs_max} outputs"),
        offset: None,
        limit: Some(("outputs-max", outputs_max)),
    }
}

pub(super) fn output_too_deep(depth_max: usize) -> Error {
    Error {
        kind: ErrorKind::Output,
        message: format!("an output nests more than {depth_max} arrays and objects"),
        offset: None,
        limit: Some(("depth-max", depth_max)),
    }
}

fn failed(message: String) -> Error {
    Error { kind: ErrorKind::Run, message, offset: None, limit: None }
}

fn syntax_message(document: &[u8], offset: usize) -> String {
    let found = match core::str::from_utf8(document) {
        Err(_) => return "the document is not valid UTF-8".to_owned(),
        Ok(text) => text.get(offset..).and_then(|rest| rest.chars().next()),
    };
    match found {
        Some(found) => format!("expected JSON, got `{}`", found.escape_debug()),
        None => "expected JSON, got the end of the document".to_owned(),
    }
}

fn cut(message: String) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message;
    }
    format!("{}…", &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)])
}
