//! Programs and what jq 1.8.2 gives for them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bindings;
mod builtins;
mod counts;
mod documents;
#[cfg(not(miri))]
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library for the fuzzers")]
mod fuzz;
mod memory;
mod objects;
mod order;
mod parts;
mod paths;
// Under Miri, few random inputs take minutes, and the others test the same code.
#[cfg(not(miri))]
mod random;
mod regexes;
mod sharing;
mod unchanged;
mod updates;

use arenaria_jq::{Engine, Limits, Program, RunError};

/// The values of a program as lines. An error is the last line: `! ` and the message.
fn lines(program: &str, input: &str, limits: &Limits) -> Vec<String> {
    let program = match Program::compile(program, limits) {
        Ok(program) => program,
        Err(error) => return vec![format!("! {}", error.message)],
    };
    let mut out = Vec::new();
    let outcome = Engine::new().run(&program, input.as_bytes(), limits, Some(0.0), &mut out);
    let mut lines: Vec<String> =
        String::from_utf8(out).unwrap().lines().map(String::from).collect();
    match outcome {
        Ok(outcome) => assert_eq!(outcome.outputs, lines.len()),
        Err(RunError::Program { message }) => lines.push(format!("! {message}")),
        Err(other) => lines.push(format!("! {other:?}")),
    }
    lines
}

/// Runs a program twice: as it is, and with the dead given up at every opportunity. Under Miri, only the latter.
#[track_caller]
fn check(program: &str, input: &str, expected: &[&str]) {
    let limits = Limits::default();
    if !cfg!(miri) {
        assert_eq!(lines(program, input, &limits), expected, "{program} on {input}");
    }
    let limits = Limits { evacuation_threshold: 0, ..limits };
    assert_eq!(
        lines(program, input, &limits),
        expected,
        "{program} on {input}, without a threshold"
    );
}

/// Under Miri, a third of the cases: all of them take minutes.
fn sample<T>(cases: &[T]) -> impl Iterator<Item = &T> {
    cases.iter().step_by(if cfg!(miri) { 3 } else { 1 })
}

#[track_caller]
fn check_all(cases: &[(&str, &str, &[&str])]) {
    for (program, input, expected) in sample(cases) {
        check(program, input, expected);
    }
}
