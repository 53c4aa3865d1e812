//! An answer as the host of the bridge sends it: valid HTTP, with its length.

/// A response, with its `content-length` where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Adds `content-length`, so that the host need not send the body in chunks. An answer without
    /// content has neither.
    pub(crate) fn framed(status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> Self {
        let mut answer = Self { status, headers, body };
        if matches!(status, 204 | 304) {
            answer.body = Vec::new();
        } else {
            let length = answer.body.len().to_string().into_bytes();
            answer.headers.push(("content-length".to_owned(), length));
        }
        answer
    }
}
