//! The answers of libjq and of our engine.

use std::panic::{self, AssertUnwindSafe};

use arenaria_jq::{Engine, Limits, Program, RunError};

use crate::engines::libjq::{self, End};
use crate::memory;

/// What a run of libjq may use: bytes and blocks. What needs more is not compared.
const BYTES_MAX: usize = 16 << 20;
const BLOCKS_MAX: usize = 1 << 20;
/// The memory of our engine.
const OUR_BYTES_MAX: usize = 64 << 20;
/// What a panic is called. It is always a difference.
pub(super) const PANIC: &str = "we panic";

/// What an engine answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The text is not a program, for this reason.
    Refused(String),
    /// The outputs, one a line, and the message of the error that ended them.
    Ran(String, Option<String>),
    /// It has reached a limit, or one of libjq's assertions has failed, or the engine has panicked.
    Other(&'static str),
}

impl Answer {
    /// All that it says.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Refused(message) => message.clone(),
            Self::Ran(out, error) => format!("{out}{}", error.as_deref().unwrap_or_default()),
            Self::Other(reason) => (*reason).to_owned(),
        }
    }

    /// The outputs and the error, as our tests write them.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Refused(message) => vec![format!("! {message}")],
            Self::Other(reason) => vec![format!("! {reason}")],
            Self::Ran(out, error) => {
                let error = error.iter().map(|message| format!("! {message}"));
                out.lines().map(ToOwned::to_owned).chain(error).collect()
            }
        }
    }
}

/// Libjq's answer.
pub(super) fn theirs(program: &str, document: &str) -> Answer {
    memory::limit(BYTES_MAX, BLOCKS_MAX);
    let compiled = libjq::Program::compile(program);
    memory::limit(usize::MAX, usize::MAX);
    let mut program = match compiled {
        Ok(program) => program,
        Err(message) if message == "no memory\n" => return Answer::Other("libjq needs too much"),
        Err(message) if message == "an assertion failed\n" => return Answer::Other("an assertion of libjq fails"),
        Err(message) => return Answer::Refused(message),
    };
    let mut out = Vec::new();
    memory::limit(BYTES_MAX, BLOCKS_MAX);
    let end = program.run_to(document.as_bytes(), &mut out);
    memory::limit(usize::MAX, usize::MAX);
    let out = String::from_utf8_lossy(&out).into_owned();
    match end {
        End::Done => Answer::Ran(out, None),
        End::Error(message) => Answer::Ran(out, Some(message)),
        End::NoMemory => Answer::Other("libjq needs too much"),
        End::Assertion => Answer::Other("an assertion of libjq fails"),
    }
}

/// Our answer. With the threshold 0 the dead are given up at every opportunity.
pub(super) fn ours(program: &str, document: &str, threshold: Option<usize>) -> Answer {
    let mut limits = Limits { memory: OUR_BYTES_MAX, ..Limits::default() };
    limits.evacuation_threshold = threshold.unwrap_or(limits.evacuation_threshold);
    let work = || {
        let program = match Program::compile(program, &limits) {
            Ok(program) => program,
            Err(error) => return Answer::Refused(error.message),
        };
        let mut out = Vec::new();
        let result = Engine::new().run(&program, document.as_bytes(), &limits, Some(0.0), &mut out);
        let out = String::from_utf8_lossy(&out).into_owned();
        match result {
            Ok(_) => Answer::Ran(out, None),
            Err(RunError::Program { message }) => Answer::Ran(out, Some(message)),
            Err(RunError::Break) => Answer::Ran(out, Some("break".to_owned())),
            Err(RunError::Document { .. }) => Answer::Other("we refuse the document"),
            Err(RunError::DocumentDepth { .. } | RunError::CallDepth) => Answer::Other("we reach a depth"),
            Err(RunError::Memory | RunError::Output) => Answer::Other("we need too much memory"),
        }
    };
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Answer::Other(PANIC))
}
