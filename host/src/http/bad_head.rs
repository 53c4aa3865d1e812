//! What is wrong with the head of a request that hyper cannot parse.
//!
//! Hyper only says that it cannot. This looks at the head again, line by line, which is slow enough only for a
//! connection that ends.

use hyper::Uri;
use hyper::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use hyper::http::uri::PathAndQuery;

use crate::config::limits::ServerLimits;
use crate::http::problem::Problem;

/// What `Uri` can hold.
const TARGET_BYTES_MAX: usize = u16::MAX as usize - 1;

/// The problem with a head, as far as it has arrived. Hyper has refused it.
pub(crate) fn diagnose(head: &[u8], limits: &ServerLimits) -> Problem {
    if head.starts_with(b"\x16\x03") {
        return bad(
            "expected HTTP without encryption, got a TLS handshake; use an address that begins with http://".into(),
        );
    }
    match find_fault(head, limits) {
        Err(problem) => problem,
        // Nothing is wrong with what there is, so there is too much of it.
        Ok(()) => Problem::HeadTooLarge("request-head", limits.request_head.to_string()),
    }
}

/// The problem with a part of a head. The rest does not come.
pub(crate) fn diagnose_part(head: &[u8], limits: &ServerLimits) -> Problem {
    find_fault(head, limits).err().unwrap_or_else(|| {
        bad("expected an empty line at the end of the head, got the end of the connection".into())
    })
}

fn find_fault(head: &[u8], limits: &ServerLimits) -> Result<(), Problem> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let is_http_10 = check_request_line(&Line::new(lines.next().unwrap_or_default()), limits)?;
    let mut framing = Framing::default();
    for (count, line) in lines.map(Line::new).enumerate() {
        if line.is_whole && line.text.is_empty() {
            return framing.check(is_http_10);
        }
        if count == limits.request_headers {
            let most = limits.request_headers.to_string();
            return Err(Problem::HeadTooLarge("request-headers", most));
        }
        if let Some((name, value)) = check_field(&line)? {
            framing.see(&name, value)?;
        }
    }
    Ok(())
}

/// A line without its end. The last one of a head may not have arrived whole.
struct Line<'a> {
    text: &'a [u8],
    is_whole: bool,
}

impl<'a> Line<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let Some(text) = bytes.strip_suffix(b"\n") else {
            // The line feed may follow.
            return Self { text: bytes.strip_suffix(b"\r").unwrap_or(bytes), is_whole: false };
        };
        Self { text: text.strip_suffix(b"\r").unwrap_or(text), is_whole: true }
    }

    /// The text up to this byte, and what follows it if it is there.
    fn split(text: &'a [u8], at: u8) -> (&'a [u8], Option<&'a [u8]>) {
        let mut parts = text.splitn(2, |byte| *byte == at);
        (parts.next().unwrap_or_default(), parts.next())
    }
}

/// Returns whether the version is HTTP/1.0.
fn check_request_line(line: &Line<'_>, limits: &ServerLimits) -> Result<bool, Problem> {
    let (method, rest) = Line::split(line.text, b' ');
    // A method and a name have the same characters. An empty one is neither.
    let is_method = HeaderName::from_bytes(method).is_ok()
        || (method.is_empty() && !line.is_whole && rest.is_none());
    if !is_method {
        return Err(bad(format!(
            "expected a request line such as GET / HTTP/1.1, with a method of letters, got {}",
            shown(line.text)
        )));
    }
    let Some(rest) = rest else { return end_of_line(line).map(|()| false) };
    let (target, version) = Line::split(rest, b' ');
    if target.len() > limits.request_head.bytes() {
        return Err(Problem::TargetTooLong);
    }
    if target.len() > TARGET_BYTES_MAX {
        return Err(Problem::TargetTooLarge(TARGET_BYTES_MAX));
    }
    let is_target = match (target.is_empty(), line.is_whole || version.is_some()) {
        (_, true) => Uri::try_from(target).is_ok(),
        (true, false) => true,
        // A part of a target: what is wrong with it is a character.
        (false, false) => PathAndQuery::try_from([b"/?", target].concat().as_slice()).is_ok(),
    };
    if !is_target {
        return Err(bad(format!(
            "expected a target such as /path?query, percent-encoded, got {}",
            shown(target)
        )));
    }
    let Some(version) = version else { return end_of_line(line).map(|()| false) };
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        part if !line.is_whole
            && (b"HTTP/1.1".starts_with(part) || b"HTTP/1.0".starts_with(part)) =>
        {
            Ok(false)
        }
        _ => Err(bad(format!(
            "expected the version HTTP/1.1 or HTTP/1.0 at the end of the request line, got {}",
            shown(version)
        ))),
    }
}

/// A request line that has ended must have three parts.
fn end_of_line(line: &Line<'_>) -> Result<(), Problem> {
    if !line.is_whole {
        return Ok(());
    }
    Err(bad(format!(
        "expected a method, a target and a version, such as GET / HTTP/1.1, got {}",
        shown(line.text)
    )))
}

/// The name and the value of a field, if both have arrived.
fn check_field<'a>(line: &Line<'a>) -> Result<Option<(HeaderName, &'a [u8])>, Problem> {
    if let [b' ' | b'\t', ..] = line.text {
        return Err(bad(format!(
            "expected each header field on one line, got a line that begins with a space: {}",
            shown(line.text)
        )));
    }
    let (name, value) = Line::split(line.text, b':');
    if value.is_none() && line.is_whole {
        return Err(bad(format!(
            "expected a header field such as name: value, got {}",
            shown(line.text)
        )));
    }
    let Ok(name) = HeaderName::from_bytes(name) else {
        if name.is_empty() && value.is_none() {
            return Ok(None);
        }
        return Err(bad(format!(
            "expected the name of a header field, of letters, digits and -, got {}",
            shown(name)
        )));
    };
    let Some(value) = value.map(without_spaces) else { return Ok(None) };
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(bad(format!(
            "expected a value of {name} without control characters, got {}",
            shown(value)
        )));
    }
    Ok(Some((name, value)))
}

/// What is left without the spaces around it. Other white space is not allowed there.
fn without_spaces(value: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(is_other).unwrap_or(value.len());
    let end = value.iter().rposition(is_other).map_or(begin, |last| last + 1);
    &value[begin..end]
}

/// The fields that say how a body ends.
#[derive(Default)]
struct Framing {
    length: Option<u64>,
    /// The last coding.
    coding: Option<String>,
}

impl Framing {
    fn see(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Problem> {
        if name == TRANSFER_ENCODING {
            self.coding = Some(shown(value));
        }
        if name != CONTENT_LENGTH {
            return Ok(());
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(bad(format!("expected a number as content-length, got {}", shown(value))));
        }
        let digits = std::str::from_utf8(value).unwrap_or_default();
        // Hyper keeps the two largest numbers for itself.
        let Some(length) = digits.parse().ok().filter(|length| *length < u64::MAX - 1) else {
            return Err(Problem::BodyTooLarge);
        };
        if let Some(other) = self.length.replace(length).filter(|other| *other != length) {
            return Err(bad(format!("expected one content-length, got {other} and {length}")));
        }
        Ok(())
    }

    /// Hyper refuses a whole head with names and values that are valid because of its coding.
    fn check(self, is_http_10: bool) -> Result<(), Problem> {
        Err(bad(match self.coding {
            Some(coding) if is_http_10 => {
                format!("expected HTTP/1.0 without transfer-encoding, got {coding}")
            }
            Some(coding) => {
                format!("expected chunked as the last transfer-encoding, got {coding}")
            }
            None => "the request head cannot be parsed".to_owned(),
        }))
    }
}

fn bad(what: String) -> Problem {
    Problem::BadHead(what)
}

/// The begin of what a client sent, in printable characters.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 40;
    let (begin, more) = match bytes.split_at_checked(SHOWN_BYTES_MAX) {
        Some((begin, rest)) if !rest.is_empty() => (begin, "…"),
        _ => (bytes, ""),
    };
    format!("\"{}{more}\"", begin.escape_ascii())
}
