//! libjq's answers to given programs, for other programs that compare with them.

use std::io::Read;

use anyhow::Result;
use serde::Deserialize;
use serde_json::json;

use crate::engines::libjq::{End, Program};

/// A program and its document.
#[derive(Deserialize)]
struct Case {
    program: String,
    document: String,
}

/// Reads cases, each a JSON text, to the end, and gives a line with libjq's answer for each.
pub(crate) fn all(mut cases: impl Read) -> Result<String> {
    let mut text = String::new();
    cases.read_to_string(&mut text)?;
    let mut answers = String::new();
    for case in serde_json::Deserializer::from_str(&text).into_iter::<Case>() {
        let Case { program, document } = case?;
        let mut out = Vec::new();
        let error = match Program::compile(&program).map(|mut program| program.run_to(document.as_bytes(), &mut out)) {
            Ok(End::Done) => None,
            Ok(End::Error(message)) | Err(message) => Some(message),
            Ok(other) => Some(format!("{other:?}")),
        };
        let answer = json!({"outputs": String::from_utf8_lossy(&out), "error": error});
        answers += &format!("{answer}\n");
    }
    Ok(answers)
}
