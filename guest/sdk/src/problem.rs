//! Errors as documents for the client: `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::memory::Exhausted;
use crate::pairs::{FormError, ParameterError};
use crate::response::Response;

/// Why a request is not answered as asked: a document with `status`, `title` and `detail` (RFC 9457).
///
/// A handler that returns `Result<Response, Problem>` can use `?`. The errors of this crate convert
/// into a problem; for errors of your own, implement `From` or use `map_err`.
///
/// ```
/// use arenaria_guest::{Problem, Request, Response};
///
/// fn halve(request: Request<'_>) -> Result<Response, Problem> {
///     // 400 if there is a number that is not a number, by `From`.
///     let number: Option<u32> = request.query_pairs().parse("number")?;
///     let number = number.ok_or(Problem::new(422).with_detail("send a number to halve"))?;
///     // 400 with the text of another error.
///     let body = str::from_utf8(request.body()).map_err(Problem::bad_request)?;
///     Ok(Response::text(format!("{} {body}", number / 2)))
/// }
///
/// let response: Response = halve(Request::new("GET", "/?number=x")).into();
/// assert_eq!(response.status(), 400);
/// assert_eq!(response.header("content-type"), Some("application/problem+json"));
/// assert_eq!(
///     str::from_utf8(response.bytes()).unwrap(),
///     r#"{"title":"Bad Request","status":400,"detail":"parameter `number`: invalid digit found in string, got `x`"}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: String,
    headers: Vec<(String, String)>,
}

impl Problem {
    /// A problem with this status, 400 to 599. The title is the status's name.
    #[must_use]
    pub fn new(status: u16) -> Self {
        let title = Cow::Borrowed(title(status));
        Self { status, kind: "".into(), title, detail: String::new(), headers: Vec::new() }
    }

    /// 400: the request is malformed.
    #[must_use]
    pub fn bad_request(detail: impl fmt::Display) -> Self {
        Self::new(400).with_detail(detail)
    }

    /// 404: what was asked for does not exist.
    #[must_use]
    pub fn not_found(detail: impl fmt::Display) -> Self {
        Self::new(404).with_detail(detail)
    }

    /// 422: the request can be read, and asks for what is not possible.
    #[must_use]
    pub fn unprocessable(detail: impl fmt::Display) -> Self {
        Self::new(422).with_detail(detail)
    }

    /// 500: the processor failed. The client reads the detail.
    #[must_use]
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self::new(500).with_detail(detail)
    }

    /// The same problem with a sentence about this occurrence.
    #[must_use]
    pub fn with_detail(self, detail: impl fmt::Display) -> Self {
        Self { detail: detail.to_string(), ..self }
    }

    /// The same problem with a title, which is the same for all problems of its type.
    #[must_use]
    pub fn with_title(self, title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The same problem with a URI that names its type. Without one, the status is the type.
    #[must_use]
    pub fn with_type(self, uri: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: uri.into(), ..self }
    }

    /// The same problem with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The sentence about this occurrence. Empty if there is none.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    fn json(&self) -> String {
        let mut json = String::from("{");
        let mut text = |name, value: &str| {
            if !value.is_empty() {
                json.push_str(name);
                quote(&mut json, value);
                json.push(',');
            }
        };
        text("\"type\":", &self.kind);
        text("\"title\":", &self.title);
        // A string takes everything.
        let _ = write!(json, "\"status\":{}", self.status);
        if !self.detail.is_empty() {
            json.push_str(",\"detail\":");
            quote(&mut json, &self.detail);
        }
        json.push('}');
        json
    }
}

/// Appends a JSON string.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\0'..' ' => {
                // A string takes everything.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        507 => "Insufficient Storage",
        _ if status < 500 => "Client Error",
        _ => "Server Error",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.title)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let response = Self::new(problem.status)
            .with_header("content-type", "application/problem+json")
            .body(problem.json());
        let headers = problem.headers.into_iter();
        headers.fold(response, |response, (name, value)| response.with_header(name, value))
    }
}

/// The end of a handler that uses `?`.
impl<T: Into<Response>, E: Into<Response>> From<Result<T, E>> for Response {
    fn from(result: Result<T, E>) -> Self {
        result.map_or_else(Into::into, Into::into)
    }
}

impl From<ParameterError> for Problem {
    fn from(error: ParameterError) -> Self {
        Self::bad_request(error)
    }
}

impl From<FormError> for Problem {
    fn from(error: FormError) -> Self {
        Self::new(415).with_detail(error)
    }
}

/// 507: what a [`phase`](crate::phase) allocates did not fit.
impl From<Exhausted> for Problem {
    fn from(error: Exhausted) -> Self {
        Self::new(507).with_detail(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(problem: Problem, expected: &str) {
        let status = problem.status();
        let response = Response::from(problem);
        assert_eq!(response.status(), status);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(str::from_utf8(response.bytes()), Ok(expected));
    }

    #[test]
    fn a_problem_is_a_document() {
        check(Problem::new(404), r#"{"title":"Not Found","status":404}"#);
        let own = Problem::new(409).with_type("urn:shop:sold-out").with_title("sold out");
        check(
            own.with_detail("no tea is left"),
            r#"{"type":"urn:shop:sold-out","title":"sold out","status":409,"detail":"no tea is left"}"#,
        );
        check(
            Problem::new(418).with_detail("\"\\\n\0\u{1f}ä/\u{7f}"),
            "{\"title\":\"Client Error\",\"status\":418,\
             \"detail\":\"\\\"\\\\\\n\\u0000\\u001fä/\u{7f}\"}",
        );
    }

    #[test]
    fn a_problem_may_have_header_fields() {
        let response = Response::from(Problem::new(503).with_header("retry-after", "1"));
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.headers().len(), 2);
    }

    #[test]
    fn a_problem_is_an_error_with_a_text() {
        let text = |problem: Problem| problem.to_string();
        assert_eq!(text(Problem::new(404)), "404 Not Found");
        assert_eq!(text(Problem::internal("no luck")), "500 Internal Server Error: no luck");
        assert_eq!(Problem::unprocessable(7).detail(), "7");
    }

    #[test]
    fn a_result_is_a_response() {
        let ok: Result<Response, Problem> = Ok(Response::new(204));
        assert_eq!(Response::from(ok).status(), 204);
        let text: Result<&str, Problem> = Ok("tea");
        assert_eq!(Response::from(text).bytes(), b"tea");
        let none: Result<Response, Problem> = Err(Problem::not_found("no tea"));
        assert_eq!(Response::from(none).status(), 404);
    }

    #[test]
    fn errors_of_the_crate_have_a_status() {
        let form = FormError { media_type: "a/b".to_owned() };
        assert_eq!(Problem::from(form.clone()).status(), 415);
        assert!(form.to_string().ends_with("got `a/b`"), "{form}");
        assert_eq!(Problem::from(ParameterError::missing("a")).status(), 400);
    }
}
