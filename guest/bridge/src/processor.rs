//! The processor as the bridge sees it, in plain types. `imported` implements it in a component.

/// What the bridge calls: the exports `handler` and `lifecycle` of `arenaria:processor`.
pub trait Processor {
    /// Called once, before the first request.
    ///
    /// # Errors
    ///
    /// A sentence for the operator: the processor serves nothing.
    fn configure(&self, settings: &[(String, String)]) -> Result<(), String>;

    /// Processes one request.
    fn handle(&self, request: Request) -> Response;
}

/// A request to the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path and query.
    pub path_with_query: String,
    /// The header fields that are forwarded.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
    /// Nanoseconds since 1970.
    pub received_at: u64,
}

/// A response of the processor, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}
