//! The whole engine: a program and a document, made by a grammar, under small limits.

use arenaria_jq::{Engine, Limits, Outcome, Program, RunError};

use super::grammar::{self, Choices};
use super::reference::Json;

/// A program and what it runs on.
#[derive(Debug)]
pub struct Case {
    /// The text of the program.
    pub program: String,
    /// The document.
    pub document: String,
    /// The limits.
    pub limits: Limits,
}

/// What a run gave.
type Ending = (Result<Outcome, RunError>, String);

impl Case {
    /// Makes a case of bytes. The program is made from the first bytes on, the document from the last ones on.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (limits, program) = bytes.split_at(bytes.len().min(2));
        let mut choices = Choices(&mut limits.iter().copied());
        let limits = Limits {
            memory: choices.of(&[1 << 20, 1 << 18, 1 << 16, 1 << 14, 1 << 12]),
            call_depth: choices.of(&[1200, 600, 200]),
            output: 1 << 20,
            ..Limits::default()
        };
        Self {
            program: grammar::program(Choices(&mut program.iter().copied())),
            document: grammar::document(Choices(&mut program.iter().rev().copied())),
            limits,
        }
    }

    /// Runs the program.
    ///
    /// # Panics
    ///
    /// If the program gives something else in memory that was used, or if it gives up its dead values at each
    /// opportunity, or if an output is not JSON.
    pub fn check(&self) {
        let Ok(program) = Program::compile(&self.program, &self.limits) else { return };
        let mut engine = Engine::new();
        let first = self.run(&mut engine, &program, &self.limits);
        let again = self.run(&mut engine, &program, &self.limits);
        assert_eq!(first, again, "the second run differs");
        let limits = Limits { evacuation_threshold: 0, ..self.limits };
        let tidied = self.run(&mut engine, &program, &limits);
        // How much memory is in use depends on what was given up.
        if [&first, &tidied].iter().all(|(result, _)| *result != Err(RunError::Memory)) {
            assert_eq!(first, tidied, "giving up dead values changes the answer");
        }
        for line in first.1.lines() {
            assert!(Json::read(line).is_some(), "expected JSON, got {line}");
        }
    }

    fn run(&self, engine: &mut Engine, program: &Program, limits: &Limits) -> Ending {
        let mut out = Vec::new();
        let document = self.document.as_bytes();
        let result = engine.run(program, document, limits, Some(1425599621.5), &mut out);
        (result, String::from_utf8(out).expect("outputs are UTF-8"))
    }
}
