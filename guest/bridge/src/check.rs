//! Checks a processor's response in the same way as arenaria does.

use crate::answer::Answer;
use crate::fields::is_field_name;
use crate::problem::Problem;
use crate::processor::Response;
use crate::size::size;

/// Header fields that only the host sets.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];
const FIELDS_MAX: usize = 256;
const FIELDS_BYTES_MAX: usize = 64 << 10;

/// Checks a response, and makes an answer of it.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check(response: Response) -> Result<Answer, Problem> {
    let Response { status, headers, body } = response;
    if !(200..=599).contains(&status) {
        let what = format!("expected a status from 200 to 599, got {status}");
        return Err(Problem::BadResponse(what));
    }
    Ok(Answer::framed(status, check_fields(headers)?, body))
}

fn check_fields(fields: Vec<(String, String)>) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    if fields.len() > FIELDS_MAX {
        return Err(Problem::ResponseHeadTooLarge("response-headers", FIELDS_MAX.to_string()));
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > FIELDS_BYTES_MAX {
        return Err(Problem::ResponseHeadTooLarge("response-head", size(FIELDS_BYTES_MAX as u64)));
    }
    let mut checked = Vec::with_capacity(fields.len() + 1);
    for (name, value) in fields {
        let bad =
            |what: &str, text: &str| Problem::BadResponse(format!("{what} {}", excerpt(text)));
        if !is_field_name(&name) {
            return Err(bad("expected a valid header name, got", &name));
        }
        let key = name.to_ascii_lowercase();
        if FRAMING.contains(&key.as_str()) {
            return Err(bad("only the host may set the header", &name));
        }
        if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
            return Err(bad("expected a valid header value, got", &value));
        }
        if key != "date" {
            checked.push((key, value.into_bytes()));
        }
    }
    Ok(checked)
}

/// The beginning of what a processor wrote, made printable.
fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let mut excerpt: String = text.chars().take(CHARACTERS_MAX).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    format!("{excerpt:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Response { status, headers: headers.collect(), body: body.into() }
    }

    #[test]
    fn an_answer_says_its_length_unless_it_has_no_body() {
        let answer = check(response(200, &[("X-A", "é"), ("Date", "now")], "abc")).unwrap();
        let expected =
            [("x-a".to_owned(), "é".into()), ("content-length".to_owned(), b"3".to_vec())];
        assert_eq!(answer.headers, expected);
        assert_eq!(answer.body, b"abc");
        let empty = check(response(200, &[], "")).unwrap();
        assert_eq!(empty.headers, [("content-length".to_owned(), b"0".to_vec())]);
        for status in [204, 304] {
            let answer = check(response(status, &[], "abc")).unwrap();
            assert_eq!(answer, Answer { status, headers: Vec::new(), body: Vec::new() });
        }
    }

    #[track_caller]
    fn check_bad(status: u16, headers: &[(&str, &str)], expected: &str) {
        let problem = check(response(status, headers, "")).unwrap_err();
        assert_eq!(problem, Problem::BadResponse(expected.to_owned()));
    }

    #[test]
    fn what_http_does_not_have_is_named() {
        check_bad(199, &[], "expected a status from 200 to 599, got 199");
        check_bad(600, &[], "expected a status from 200 to 599, got 600");
        check_bad(200, &[("a b", "")], "expected a valid header name, got \"a b\"");
        check_bad(200, &[("", "")], "expected a valid header name, got \"\"");
        check_bad(200, &[("a", "b\nc")], "expected a valid header value, got \"b\\nc\"");
        let sentence = "only the host may set the header \"Content-Length\"";
        check_bad(200, &[("Content-Length", "1")], sentence);
    }

    #[test]
    fn a_head_over_its_limit_names_the_limit() {
        let check_large = |headers: &[(&str, &str)], key, value: &str| {
            let problem = check(response(200, headers, "")).unwrap_err();
            assert_eq!(problem, Problem::ResponseHeadTooLarge(key, value.to_owned()));
        };
        check_large(&vec![("a", ""); 257], "response-headers", "256");
        check_large(&[("a", &"x".repeat(64 << 10))], "response-head", "64KiB");
    }
}
