//! Whether an answer is jq's.

use serde_json::Value;

use crate::blocks::{Expected, Test};
use crate::component::Answer;
use crate::component::bindings::exports::arenaria::transform::jq::{Error, ErrorKind};
use crate::libjq;

pub(crate) enum Verdict {
    /// What the test expects, and if it expects outputs, the text that jq prints.
    Passed,
    /// What the test expects, but not the text that jq prints.
    OtherText { right: String, got: String },
    /// The component answers, but not what jq answers.
    Differs { group: String, expected: String, got: String },
    /// The component says that what the test is about does not exist in the sandbox.
    LeftOut { reason: String },
}

/// Judges an answer by what the test expects, and by the text that jq prints.
pub(crate) fn judge(test: &Test<'_>, answer: Answer, right: &libjq::Answer) -> Verdict {
    let expected = match &test.expected {
        Expected::Refusal => "an error".to_owned(),
        Expected::Outputs { outputs, .. } => outputs.join(" "),
    };
    let differs = |group: &str, got: String| Verdict::Differs {
        group: group.to_owned(),
        expected: expected.clone(),
        got,
    };
    match (&test.expected, answer) {
        (_, Answer::Trap(trap)) => differs("the instance is lost", trap),
        (_, Answer::Error(error)) if error.message.contains("not available") => {
            let reason = error.message.rsplit(": ").next().unwrap_or_default().to_owned();
            Verdict::LeftOut { reason }
        }
        (Expected::Refusal, Answer::Error(error)) if error.kind == ErrorKind::Program => {
            Verdict::Passed
        }
        (_, Answer::Error(error)) if is_of_jq(&error, right) => match right.outputs.as_str() {
            "" => Verdict::Passed,
            _ => differs(
                "the run fails as in jq, but its outputs before that are not given",
                error.message,
            ),
        },
        (_, Answer::Error(error)) => differs(group_of(&error), error.message),
        (_, Answer::Compiles) => differs("jq refuses the program", "no error".to_owned()),
        (Expected::Refusal, Answer::Outputs(got)) => differs("jq refuses the program", got),
        (Expected::Outputs { outputs, .. }, Answer::Outputs(text)) => {
            let got: Vec<&str> = text.lines().collect();
            let same = |(expected, got): (&&str, &&str)| same_json(expected, got);
            if outputs.len() != got.len() {
                differs("another number of outputs", got.join(" "))
            } else if !outputs.iter().zip(&got).all(same) {
                differs(group_of_values(test.program, outputs, &got), got.join(" "))
            } else if right.outputs != text {
                let right = right.outputs.lines().collect::<Vec<_>>().join(" ");
                Verdict::OtherText { right, got: got.join(" ") }
            } else {
                Verdict::Passed
            }
        }
    }
}

/// Whether jq's run ends in the same error.
fn is_of_jq(error: &Error, right: &libjq::Answer) -> bool {
    error.kind == ErrorKind::Run && right.error.as_ref() == Some(&error.message)
}

/// The group of a test that ends in an error, from the error alone.
pub(crate) fn group_of(error: &Error) -> &'static str {
    let message = error.message.as_str();
    match error.kind {
        ErrorKind::Program if message.contains("is not defined") => "a name is not defined",
        ErrorKind::Program if message.contains("module") || message.contains("import") => {
            "modules cannot be imported"
        }
        ErrorKind::Program if message.contains("nest") => "the program nests more than allowed",
        ErrorKind::Program => "the program is refused",
        ErrorKind::Document => "the input is not strict JSON, or nests more than allowed",
        ErrorKind::Output => "an output nests more than allowed, or there are too many",
        ErrorKind::Memory => "the memory is exhausted",
        ErrorKind::Run => "the run fails",
    }
}

/// The group of a test that gives as many outputs as jq, but others.
pub(crate) fn group_of_values(program: &str, expected: &[&str], got: &[&str]) -> &'static str {
    let pairs = || expected.iter().zip(got).filter(|(a, b)| !same_json(a, b));
    let number = |text: &str| text.parse::<f64>().is_ok();
    if pairs().all(|(a, b)| number(a) && number(b)) {
        "another number"
    } else if program.contains("try") || program.contains("error") {
        "another error, or another text of an error"
    } else {
        "another value"
    }
}

/// Whether two texts are the same JSON: numbers by value, keys in any order.
pub(crate) fn same_json(a: &str, b: &str) -> bool {
    match (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)) {
        (Ok(a), Ok(b)) => same_value(&a, &b),
        // What serde_json does not read, such as deep nesting, must be the same text.
        _ => a == b,
    }
}

pub(crate) fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| same_value(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}
