//! What the author of a processor implements.

use crate::{Request, Response, Settings};

/// A program that answers requests, one at a time.
///
/// The value is the state of an instance. It lives as long as the instance does, and an instance
/// serves many requests: what a request leaves in the state is there for the next one.
pub trait Processor: Sized + 'static {
    /// Builds the processor before the first request. What this allocates is never reset.
    ///
    /// A host that never configures its instances gives no settings: the first request then
    /// configures with none.
    ///
    /// # Errors
    ///
    /// A sentence for the operator, lower case, that names the setting. The instance then serves
    /// nothing.
    fn configure(settings: Settings<'_>) -> Result<Self, String>;

    /// Answers one request.
    fn handle(&mut self, request: Request<'_>) -> Response;
}
