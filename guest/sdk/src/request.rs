//! One HTTP request for a processor. It borrows the memory that the host wrote; nothing is copied
//! or decoded: paths, queries and header values are as the client sent them.

use std::fmt;
use std::str::FromStr;

use crate::pairs::{FORM, FormError, Pairs, ParameterError, parse};

/// One HTTP request with its whole body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    method: &'a str,
    path_with_query: &'a str,
    headers: Headers<'a>,
    body: &'a [u8],
    received_at: u64,
}

impl<'a> Request<'a> {
    /// A request without headers and body, received at 0. For tests.
    #[must_use]
    pub fn new(method: &'a str, path_with_query: &'a str) -> Self {
        Self { method, path_with_query, headers: Headers::new(&[]), body: &[], received_at: 0 }
    }

    /// The same request with these header fields, names in lower case.
    #[must_use]
    pub fn with_headers(self, fields: &'a [(String, String)]) -> Self {
        Self { headers: Headers::new(fields), ..self }
    }

    /// The same request with this body.
    #[must_use]
    pub fn with_body(self, body: &'a [u8]) -> Self {
        Self { body, ..self }
    }

    /// The same request, received at this time.
    #[must_use]
    pub fn with_received_at(self, received_at: u64) -> Self {
        Self { received_at, ..self }
    }

    /// The method, as it was sent: `GET`, `POST`, …
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The path, percent-encoded as it was sent, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path_with_query.split_once('?').map_or(self.path_with_query, |(path, _)| path)
    }

    /// What follows the first `?`, percent-encoded as it was sent. `None` without a `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.path_with_query.split_once('?').map(|(_, query)| query)
    }

    /// The pairs `name=value` of the query, to be decoded. None without a query.
    #[must_use]
    pub fn query_pairs(&self) -> Pairs<'a> {
        Pairs::new(self.query().unwrap_or_default().as_bytes())
    }

    /// The pairs of a form, `application/x-www-form-urlencoded`: of a body that a browser sends for a
    /// `<form>`.
    ///
    /// # Errors
    ///
    /// If the body has another media type, or none.
    pub fn form(&self) -> Result<Pairs<'a>, FormError> {
        if self.has_media_type(FORM) {
            return Ok(Pairs::new(self.body));
        }
        let media_type = self.header("content-type").unwrap_or_default().to_owned();
        Err(FormError { media_type })
    }

    /// The path and, if there is one, `?` and the query.
    #[must_use]
    pub fn path_with_query(&self) -> &'a str {
        self.path_with_query
    }

    /// The value of the first header field of this name, in any case. A host forwards only the
    /// fields that it is configured to forward: arenaria only `content-type`, unless a route names others.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)
    }

    /// The media type of the body without its parameters, such as `text/html`, as it was sent.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        let value = self.header("content-type")?;
        Some(value.split_once(';').map_or(value, |(media_type, _)| media_type).trim())
    }

    /// Whether the body has this media type, in any case and with any parameters.
    #[must_use]
    pub fn has_media_type(&self, media_type: &str) -> bool {
        self.media_type().is_some_and(|sent| sent.eq_ignore_ascii_case(media_type))
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// The body, whole. Empty if there is none.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// When the host received the request: nanoseconds since 1970-01-01T00:00:00Z. A processor
    /// without imports has no other clock.
    #[must_use]
    pub fn received_at(&self) -> u64 {
        self.received_at
    }
}

/// The header fields of a request, in the order in which they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    fields: &'a [(String, String)],
}

impl<'a> Headers<'a> {
    fn new(fields: &'a [(String, String)]) -> Self {
        Self { fields }
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.get_all(name).next()
    }

    /// The values of all fields of this name, in any case.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first field of this name, parsed: a number, for example.
    ///
    /// # Errors
    ///
    /// If it cannot be parsed.
    pub fn parse<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, ParameterError> {
        self.get(name).map(|value| parse(name, value)).transpose()
    }

    /// The elements of all fields of this name, which are lists with commas between them: `accept`,
    /// `if-none-match` and others. Commas within quotes divide an element too.
    pub fn list<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let elements = self.get_all(name).flat_map(|value| value.split(','));
        elements.map(str::trim).filter(|element| !element.is_empty())
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_target(target: &str, path: &str, query: Option<&str>) {
        let request = Request::new("GET", target);
        assert_eq!((request.path(), request.query()), (path, query));
        assert_eq!(request.path_with_query(), target);
    }

    #[test]
    fn the_first_question_mark_begins_the_query() {
        check_target("/", "/", None);
        check_target("/a/b", "/a/b", None);
        check_target("/a?", "/a", Some(""));
        check_target("/a?b=1&c=?", "/a", Some("b=1&c=?"));
        check_target("/a%3Fb", "/a%3Fb", None);
        check_target("", "", None);
    }

    #[test]
    fn headers_are_found_in_any_case_and_keep_their_order() {
        let fields = [("accept", "a"), ("x", "1"), ("accept", "b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request::new("GET", "/").with_headers(&fields);
        assert_eq!(request.header("Accept"), Some("a"));
        assert_eq!(request.header("accep"), None);
        assert_eq!(request.headers().get_all("ACCEPT").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(request.headers().iter().nth(1), Some(("x", "1")));
        assert_eq!(request.headers().len(), 3);
        assert!(!request.headers().is_empty());
    }

    fn with_content_type<R>(value: &str, f: impl FnOnce(Request<'_>) -> R) -> R {
        let fields = [("content-type".to_owned(), value.to_owned())];
        f(Request::new("POST", "/?a=1&b=2").with_headers(&fields).with_body(b"a=3"))
    }

    #[test]
    fn a_media_type_is_told_from_its_parameters() {
        assert_eq!(Request::new("GET", "/").media_type(), None);
        with_content_type("Text/HTML ; charset=utf-8", |request| {
            assert_eq!(request.media_type(), Some("Text/HTML"));
            assert!(request.has_media_type("text/html"));
            assert!(!request.has_media_type("text/htm"));
        });
        with_content_type("", |request| assert_eq!(request.media_type(), Some("")));
    }

    #[test]
    fn queries_and_forms_have_pairs() {
        with_content_type("application/X-www-form-urlencoded;charset=UTF-8", |request| {
            assert_eq!(request.query_pairs().get("a").as_deref(), Some("1"));
            assert_eq!(request.form().unwrap().get("a").as_deref(), Some("3"));
        });
        with_content_type("text/plain", |request| {
            assert_eq!(request.form().unwrap_err().media_type, "text/plain");
        });
        assert!(Request::new("POST", "/").form().is_err());
        assert_eq!(Request::new("POST", "/").query_pairs().iter().count(), 0);
    }

    #[test]
    fn header_fields_are_parsed_and_listed() {
        let fields = [("accept", "a/b, c/d;q=0.1,"), ("age", "7"), ("accept", ",e/f")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = Request::new("GET", "/").with_headers(&fields).headers();
        assert_eq!(headers.list("Accept").collect::<Vec<_>>(), ["a/b", "c/d;q=0.1", "e/f"]);
        assert_eq!(headers.parse("Age"), Ok(Some(7)));
        assert_eq!(headers.parse::<u8>("none"), Ok(None));
        let error = headers.parse::<u8>("accept").unwrap_err().to_string();
        assert!(error.starts_with("parameter `accept`: "), "{error}");
    }

    #[test]
    fn a_request_is_what_it_was_made_of() {
        let request = Request::new("PUT", "/").with_body(b"abc").with_received_at(7);
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.body(), b"abc");
        assert_eq!(request.received_at(), 7);
        assert!(request.headers().is_empty());
    }
}
