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
    /// opportunity, or if nothing can be copied from the document, or if all of the document is read, or if an output
    /// is not JSON.
    pub fn check(&self) {
        let Ok(program) = Program::compile(&self.program, &self.limits) else { return };
        let mut engine = Engine::new();
        let document = &self.document;
        let first = run(&mut engine, &program, document, &self.limits);
        let again = run(&mut engine, &program, document, &self.limits);
        assert_eq!(first, again, "the second run differs");
        let limits = Limits { evacuation_threshold: 0, ..self.limits };
        let tidied = run(&mut engine, &program, document, &limits);
        let written = run(&mut engine, &program, &spaced(document), &self.limits);
        // These need more or less memory than the first run.
        let mut others =
            vec![(tidied, "giving up dead values"), (written, "space in the document")];
        // `tojson` looks at the whole document.
        if let Ok(whole) =
            Program::compile(&format!("(tojson | empty), ({})", self.program), &self.limits)
        {
            others.push((
                run(&mut engine, &whole, document, &self.limits),
                "reading the whole document",
            ));
        }
        let is_limit = |result: &_| matches!(result, Err(RunError::Memory | RunError::CallDepth));
        for (other, what) in others {
            if ![&first, &other].iter().any(|(result, _)| is_limit(result)) {
                assert_eq!(first, other, "{what} changes the answer");
            }
        }
        for line in first.1.lines() {
            assert!(Json::read(line).is_some(), "expected JSON, got {line}");
        }
    }
}

fn run(engine: &mut Engine, program: &Program, document: &str, limits: &Limits) -> Ending {
    let mut out = Vec::new();
    let mut result = engine.run(program, document.as_bytes(), limits, Some(1425599621.5), &mut out);
    // The place of a fault depends on space.
    if let Err(RunError::Document { offset } | RunError::DocumentDepth { offset }) = &mut result {
        *offset = 0;
    }
    (result, String::from_utf8(out).expect("outputs are UTF-8"))
}

/// The document with space in every array and object, so that all of them are written and none is copied.
fn spaced(document: &str) -> String {
    let mut spaced = String::with_capacity(2 * document.len());
    let (mut is_text, mut is_escaped) = (false, false);
    for character in document.chars() {
        spaced.push(character);
        is_text ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        if matches!(character, '[' | '{') && !is_text {
            spaced.push(' ');
        }
    }
    spaced
}
