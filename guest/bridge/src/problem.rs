//! The answers of the bridge itself. They are the same as arenaria's in the same situation:
//! `application/problem+json` (RFC 9457) with a stable `type`.

use crate::answer::Answer;
use crate::size::size;

/// Why the bridge answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The body is larger than so many bytes.
    BodyTooLarge(u64),
    /// The body has a content coding.
    UnsupportedCoding,
    /// The body ended early, or its framing is wrong.
    BodyBroken,
    /// A header field that is forwarded is not UTF-8.
    FieldNotText,
    /// The processor's response is not valid HTTP.
    BadResponse(String),
    /// The head of the processor's response exceeds a limit: its key and its value.
    ResponseHeadTooLarge(&'static str, String),
    /// The processor, or the bridge, refuses its settings. arenaria would refuse to start.
    Refused(String),
}

impl Problem {
    /// The host of the bridge refuses a header field that HTTP allows.
    #[must_use]
    pub fn of_refused_field(why: &str) -> Self {
        Self::BadResponse(format!("it sets header fields that this host refuses: {why}"))
    }

    /// As an answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let (status, kind, title) = match self {
            Self::BodyTooLarge(_) => (413, "body-too-large", "the request body is too large"),
            Self::UnsupportedCoding => {
                (415, "unsupported-coding", "the coding of the request body is not supported")
            }
            Self::BodyBroken | Self::FieldNotText => {
                (400, "bad-request", "the request is malformed")
            }
            Self::BadResponse(_) => {
                (500, "bad-response", "the component returned an invalid response")
            }
            Self::ResponseHeadTooLarge(..) => {
                (500, "bad-response", "the head of the component's response is too large")
            }
            Self::Refused(_) => (500, "settings", "the component refuses its settings"),
        };
        let mut json = format!("{{\"type\":\"urn:arenaria:problem:{kind}\",\"title\":\"{title}\"");
        json.push_str(&format!(",\"status\":{status},\"detail\":"));
        push_text(&mut json, &self.detail());
        if let Some((key, value)) = self.limit() {
            json.push_str(&format!(",\"limit\":\"{key}\",\"value\":\"{value}\""));
        }
        json.push('}');
        let mut headers = vec![("content-type".to_owned(), b"application/problem+json".to_vec())];
        if let Self::UnsupportedCoding = self {
            headers.push(("accept-encoding".to_owned(), b"identity".to_vec()));
        }
        Answer::framed(status, headers, json.into_bytes())
    }

    /// The limit that was exceeded: its key and its value.
    fn limit(&self) -> Option<(&'static str, String)> {
        match self {
            Self::BodyTooLarge(bytes) => Some(("request-body", size(*bytes))),
            Self::ResponseHeadTooLarge(key, value) => Some((key, value.clone())),
            _ => None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::BodyTooLarge(bytes) => {
                format!("the request body is larger than request-body = {}", size(*bytes))
            }
            Self::UnsupportedCoding => {
                "expected no content-encoding, because a bridged processor gets bodies as they are"
                    .to_owned()
            }
            Self::BodyBroken => {
                "the request body is incomplete or its framing is invalid".to_owned()
            }
            Self::FieldNotText => "a forwarded header field is not valid UTF-8".to_owned(),
            Self::ResponseHeadTooLarge(key, value) => format!("the headers exceed {key} = {value}"),
            Self::BadResponse(what) | Self::Refused(what) => what.clone(),
        }
    }
}

/// Adds a text as JSON.
fn push_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            control if control < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: &Problem, status: u16, expected: &str) {
        let answer = problem.answer();
        assert_eq!(answer.status, status);
        assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
        assert_eq!(answer.headers[0].1, b"application/problem+json");
    }

    #[test]
    fn problems_are_written_as_arenaria_writes_them() {
        check(
            &Problem::BodyTooLarge(1 << 20),
            413,
            r#"{"type":"urn:arenaria:problem:body-too-large","title":"the request body is too large","status":413,"detail":"the request body is larger than request-body = 1MiB","limit":"request-body","value":"1MiB"}"#,
        );
        check(
            &Problem::Refused("a \"b\"\n\u{1}é\\".to_owned()),
            500,
            r#"{"type":"urn:arenaria:problem:settings","title":"the component refuses its settings","status":500,"detail":"a \"b\"\n\u0001é\\"}"#,
        );
    }
}
