//! JSON by `serde`, with the feature `json`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::request::Request;
use crate::response::Response;

impl<'a> Request<'a> {
    /// The body as JSON. Texts can be borrowed from the body. The media type is not looked at. Needs
    /// the feature `json`.
    ///
    /// ```
    /// use arenaria_guest::{Problem, Request, Response};
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct Order<'a> {
    ///     item: &'a str,
    ///     count: u32,
    /// }
    ///
    /// fn double(request: Request<'_>) -> Result<Response, Problem> {
    ///     let Order { item, count } = request.json()?;
    ///     Ok(Response::json_of(&Order { item, count: 2 * count }))
    /// }
    ///
    /// let order = Request::new("POST", "/").with_body(br#"{"item":"tea","count":3}"#);
    /// assert_eq!(double(order).unwrap().bytes(), br#"{"item":"tea","count":6}"#);
    /// let order = order.with_body(br#"{"item":"tea"}"#);
    /// let problem = double(order).unwrap_err();
    /// assert_eq!(problem.status(), 422);
    /// assert_eq!(problem.detail(), "missing field `count` at line 1 column 14");
    /// ```
    ///
    /// # Errors
    ///
    /// If the body is not JSON, or not a `T`.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, JsonError> {
        serde_json::from_slice(self.body()).map_err(JsonError)
    }
}

impl Response {
    /// 200 with a value as JSON. Needs the feature `json`.
    ///
    /// A value that JSON does not have, such as a map with keys that are lists, is a mistake in the
    /// processor: then the response is 500, and the log says why.
    #[must_use]
    pub fn json_of<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::to_vec(value).map(Self::json).unwrap_or_else(|error| {
            crate::log!(error, "cannot write a response as JSON: {error}");
            Problem::internal("the response cannot be written as JSON").into()
        })
    }
}

/// Why a body is not the JSON that was expected. As a [`Problem`] it is 400 if the body is not JSON,
/// and 422 if it is other JSON.
#[derive(Debug)]
pub struct JsonError(serde_json::Error);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        if error.0.is_data() { Self::unprocessable(error) } else { Self::bad_request(error) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(body: &str, status: u16, detail: &str) {
        let request = Request::new("POST", "/").with_body(body.as_bytes());
        let problem = Problem::from(request.json::<Vec<u8>>().unwrap_err());
        assert_eq!(problem.status(), status);
        assert!(problem.detail().contains(detail), "{problem}");
    }

    #[test]
    fn a_body_is_read() {
        let request = Request::new("POST", "/").with_body(br#" ["a", "b\n"] "#);
        assert_eq!(request.json::<Vec<String>>().unwrap(), ["a", "b\n"]);
    }

    #[test]
    fn a_body_that_is_not_json_is_400_and_other_json_422() {
        check("", 400, "EOF while parsing");
        check("[1,", 400, "EOF while parsing");
        check("[1]x", 400, "trailing characters at line 1 column 4");
        check("[1 2]", 400, "expected `,` or `]` at line 1");
        check(&"[".repeat(1000), 422, "invalid type");
        check("[300]", 422, "integer `300`");
        check("{}", 422, "expected a sequence");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "[".repeat(100_000);
        let request = Request::new("POST", "/").with_body(deep.as_bytes());
        let error = request.json::<serde_json::Value>().unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }

    #[test]
    fn a_value_is_written() {
        let response = Response::json_of(&BTreeMap::from([("a", 1)]));
        assert_eq!((response.status(), response.bytes()), (200, &br#"{"a":1}"#[..]));
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(Response::json_of("text").bytes(), b"\"text\"");
    }

    #[test]
    fn a_value_that_json_does_not_have_is_500() {
        let response = Response::json_of(&BTreeMap::from([(vec![1], 1)]));
        assert_eq!(response.status(), 500);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
}
