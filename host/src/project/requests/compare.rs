//! What differs between the response that is expected and the one that came.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::component::guest_text::GuestText;
use crate::config::requests::{COMPARE_TIME, CONTEXT_LINES, DIFFERENCE_LINES_MAX, DIFFERENCES_MAX};
use crate::project::requests::file::{Expected, ExpectedBody};
use crate::project::requests::json;

/// A response, as a client of the server gets it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Why the body is not complete.
    pub(super) cut: Option<String>,
}

/// Why a case failed.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Failure {
    pub(crate) what: What,
    /// The line of the file of requests.
    pub(crate) line: usize,
    /// One or more lines.
    pub(crate) message: String,
}

/// What was not as expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// Nothing came.
    Response,
    Status,
    Header,
    Body,
    /// The instance failed after a good response.
    Fault,
    /// The instance could not be replaced.
    Instance,
    /// More of the arena was in use than its budget.
    HighWater,
    /// More was left in the arena than its budget.
    Survivors,
}

/// What differs. If the status does, the rest is not compared, and the body is shown as it is.
pub(super) fn failures(expected: &Expected, got: &Received) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut fail = |what, message| failures.push(Failure { what, line: expected.line, message });
    if let Some(status) = expected.status
        && status != got.status
    {
        let body = GuestText::new(String::from_utf8_lossy(&got.body).trim_end());
        let body =
            if got.body.is_empty() { String::new() } else { format!("\nthe body is: {body}") };
        fail(What::Status, format!("expected status {status}, got {}{body}", got.status));
        return failures;
    }
    for (name, value) in &expected.headers {
        if !got.headers.get_all(name).iter().any(|found| found == value) {
            let found: Vec<_> = got.headers.get_all(name).iter().map(text).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            fail(What::Header, format!("expected {name}: {}, got {found}", text(value)));
        }
    }
    if let Some(cut) = &got.cut {
        let bytes = got.body.len();
        fail(What::Body, format!("expected a whole body, got {bytes} bytes of it: {cut}"));
    } else if let Some(body) = &expected.body
        && let Some(message) = body_difference(body, got)
    {
        fail(What::Body, message);
    }
    failures
}

fn text(value: &HeaderValue) -> String {
    GuestText::new(String::from_utf8_lossy(value.as_bytes())).to_string()
}

fn body_difference(expected: &ExpectedBody, got: &Received) -> Option<String> {
    let (expected, is_exact) = match expected {
        ExpectedBody::Text(text) => (text.as_bytes(), false),
        ExpectedBody::File(bytes) => (bytes.as_slice(), true),
    };
    if is_json(&got.headers) {
        return json_difference(expected, &got.body);
    }
    let (Ok(expected), Ok(got)) = (std::str::from_utf8(expected), std::str::from_utf8(&got.body))
    else {
        return bytes_difference(expected, &got.body);
    };
    if is_exact {
        return (expected != got).then(|| text_difference(expected, got));
    }
    let trimmed = |text: &str| text.replace("\r\n", "\n").trim_end_matches('\n').to_owned() + "\n";
    let (expected, got) = (trimmed(expected), trimmed(got));
    (expected != got).then(|| text_difference(&expected, &got))
}

/// Whether the response says that it is JSON: `application/json`, or a type that ends in `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

fn json_difference(expected: &[u8], got: &[u8]) -> Option<String> {
    let parsed = serde_json::from_slice::<Value>;
    let got = match parsed(got) {
        Ok(value) => value,
        Err(error) => {
            let body = GuestText::new(String::from_utf8_lossy(got));
            return Some(format!("expected JSON, as content-type says, got {body}: {error}"));
        }
    };
    let expected = match parsed(expected) {
        Ok(value) => value,
        Err(error) => {
            return Some(format!(
                "the response is JSON, and the expected body is not: {error}; it got {}",
                GuestText::new(got)
            ));
        }
    };
    // One more than is shown, to know whether there are more.
    let mut differences = json::differences(&expected, &got, DIFFERENCES_MAX + 1);
    if differences.len() > DIFFERENCES_MAX {
        differences[DIFFERENCES_MAX] = "… and more".to_owned();
    }
    (!differences.is_empty()).then(|| differences.join("\n"))
}

fn bytes_difference(expected: &[u8], got: &[u8]) -> Option<String> {
    if expected == got {
        return None;
    }
    let same = expected.iter().zip(got).take_while(|(expected, got)| expected == got).count();
    Some(format!(
        "expected {} bytes, got {} bytes; they differ from byte {same} on",
        expected.len(),
        got.len()
    ))
}

/// The lines that differ, with those around them.
fn text_difference(expected: &str, got: &str) -> String {
    let difference = TextDiff::configure().timeout(COMPARE_TIME).diff_lines(expected, got);
    let mut lines = vec!["expected (-), got (+):".to_owned()];
    for group in difference.grouped_ops(CONTEXT_LINES) {
        let first = group.first().map_or(0, |operation| operation.old_range().start);
        lines.push(format!("@@ line {} @@", first + 1));
        let changes = group.iter().flat_map(|operation| difference.iter_changes(operation));
        for change in changes {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let text = GuestText::new(change.value().trim_end_matches('\n'));
            let end = if change.missing_newline() && change.tag() != ChangeTag::Equal {
                " (no line end)"
            } else {
                ""
            };
            lines.push(format!("{sign}{text}{end}"));
        }
    }
    let more = lines.len().saturating_sub(DIFFERENCE_LINES_MAX);
    if more > 0 {
        lines.truncate(DIFFERENCE_LINES_MAX);
        lines.push(format!("… and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(kind: &str, body: &[u8]) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers.append("x-many", HeaderValue::from_static("1"));
        headers.append("x-many", HeaderValue::from_static("2"));
        Received { status: 200, headers, body: body.to_vec(), cut: None }
    }

    fn expected(body: Option<ExpectedBody>) -> Expected {
        Expected { line: 1, status: Some(200), headers: Vec::new(), body }
    }

    fn in_place(body: &str) -> Expected {
        expected(Some(ExpectedBody::Text(body.to_owned())))
    }

    fn in_file(body: &[u8]) -> Expected {
        expected(Some(ExpectedBody::File(body.to_vec())))
    }

    #[track_caller]
    fn check(expected: &Expected, got: &Received, failed: &[(What, &str)]) {
        let failures = failures(expected, got);
        let found: Vec<_> =
            failures.iter().map(|failure| (failure.what, failure.message.as_str())).collect();
        assert_eq!(found, failed);
    }

    #[test]
    fn another_status_shows_the_body() {
        let mut other = in_place("x");
        other.status = Some(201);
        let message = "expected status 201, got 200\nthe body is: a\\nb";
        check(&other, &received("text/plain", b"a\nb\n"), &[(What::Status, message)]);
        other.status = None;
        check(&other, &received("text/plain", b"x\n"), &[]);
    }

    #[test]
    fn fields_must_be_there_with_their_values() {
        let mut fields = expected(None);
        let field =
            |name: &'static str, value| (name.parse().unwrap(), HeaderValue::from_static(value));
        fields.headers = vec![field("content-type", "text/plain"), field("x-many", "2")];
        check(&fields, &received("text/plain", b"any"), &[]);
        fields.headers = vec![field("x-many", "3"), field("x-none", "1")];
        check(
            &fields,
            &received("text/plain", b""),
            &[
                (What::Header, "expected x-many: 3, got 1, 2"),
                (What::Header, "expected x-none: 1, got none"),
            ],
        );
    }

    #[test]
    fn json_is_compared_by_value() {
        let kinds = ["application/json", "Application/Problem+JSON; charset=utf-8", "text/json"];
        for kind in kinds {
            let got = received(kind, br#"{"b":[1.0],"a":null}"#);
            check(&in_place("{\"a\": null,\n \"b\": [1]}"), &got, &[]);
            check(&in_file(b" {\"a\": null, \"b\": [1]}\n"), &got, &[]);
            check(
                &in_place("{\"b\":[2]}"),
                &got,
                &[(What::Body, "$.b[0]: expected 2, got 1.0\n$.a: expected nothing, got null")],
            );
        }
        let message = "expected JSON, as content-type says, got {: EOF while parsing an object at line 1 column 1";
        check(&in_place("{}"), &received("application/json", b"{"), &[(What::Body, message)]);
        let message = "the response is JSON, and the expected body is not: expected value at line 1 column 1; it got 1";
        check(&in_place("x"), &received("application/json", b"1"), &[(What::Body, message)]);
        let many = received("application/json", b"[1,2,3,4,5,6,7,8,9,10]");
        let failures = failures(&in_place("[]"), &many);
        assert_eq!(failures[0].message.lines().count(), DIFFERENCES_MAX + 1);
        assert!(failures[0].message.ends_with("\n… and more"), "{failures:?}");
    }

    #[test]
    fn text_is_compared_by_line() {
        let got = received("text/plain", b"one\r\ntwo\nthree\n\n");
        check(&in_place("one\ntwo\nthree"), &got, &[]);
        check(
            &in_place("one\n2\nthree"),
            &got,
            &[(What::Body, "expected (-), got (+):\n@@ line 1 @@\n one\n-2\n+two\n three")],
        );
        let escape = received("text/plain", b"\x1b[2J");
        let message = "expected (-), got (+):\n@@ line 1 @@\n-x\n+\\u{1b}[2J";
        check(&in_place("x"), &escape, &[(What::Body, message)]);
        let long = "a\n".repeat(1000);
        let failures = failures(&in_place("b"), &received("text/plain", long.as_bytes()));
        assert!(failures[0].message.ends_with(" more lines"), "{failures:?}");
        assert!(failures[0].message.lines().count() == DIFFERENCE_LINES_MAX + 1);
    }

    #[test]
    fn every_byte_of_a_file_counts() {
        let got = received("text/plain", b"one\n");
        check(&in_file(b"one\n"), &got, &[]);
        check(
            &in_file(b"one"),
            &got,
            &[(What::Body, "expected (-), got (+):\n@@ line 1 @@\n-one (no line end)\n+one")],
        );
        let got = received("image/png", b"\xff\xfe");
        check(&in_file(b"\xff\xfe"), &got, &[]);
        let message = "expected 2 bytes, got 2 bytes; they differ from byte 1 on";
        check(&in_file(b"\xff\xfd"), &got, &[(What::Body, message)]);
    }

    #[test]
    fn a_response_that_was_cut_fails_even_if_no_body_is_expected() {
        let mut got = received("text/plain", b"abc");
        got.cut = Some("the connection was closed".to_owned());
        let message = "expected a whole body, got 3 bytes of it: the connection was closed";
        check(&expected(None), &got, &[(What::Body, message)]);
    }
}
