//! What every server of a comparison answers, written once, so that the servers differ and not what
//! they say: the same words to a GET, the outputs of one jq program to a POST.
//!
//! It compiles natively, for `bare`, and into the components for other hosts. It knows nothing of
//! how an answer is sent. Arenaria's own components deliberately take nothing from here.
#![forbid(unsafe_code)]

mod jq;

use std::borrow::Cow;

pub use jq::{Failure, Outputs, Program};

/// What an operator would really run on a forge's webhook. It is part of the components: a host
/// need not be able to pass it.
pub const PROGRAM: &str =
    "{action, repo: .repository.full_name, sender: .sender.login, labels: [.issue.labels[]?.name]}";

const TEXT: &str = "text/plain; charset=utf-8";

/// An answer, before it is HTTP.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// None if the body is empty.
    pub content_type: Option<&'static str>,
    /// The content.
    pub body: Cow<'static, [u8]>,
}

impl Answer {
    /// `hello, world`.
    #[must_use]
    pub fn hello() -> Self {
        Self { status: 200, content_type: Some(TEXT), body: Cow::Borrowed(b"hello, world\n") }
    }

    /// The outputs of a program over a document, or why there are none.
    #[must_use]
    pub fn transformed(program: &Program, document: &[u8]) -> Self {
        match program.run(document) {
            Ok(outputs) => Self::outputs(outputs),
            Err(Failure::Document(message)) => Self::failed(400, message),
            Err(Failure::Program(message)) => Self::failed(422, message),
        }
    }

    /// The outputs of a program.
    #[must_use]
    pub fn outputs(outputs: Outputs) -> Self {
        let (status, content_type) = match outputs.count {
            0 => (204, None),
            1 => (200, Some("application/json")),
            _ => (200, Some("application/x-ndjson")),
        };
        Self { status, content_type, body: Cow::Owned(outputs.lines) }
    }

    /// Why there is nothing else.
    #[must_use]
    pub fn failed(status: u16, message: String) -> Self {
        Self { status, content_type: Some(TEXT), body: Cow::Owned(message.into_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(program: &str, document: &str, status: u16, content_type: Option<&str>, body: &str) {
        let program = Program::compile(program).unwrap();
        let answer = Answer::transformed(&program, document.as_bytes());
        assert_eq!((answer.status, answer.content_type), (status, content_type));
        assert_eq!(String::from_utf8_lossy(&answer.body), body);
    }

    #[test]
    fn what_a_program_gives_decides_the_answer() {
        check(".a", r#"{"a":1}"#, 200, Some("application/json"), "1\n");
        check(".[]", "[1,2]", 200, Some("application/x-ndjson"), "1\n2\n");
        check("empty", "null", 204, None, "");
        let document = r#"{"a":1,"c":[{"d":"x"},{"d":null}]}"#;
        let expected = "{\"a\":1,\"b\":[\"x\",null]}\n";
        check("{a, b: [.c[]?.d]}", document, 200, Some("application/json"), expected);
    }

    #[test]
    fn failures_say_whose_they_are() {
        assert!(Program::compile("{a").is_err());
        assert!(Program::compile("no_such_function").is_err());
        let program = Program::compile(PROGRAM).unwrap();
        let status = |document: &[u8]| Answer::transformed(&program, document).status;
        assert_eq!(status(b"{\"action\""), 400);
        assert_eq!(status(b"1"), 422);
        assert_eq!(status(b"{}"), 200);
    }
}
