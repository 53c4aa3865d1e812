//! Programs and their runs: what users of the crate see.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::builtins;
use crate::compile;
use crate::decode::{self, DecodeError};
use crate::encode;
use crate::heap::{Bounds, Full, Heap};
use crate::number::{self, Parsed};
use crate::plan::Plan;
use crate::run::{Run, RunLimits, RunMemory, Stop};
use crate::value::Value;

/// A compiled program.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
}

/// Why a text is not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong there.
    pub message: String,
}

/// The bounds of programs and runs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Parts of a compiled program.
    pub program_nodes: usize,
    /// How deep a document may nest.
    pub document_depth: usize,
    /// How deep a run may nest, in parts of the program: it bounds the native stack. As WebAssembly, the worst
    /// programs that were found need more than 1 MiB from some 1,600 on.
    pub call_depth: u32,
    /// Bytes of memory for values.
    pub memory: usize,
    /// So many bytes are allocated before a run gives up its dead values. Tests set it to 0.
    #[doc(hidden)]
    pub evacuation_threshold: usize,
    /// Bytes of output that [`Engine::run`] writes.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            program_nodes: 1 << 16,
            document_depth: 10_000,
            call_depth: 1_200,
            memory: 1 << 30,
            // Less would not pay for the call.
            evacuation_threshold: 32 << 10,
            output: 1 << 30,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many values the program gave.
    pub outputs: usize,
}

/// Why a run failed. What the program gave before is in the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The document is not JSON at this byte.
    Document {
        /// Byte offset in the document.
        offset: usize,
    },
    /// The document nests deeper than [`Limits::document_depth`] at this byte.
    DocumentDepth {
        /// Byte offset in the document.
        offset: usize,
    },
    /// The program raised an error that it did not catch.
    Program {
        /// jq's message: the error's text, or its JSON.
        message: String,
    },
    /// The program used `break` without its label being in force.
    Break,
    /// Calls nest deeper than [`Limits::call_depth`].
    CallDepth,
    /// The values need more than [`Limits::memory`].
    Memory,
    /// The output would be longer than [`Limits::output`], or [`Ready::run`] gave one that was refused.
    Output,
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    ///
    /// If the text is not a program.
    pub fn compile(text: &str, limits: &Limits) -> Result<Self, CompileError> {
        match compile::compile(text, limits.program_nodes) {
            Ok(plan) => Ok(Self { plan }),
            Err(failure) => Err(CompileError { offset: failure.at, message: failure.message }),
        }
    }
}

/// Runs programs. It keeps its memory from run to run.
#[derive(Debug, Default)]
pub struct Engine {
    memory: RunMemory,
}

impl Engine {
    /// An engine without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a document for a run of a program. `now` is what the program sees as the time: seconds since 1970.
    ///
    /// # Errors
    ///
    /// If the document is not JSON, nests too deep, or does not fit into the memory.
    pub fn read<'r>(
        &'r mut self,
        program: &'r Program,
        document: &'r [u8],
        limits: &Limits,
        now: Option<f64>,
    ) -> Result<Ready<'r>, RunError> {
        let memory = core::mem::take(&mut self.memory);
        let run_limits = RunLimits {
            value_depth: limits.document_depth,
            call_depth: limits.call_depth,
            frames: 1 << 18,
        };
        let bounds =
            Bounds { memory: limits.memory, evacuation_threshold: limits.evacuation_threshold };
        let mut run =
            Run::new(&program.plan, builtins::function, document, memory, bounds, run_limits, now);
        run.heap.reserve_for_document();
        let depth = limits.document_depth;
        let demand = &program.plan.demand;
        match decode::document(&mut run.heap, document, demand, &mut run.collected, depth) {
            Ok(input) => Ok(Ready { memory: &mut self.memory, run, input }),
            Err(error) => {
                self.memory = run.into_memory();
                Err(match error {
                    DecodeError::Syntax(offset) => RunError::Document { offset },
                    DecodeError::Depth(offset) => RunError::DocumentDepth { offset },
                    DecodeError::Full => RunError::Memory,
                })
            }
        }
    }

    /// Reads a document, runs a program on it, and appends its values to `out`, each as a line of JSON.
    ///
    /// # Errors
    ///
    /// If the document is not JSON, the program fails, or a limit is reached.
    pub fn run(
        &mut self,
        program: &Program,
        document: &[u8],
        limits: &Limits,
        now: Option<f64>,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, RunError> {
        let mut outputs = 0;
        let begun = out.len();
        self.read(program, document, limits, now)?.run(&mut |output| {
            let line = out.len();
            let left = limits.output - (line - begun);
            encode::encode_start(output.heap, output.value, out, left);
            out.push(b'\n');
            if out.len() - line > left {
                out.truncate(line);
                return ControlFlow::Break(());
            }
            outputs += 1;
            ControlFlow::Continue(())
        })?;
        Ok(Outcome { outputs })
    }
}

/// A program and the document that it is to run on.
#[derive(Debug)]
pub struct Ready<'r> {
    memory: &'r mut RunMemory,
    run: Run<'r>,
    input: Value,
}

impl Ready<'_> {
    /// Runs the program, and gives each of its outputs to `take`, which may refuse one.
    ///
    /// # Errors
    ///
    /// If the program fails, a limit is reached, or `take` has refused an output. What was taken before was given.
    pub fn run(self, take: &mut dyn FnMut(Output<'_>) -> ControlFlow<()>) -> Result<(), RunError> {
        let Self { memory, mut run, input } = self;
        let flow =
            run.main(input, &mut |run, value| match take(Output { heap: &run.heap, value }) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Stop::Output),
            });
        let result =
            match flow {
                Ok(()) | Err(Stop::Halt { is_error: false }) => Ok(()),
                Err(Stop::Error | Stop::Halt { is_error: true }) => Err(message(&mut run)
                    .map_or(RunError::Memory, |message| RunError::Program { message })),
                Err(Stop::Break(_) | Stop::Enough) => Err(RunError::Break),
                Err(Stop::Depth) => Err(RunError::CallDepth),
                Err(Stop::Full) => Err(RunError::Memory),
                Err(Stop::Output) => Err(RunError::Output),
            };
        *memory = run.into_memory();
        result
    }
}

/// A value that a program gave.
#[derive(Debug)]
pub struct Output<'o> {
    heap: &'o Heap<'o>,
    value: Value,
}

impl Output<'_> {
    /// Appends the value as JSON on one line, and returns how many arrays and objects nest in it. What nests deeper
    /// than 10,000 of them is replaced by a text, as in jq.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        encode::encode_measured(self.heap, self.value, out)
    }
}

fn message(run: &mut Run<'_>) -> Result<String, Full> {
    run.text_of(run.error)
}

impl Run<'_> {
    /// The value of a JSON text, for `fromjson`. Like jq's it may have NaN and some other forms of numbers.
    pub(crate) fn decode(&mut self, source: &str) -> Result<Value, Stop> {
        let depth = self.limits.value_depth;
        match decode::text(&mut self.heap, source.as_bytes(), &mut self.collected, depth) {
            Ok(value) => return Ok(value),
            Err(DecodeError::Full) => return Err(Stop::Full),
            Err(_) => {}
        }
        if let Some(Parsed::Double(value)) = number::parse(source.trim_ascii()) {
            return Ok(Value::Number(value));
        }
        let json = match decode::message::rewrite(source) {
            Ok(json) => json,
            Err(message) => return self.fail(&message),
        };
        match decode::text(&mut self.heap, &json, &mut self.collected, depth) {
            Ok(value) => Ok(value),
            Err(DecodeError::Full) => Err(Stop::Full),
            Err(_) => self.fail(&alloc::format!(
                "Exceeds depth limit for parsing (while parsing '{source}')"
            )),
        }
    }
}
