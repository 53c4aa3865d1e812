//! The interface to the engine that runs jq programs: compile a text, run it on a document.
//!
//! The engine can be exchanged, so none of its types appears in the interface. HTTP does not appear either.
//!
//! Invariants: a [`Program`] holds no value of any request, so it can outlive all of them. An [`Engine`] holds the
//! memory of runs, so it ends with its request.

pub(crate) mod errors;
pub(crate) mod input;
pub(crate) mod limits;

pub use self::errors::{Error, ErrorKind, ProgramError};
pub use self::input::Input;
pub use self::limits::{ProgramLimits, RunLimits};

use arenaria_guest::{phase, usage};
use arenaria_jq::{Limits, RunError};
use core::ops::ControlFlow;

/// A compiled program.
#[derive(Debug)]
pub struct Program(arenaria_jq::Program);

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// The text is too long, nests too deeply, cannot be parsed, or uses an undefined name.
    pub fn compile(text: &str, limits: ProgramLimits) -> Result<Self, ProgramError> {
        let ProgramLimits { program_bytes_max } = limits;
        if text.len() > program_bytes_max {
            let message = format!(
                "the program has {} bytes, at most {program_bytes_max} are allowed",
                text.len()
            );
            return Err(ProgramError { message, offset: None });
        }
        arenaria_jq::Program::compile(text, &Limits::default())
            .map(Self)
            .map_err(|error| ProgramError { message: error.message, offset: Some(error.offset) })
    }
}

/// Runs programs. It keeps its memory from run to run, so a request has one, and ends it.
#[derive(Debug)]
pub struct Engine {
    jq: arenaria_jq::Engine,
    /// Bytes for the values of a run: all that the arena has left.
    memory_max: usize,
}

impl Engine {
    /// An engine for one request.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it depends on how the arena is used now")]
    pub fn new() -> Self {
        let usage = usage();
        let used = usage.persistent + usage.sealed + usage.in_use;
        let free = usage.capacity.saturating_sub(used);
        Self {
            jq: arenaria_jq::Engine::new(),
            memory_max: usize::try_from(free).unwrap_or(usize::MAX),
        }
    }

    /// Runs a program on a document. Appends each output as JSON and a line feed to `out`, and returns their number.
    ///
    /// The phase `decode` reads the document. The phase `transform` runs the program. Each output is written as the
    /// program gives it, so the phase `encode` runs inside `transform`, once per output.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`]. `out` is then as it was before.
    pub fn run(
        &mut self,
        program: &Program,
        input: Input<'_>,
        limits: RunLimits,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let before = out.len();
        let result = self.outputs(program, input, limits, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    fn outputs(
        &mut self,
        program: &Program,
        input: Input<'_>,
        limits: RunLimits,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let RunLimits { depth_max, outputs_max } = limits;
        let bounds =
            Limits { document_depth: depth_max, memory: self.memory_max, ..Limits::default() };
        let now = input.now.map(seconds);
        let error = |error| errors::of_run(error, input.document, &bounds);
        let jq = &mut self.jq;
        let ready = phase("decode", move |_| jq.read(&program.0, input.document, &bounds, now));
        let ready = ready.map_err(error)?;
        let mut count = 0;
        let mut refused = None;
        let mut take = |output: arenaria_jq::Output<'_>| {
            if count == outputs_max {
                refused = Some(errors::too_many_outputs(outputs_max));
                return ControlFlow::Break(());
            }
            count += 1;
            let levels = phase("encode", |_| output.write(out));
            out.push(b'\n');
            if levels > depth_max {
                refused = Some(errors::output_too_deep(depth_max));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        match phase("transform", |_| ready.run(&mut take)) {
            Ok(()) => Ok(count),
            Err(RunError::Output) => Err(refused.expect("`take` has refused an output")),
            Err(failed) => Err(error(failed)),
        }
    }
}

/// Seconds of nanoseconds, as exactly as a float can.
fn seconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000_000_000) as f64 + (nanoseconds % 1_000_000_000) as f64 / 1e9
}
