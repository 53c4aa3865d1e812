//! One HTTP response of a processor. Nothing is checked here: the host refuses a status or a header
//! field that HTTP does not allow.

/// One HTTP response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A response without header fields and without a body. The status is 200 to 599.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// 200 with plain text.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::new(200).with_header("content-type", "text/plain; charset=utf-8").body(text)
    }

    /// 200 with a JSON document.
    #[must_use]
    pub fn json(document: impl Into<Vec<u8>>) -> Self {
        Self::new(200).with_header("content-type", "application/json").body(document)
    }

    /// 200 with an HTML page.
    #[must_use]
    pub fn html(page: impl Into<Vec<u8>>) -> Self {
        Self::new(200).with_header("content-type", "text/html; charset=utf-8").body(page)
    }

    /// A redirection: 303 to fetch another resource, 307 or 308 to send the same request there.
    #[must_use]
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status).with_header("location", location)
    }

    /// The same response with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same response with one more header field. The host itself sets `content-length`,
    /// `transfer-encoding`, `connection` and `date`.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same response without the header fields of this name, in any case.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }

    /// The same response with this media type instead of the one that it has.
    #[must_use]
    pub fn with_content_type(self, media_type: impl Into<String>) -> Self {
        self.without_header("content-type").with_header("content-type", media_type)
    }

    /// The same response with this body. A `Vec<u8>` or `String` is moved, a slice is copied.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the first header field of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The header fields, in the order in which they were added.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Status, header fields and body, moved.
    #[must_use]
    pub fn into_parts(self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        (self.status, self.headers, self.body)
    }
}

/// 200 with plain text.
impl From<&str> for Response {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// 200 with plain text.
impl From<String> for Response {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// 204, without a body.
impl From<()> for Response {
    fn from((): ()) -> Self {
        Self::new(204)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_say_what_they_are() {
        let text = Response::text("hi");
        assert_eq!((text.status(), text.bytes()), (200, &b"hi"[..]));
        assert_eq!(text.header("Content-Type"), Some("text/plain; charset=utf-8"));
        let json = Response::json(b"{}").with_status(201);
        assert_eq!((json.status(), json.bytes()), (201, &b"{}"[..]));
        assert_eq!(json.header("content-type"), Some("application/json"));
    }

    #[test]
    fn headers_keep_their_order_and_may_repeat() {
        let response = Response::new(200).with_header("a", "1").with_header("a", String::from("2"));
        assert_eq!(response.headers().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
        assert_eq!(response.header("a"), Some("1"));
        assert_eq!(response.header("b"), None);
    }

    #[test]
    fn a_header_field_can_be_replaced() {
        let response = Response::html("<p>").with_header("a", "1").with_header("A", "2");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        let response = response.with_content_type("application/xhtml+xml").without_header("a");
        let headers: Vec<_> = response.headers().collect();
        assert_eq!(headers, [("content-type", "application/xhtml+xml")]);
    }

    #[test]
    fn texts_and_nothing_are_responses() {
        assert_eq!(Response::from("a"), Response::text("a"));
        assert_eq!(Response::from(String::from("a")), Response::text("a"));
        assert_eq!(Response::from(()), Response::new(204));
        let moved = Response::redirect(303, "/there");
        assert_eq!((moved.status(), moved.header("location")), (303, Some("/there")));
    }

    #[test]
    fn an_owned_body_is_moved() {
        let body = vec![7; 100];
        let address = body.as_ptr();
        let (status, headers, body) = Response::new(204).body(body).into_parts();
        assert_eq!((status, headers.len(), body.as_ptr()), (204, 0, address));
    }
}
