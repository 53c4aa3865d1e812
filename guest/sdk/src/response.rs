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
    fn an_owned_body_is_moved() {
        let body = vec![7; 100];
        let address = body.as_ptr();
        let (status, headers, body) = Response::new(204).body(body).into_parts();
        assert_eq!((status, headers.len(), body.as_ptr()), (204, 0, address));
    }
}
