//! libjq 1.8.2, through `shim.c`.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::NonNull;

use super::engine::{Compiled, Engine};

/// The shim's `struct rivals_jq`.
enum State {}

/// Takes a text from the shim.
type TextCallback = extern "C" fn(*mut c_void, *const c_char, usize);

unsafe extern "C" {
    fn rivals_jq_compile(program: *const c_char, error: TextCallback, data: *mut c_void) -> Option<NonNull<State>>;
    fn rivals_jq_run(
        state: NonNull<State>,
        document: *const c_char,
        length: usize,
        output: TextCallback,
        out: *mut c_void,
        error: TextCallback,
        message: *mut c_void,
    ) -> c_int;
    fn rivals_jq_free(state: NonNull<State>);
}

/// Appends a line to the `Vec` behind `data`.
extern "C" fn append(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: every caller passes a `Vec<u8>` that nothing else uses meanwhile.
    let out = unsafe { &mut *data.cast::<Vec<u8>>() };
    // SAFETY: the shim passes a text and its length.
    out.extend_from_slice(unsafe { std::slice::from_raw_parts(text.cast(), length) });
    out.push(b'\n');
}

/// The engine.
pub(crate) struct Libjq;

impl Engine for Libjq {
    fn name(&self) -> &'static str {
        "libjq"
    }

    fn compile(&mut self, program: &str) -> Result<Box<dyn Compiled>, String> {
        Ok(Box::new(Program::compile(program)?))
    }
}

/// A compiled program. `None` after a run that must be the last one.
pub(crate) struct Program(Option<NonNull<State>>);

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Done,
    Error(String),
    /// It was given no more memory. The program cannot run again.
    NoMemory,
    /// One of libjq's assertions failed. The program cannot run again.
    Assertion,
}

impl Program {
    /// Compiles a program, or gives libjq's messages.
    pub(crate) fn compile(program: &str) -> Result<Self, String> {
        let program = CString::new(program).map_err(|error| error.to_string())?;
        let mut message = Vec::<u8>::new();
        // SAFETY: the text ends with a NUL, and `append` fits what it is given.
        let state = unsafe { rivals_jq_compile(program.as_ptr(), append, (&raw mut message).cast()) };
        match state {
            Some(state) => Ok(Self(Some(state))),
            None => Err(String::from_utf8_lossy(&message).into_owned()),
        }
    }

    /// Runs it, see [`Compiled::run`].
    pub(crate) fn run_to(&mut self, document: &[u8], out: &mut Vec<u8>) -> End {
        let state = self.0.expect("the last run has left the program whole");
        let mut message = Vec::<u8>::new();
        // SAFETY: the state is alive until `drop`, and `append` fits what it is given.
        let end = unsafe {
            rivals_jq_run(
                state,
                document.as_ptr().cast(),
                document.len(),
                append,
                (&raw mut *out).cast(),
                append,
                (&raw mut message).cast(),
            )
        };
        // `append` has added a line feed.
        message.pop();
        let message = || String::from_utf8_lossy(&message).into_owned();
        match end {
            0 => End::Error(message()),
            1 => End::Done,
            broken => {
                self.0 = None;
                if broken == 2 { End::NoMemory } else { End::Assertion }
            }
        }
    }
}

impl Compiled for Program {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match self.run_to(document, out) {
            End::Done => Ok(()),
            End::Error(message) => Err(message),
            End::NoMemory => Err("no memory".into()),
            End::Assertion => Err("an assertion of libjq failed".into()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // SAFETY: nothing uses the state afterwards.
            unsafe { rivals_jq_free(state) }
        }
    }
}
