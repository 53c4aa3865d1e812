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
        let program = CString::new(program).map_err(|error| error.to_string())?;
        let mut message = Vec::<u8>::new();
        // SAFETY: the text ends with a NUL, and `append` fits what it is given.
        let state = unsafe { rivals_jq_compile(program.as_ptr(), append, (&raw mut message).cast()) };
        state.map(|state| Box::new(Program(state)) as _).ok_or_else(|| String::from_utf8_lossy(&message).into_owned())
    }
}

/// A compiled program.
struct Program(NonNull<State>);

impl Compiled for Program {
    fn run(&mut self, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let mut message = Vec::<u8>::new();
        // SAFETY: the state is alive until `drop`, and `append` fits what it is given.
        let done = unsafe {
            rivals_jq_run(
                self.0,
                document.as_ptr().cast(),
                document.len(),
                append,
                (&raw mut *out).cast(),
                append,
                (&raw mut message).cast(),
            )
        };
        if done != 0 { Ok(()) } else { Err(String::from_utf8_lossy(&message).trim_end().to_owned()) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: nothing uses the state afterwards.
        unsafe { rivals_jq_free(self.0) }
    }
}
