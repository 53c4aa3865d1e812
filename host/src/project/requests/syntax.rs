//! One block of a file of requests: a request, a line such as `HTTP 200`, and the expected response.
//!
//! Only the form is checked here. Nothing is read from the disk.

use std::fmt::Display;

use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Uri};

/// A line and its number.
pub(super) type Line<'a> = (usize, &'a str);

/// Header fields in the order in which they are written.
pub(crate) type Fields = Vec<(HeaderName, HeaderValue)>;

/// Why a block cannot be read: the line, and a sentence.
pub(super) type Malformed = (usize, String);

/// A block of the file, as it is written.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The line of the request.
    pub(super) line: usize,
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) headers: Fields,
    pub(super) body: Option<Written<'a>>,
    /// The line with the expected status.
    pub(super) expected_line: usize,
    /// None if every status is accepted.
    pub(super) status: Option<u16>,
    pub(super) expected_headers: Fields,
    pub(super) expected_body: Option<Written<'a>>,
}

/// A body, as it is written.
#[derive(Debug, PartialEq)]
pub(super) enum Written<'a> {
    /// In place, without the line ends after its last line.
    Text(String),
    /// In a file of its own: the line, and the path.
    File(usize, &'a str),
}

/// The lines between two lines with `###`. None if they have no request: only comments and empty lines.
pub(super) fn parse<'a>(lines: &[Line<'a>]) -> Result<Option<Block<'a>>, Malformed> {
    let is_comment = |text: &str| text.starts_with('#') || text.starts_with("//");
    let begin = lines.iter().position(|(_, text)| !text.trim().is_empty() && !is_comment(text));
    let Some(begin) = begin else { return Ok(None) };
    let (line, text) = lines[begin];
    let (method, uri) = request_line(text).map_err(|sentence| (line, sentence))?;
    let rest = &lines[begin + 1..];
    let Some(end) = rest.iter().position(|(_, text)| is_status_line(text)) else {
        let (last, _) = lines[lines.len() - 1];
        let sentence = "expected a line such as HTTP 200 with the status of the response, got the end \
                        of the request; HTTP * accepts every status";
        return Err((last, sentence.to_owned()));
    };
    let (expected_line, status) = rest[end];
    let status = status_line(status).map_err(|sentence| (expected_line, sentence))?;
    let (mut headers, body) = message(&rest[..end])?;
    check_sent(&headers)?;
    let target = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    if let Some(authority) = uri.authority() {
        let host =
            HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        headers.push((line, HOST, host));
    }
    let (expected_headers, expected_body) = message(&rest[end + 1..])?;
    check_expected(&rest[end + 1..])?;
    let fields = |fields: Vec<(usize, HeaderName, HeaderValue)>| {
        fields.into_iter().map(|(_, name, value)| (name, value)).collect()
    };
    Ok(Some(Block {
        line,
        method,
        target,
        headers: fields(headers),
        body,
        expected_line,
        status,
        expected_headers: fields(expected_headers),
        expected_body,
    }))
}

/// `METHOD TARGET`, `METHOD TARGET HTTP/1.1`, or a target alone, which is got.
fn request_line(text: &str) -> Result<(Method, Uri), String> {
    let form = "expected a request such as GET /path";
    let words: Vec<_> = text.split_whitespace().collect();
    let (method, target) = match words[..] {
        [target] if target.starts_with('/') || target.contains("://") => ("GET", target),
        [method, target] => (method, target),
        [method, target, "HTTP/1.1"] => (method, target),
        [_, _, version] if version.starts_with("HTTP/") => {
            return Err(format!("expected HTTP/1.1 or nothing after the path, got {version}"));
        }
        [_, _, ..] => return Err(format!("{form}, got {text:?}; write a space in a path as %20")),
        _ => return Err(format!("{form}, got {text:?}")),
    };
    if !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Err(format!("expected a method in capitals such as GET, got {method:?}"));
    }
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("expected a method such as GET, got {method:?}"))?;
    Ok((method, uri(target)?))
}

fn uri(target: &str) -> Result<Uri, String> {
    let form = "expected a path such as /orders?id=1";
    if target.contains("{{") {
        return Err(format!("{form}, got {target:?}; variables are not supported, write the path"));
    }
    if target.contains('#') {
        return Err(format!("{form}, got {target:?}; a request has no part after #"));
    }
    let is_url = target.starts_with("http://") || target.starts_with("https://");
    if !target.starts_with('/') && !is_url {
        return Err(format!("{form}, got {target:?}"));
    }
    target.parse().map_err(|error| format!("{form}, got {target:?}: {error}"))
}

/// Whether a line is meant as the status of a response. No body in place can have such a line.
fn is_status_line(text: &str) -> bool {
    text.strip_prefix("HTTP").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
}

/// `HTTP 200`, `HTTP/1.1 200 OK` or `HTTP *`.
fn status_line(text: &str) -> Result<Option<u16>, String> {
    let mut words = text.split_whitespace();
    let version = words.next().unwrap_or_default();
    let status = words.next().unwrap_or_default();
    let is_version = matches!(version, "HTTP" | "HTTP/1" | "HTTP/1.0" | "HTTP/1.1" | "HTTP/2");
    let number = status.parse().ok().filter(|status| (200..=599).contains(status));
    match number {
        Some(number) if is_version => Ok(Some(number)),
        None if is_version && status == "*" => Ok(None),
        _ => Err(format!(
            "expected a status from 200 to 599 such as HTTP 200, or HTTP *, got {text:?}; a body with \
             such a line must be in a file of its own: < FILE"
        )),
    }
}

type Message<'a> = (Vec<(usize, HeaderName, HeaderValue)>, Option<Written<'a>>);

/// Header fields, and after an empty line the body.
fn message<'a>(lines: &[Line<'a>]) -> Result<Message<'a>, Malformed> {
    let end = lines.iter().position(|(_, text)| text.trim().is_empty());
    let (head, body) = lines.split_at(end.unwrap_or(lines.len()));
    let head = head.iter().filter(|(_, text)| !text.starts_with('#'));
    let fields = head.map(|&(line, text)| {
        let (name, value) = field(text).map_err(|sentence| (line, sentence))?;
        Ok((line, name, value))
    });
    Ok((fields.collect::<Result<_, Malformed>>()?, written(body.get(1..).unwrap_or_default())))
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let form = "expected a header field such as content-type: text/plain, or an empty line before the body";
    let refused = |what: &dyn Display| format!("{form}, got {text:?}: {what}");
    let (name, value) = text.split_once(':').ok_or_else(|| format!("{form}, got {text:?}"))?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| refused(&error))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|error| refused(&error))?;
    Ok((name, value))
}

fn written<'a>(lines: &[Line<'a>]) -> Option<Written<'a>> {
    let end = lines.iter().rposition(|(_, text)| !text.trim().is_empty())?;
    match lines[..=end] {
        [(line, text)] if text.starts_with("< ") => Some(Written::File(line, text[2..].trim())),
        ref lines => {
            let texts: Vec<_> = lines.iter().map(|(_, text)| *text).collect();
            Some(Written::Text(texts.join("\n")))
        }
    }
}

/// The client frames the request itself.
fn check_sent(fields: &[(usize, HeaderName, HeaderValue)]) -> Result<(), Malformed> {
    const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    match fields.iter().find(|(_, name, _)| FRAMING.contains(name)) {
        Some((line, name, _)) => Err((
            *line,
            format!("expected no field {name}, which follows from the body; remove the line"),
        )),
        None => Ok(()),
    }
}

/// A second status means that a line with `###` is missing.
fn check_expected(lines: &[Line<'_>]) -> Result<(), Malformed> {
    match lines.iter().find(|(_, text)| is_status_line(text)) {
        Some((line, text)) => Err((
            *line,
            format!(
                "expected one status, got a second one, {text:?}; begin the next request with ###"
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line<'_>> {
        text.lines().enumerate().map(|(index, text)| (index + 1, text)).collect()
    }

    #[track_caller]
    fn parsed(text: &str) -> Block<'_> {
        parse(&lines(text)).unwrap().unwrap()
    }

    #[track_caller]
    fn check_refused(text: &str, line: usize, expected: &str) {
        let (at, sentence) = parse(&lines(text)).unwrap_err();
        assert_eq!((at, sentence.contains(expected)), (line, true), "{sentence}");
    }

    #[test]
    fn a_block_has_a_request_and_a_response() {
        let block = parsed(
            "# comment\n// comment\n\nPOST /orders?x=1 HTTP/1.1\ncontent-type: a/b\n# comment\nx: \n\n{\n\n}\n\n\
             HTTP/1.1 201 Created\nX-One: 1\n\n  answer\n\n\n",
        );
        assert_eq!((block.line, block.expected_line), (4, 13));
        assert_eq!((block.method.as_str(), block.target.as_str()), ("POST", "/orders?x=1"));
        assert_eq!((block.headers.len(), block.headers[0].1.as_bytes()), (2, &b"a/b"[..]));
        assert_eq!(block.body, Some(Written::Text("{\n\n}".to_owned())));
        assert_eq!((block.status, block.expected_headers.len()), (Some(201), 1));
        assert_eq!(block.expected_body, Some(Written::Text("  answer".to_owned())));
    }

    #[test]
    fn parts_may_be_left_out() {
        let block = parsed("/\nHTTP *");
        assert_eq!((block.method, block.target.as_str(), block.status), (Method::GET, "/", None));
        assert_eq!((block.body, block.expected_body), (None, None));
        let block = parsed("GET http://a.example:80\n\nHTTP 200\n\n");
        assert_eq!(
            (block.target.as_str(), block.headers[0].1.as_bytes()),
            ("/", &b"a.example:80"[..])
        );
        assert!(parse(&lines("\n# only\n\n// comments\n")).unwrap().is_none());
        assert!(parse(&[]).unwrap().is_none());
    }

    #[test]
    fn a_body_may_be_in_a_file() {
        let block = parsed("POST /\n\n< a/b c.json\n\nHTTP 200\n\n<html>\n");
        assert_eq!(block.body, Some(Written::File(3, "a/b c.json")));
        assert_eq!(block.expected_body, Some(Written::Text("<html>".to_owned())));
        let block = parsed("POST /\n\n< a\n< b\n\nHTTP 200");
        assert_eq!(block.body, Some(Written::Text("< a\n< b".to_owned())));
    }

    #[test]
    fn what_is_malformed_has_its_line_and_a_remedy() {
        check_refused("GET\nHTTP 200", 1, "expected a request such as GET /path, got \"GET\"");
        check_refused("get /\nHTTP 200", 1, "method in capitals such as GET, got \"get\"");
        check_refused("GET /a b c\nHTTP 200", 1, "write a space in a path as %20");
        check_refused("GET / HTTP/2\nHTTP 200", 1, "expected HTTP/1.1 or nothing");
        check_refused("GET {{host}}/a\nHTTP 200", 1, "variables are not supported");
        check_refused("GET /a#b\nHTTP 200", 1, "no part after #");
        check_refused("GET orders\nHTTP 200", 1, "expected a path such as /orders?id=1, got");
        check_refused("GET http://[/\nHTTP 200", 1, "expected a path");
        check_refused("GET /\nname\nHTTP 200", 2, "header field such as content-type: text/plain");
        check_refused(
            "GET /\na b: c\nHTTP 200",
            2,
            "an empty line before the body, got \"a b: c\"",
        );
        check_refused("POST /\nContent-Length: 1\n\nx\nHTTP 200", 2, "remove the line");
        check_refused("GET /\n\nbody\n", 3, "HTTP * accepts every status");
        check_refused(
            "GET /\nHTTP\n",
            2,
            "from 200 to 599 such as HTTP 200, or HTTP *, got \"HTTP\"",
        );
        check_refused("GET /\nHTTP 2xx", 2, "got \"HTTP 2xx\"");
        check_refused("GET /\nHTTP 100", 2, "got \"HTTP 100\"");
        check_refused("GET /\nHTTP/3 200", 2, "got \"HTTP/3 200\"");
        check_refused("GET /\nHTTP 200\nbad", 3, "header field");
        let forgotten = "GET /\nHTTP 200\n\na\nGET /\nHTTP 200";
        check_refused(forgotten, 6, "begin the next request with ###");
    }
}
