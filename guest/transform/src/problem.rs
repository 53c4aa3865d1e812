//! Errors for clients: RFC 9457 problem documents, and error lines in streams of records.

use crate::engine::{self, ErrorKind, ProgramError};
use crate::json_text::write_string;
use arenaria_guest::Response;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The last part of the problem's type.
    pub kind: &'static str,
    /// A short description, the same for all problems of this kind.
    pub title: &'static str,
    /// What went wrong in this request.
    pub detail: String,
    /// The position in the document or program, in bytes.
    pub offset: Option<usize>,
    /// The number of the record, from 1.
    pub record: Option<u64>,
    /// The limit that was exceeded, and its value.
    pub limit: Option<(&'static str, usize)>,
}

impl Problem {
    /// A problem without a position.
    #[must_use]
    pub fn new(status: u16, kind: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, kind, title, detail, offset: None, record: None, limit: None }
    }

    /// As the body of a response.
    #[must_use]
    pub fn response(&self) -> Response {
        let mut body = Vec::new();
        self.write(&mut body);
        body.push(b'\n');
        Response::new(self.status)
            .with_header("content-type", "application/problem+json")
            .body(body)
    }

    /// As a line among the outputs of records.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"error\":");
        self.write(out);
        out.extend_from_slice(b"}\n");
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        member(out, "type", &format!("urn:arenaria:problem:{}", self.kind));
        member(out, "title", self.title);
        number(out, "status", u64::from(self.status));
        member(out, "detail", &self.detail);
        if let Some(record) = self.record {
            number(out, "record", record);
        }
        if let Some(offset) = self.offset {
            number(out, "offset", offset as u64);
        }
        if let Some((limit, value)) = self.limit {
            member(out, "limit", limit);
            number(out, "value", value as u64);
        }
        out.push(b'}');
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        let (status, kind, title) = match error.kind {
            ErrorKind::Document => (400, "document", "the document is not acceptable JSON"),
            ErrorKind::Run => (422, "run", "the program failed on this document"),
            ErrorKind::Output => (422, "output", "the program's output is not acceptable"),
            ErrorKind::Memory => (507, "memory", "the memory for one request is exhausted"),
        };
        let offset = error.offset;
        Self { offset, limit: error.limit, ..Self::new(status, kind, title, error.message) }
    }
}

impl From<ProgramError> for Problem {
    fn from(error: ProgramError) -> Self {
        let title = "the program is not acceptable";
        Self { offset: error.offset, ..Self::new(400, "program", title, error.message) }
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    // As with any small allocation: if it does not fit, the instance traps.
    write_string(value.as_bytes(), out).expect("a problem fits into the memory");
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    key(out, name);
    out.extend_from_slice(value.to_string().as_bytes());
}

fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
