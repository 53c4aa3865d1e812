//! What jq prints.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::json;
use wasmtime::error::Context;
use wasmtime::{Result, ensure};

use crate::blocks::{Expected, Test};

/// jq's answer to a test.
#[derive(Deserialize)]
pub(crate) struct Answer {
    /// One a line.
    pub(crate) outputs: String,
    /// The message of the error that ended the run, or the reason why there was none.
    pub(crate) error: Option<String>,
}

/// Asks the program, which reads cases as lines of JSON and prints as many answers.
pub(crate) fn answers(program: &str, tests: &[Test<'_>]) -> Result<Vec<Answer>> {
    let mut command = Command::new(program);
    let child = command.arg("answer").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start {program}"))?;
    let cases: String = tests.iter().map(|test| line(test) + "\n").collect();
    // It reads everything before it prints.
    child.stdin.take().expect("it is piped").write_all(cases.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{program} failed: {}", output.status);
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    let answers: Vec<Answer> = answers.collect::<std::result::Result<_, _>>()?;
    ensure!(
        answers.len() == tests.len(),
        "expected {} answers, got {}",
        tests.len(),
        answers.len()
    );
    Ok(answers)
}

fn line(test: &Test<'_>) -> String {
    let document = match &test.expected {
        Expected::Refusal => "null",
        Expected::Outputs { input, .. } => input,
    };
    json!({"program": test.program, "document": document}).to_string()
}
