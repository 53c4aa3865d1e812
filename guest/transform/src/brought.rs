//! The program that a request brings: in the query, or in a header field.

use crate::problem::Problem;
use arenaria_guest::Request;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// The header field with a program. Its text is taken as it is.
const PROGRAM_HEADER: &str = "jq-program";

/// The program of a request: the value of `program` in the query, or of the header field.
///
/// # Errors
///
/// The request has more than one, or its text is not encoded as it must be.
pub(crate) fn program_text<'a>(request: Request<'a>) -> Result<Option<Cow<'a, str>>, Problem> {
    let pairs = request.query().unwrap_or_default().split('&');
    let mut values = pairs.filter_map(|pair| pair.strip_prefix("program="));
    let in_query = values.next();
    let headers = request.headers();
    let mut fields = headers.get_all(PROGRAM_HEADER);
    let in_header = fields.next();
    if values.next().is_some() || fields.next().is_some() || in_query.and(in_header).is_some() {
        let found = "expected one program, got more";
        return Err(unacceptable(
            format!("{found}: `program` in the query, or `jq-program`"),
            None,
        ));
    }
    match in_query {
        Some(value) => decoded(value).map(Some),
        None => Ok(in_header.map(Cow::Borrowed)),
    }
}

/// The text of a value in a query, as forms encode it: `+` is a space, `%2B` is a plus sign.
fn decoded(value: &str) -> Result<Cow<'_, str>, Problem> {
    for (at, _) in value.match_indices('%') {
        let digits = value.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let found: String = value[at..].chars().take(3).collect();
            let expected = "expected two hexadecimal digits after `%` in `program`";
            return Err(unacceptable(format!("{expected}, got `{found}`"), None));
        }
    }
    let spaced = value.replace('+', " ");
    let text = String::from_utf8(percent_decode(spaced.as_bytes()).collect());
    text.map(Cow::Owned).map_err(|error| {
        let detail = "the program is not valid UTF-8".to_owned();
        unacceptable(detail, Some(error.utf8_error().valid_up_to()))
    })
}

fn unacceptable(detail: String, offset: Option<usize>) -> Problem {
    Problem { offset, ..Problem::new(400, "program", "the program is not acceptable", detail) }
}
