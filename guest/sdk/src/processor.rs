//! The trait that the author of a processor implements.

use crate::request::Request;
use crate::response::Response;
use crate::settings::Settings;

/// A program that answers requests, one at a time.
///
/// The value is the state of an instance. It lives as long as the instance. An instance serves many
/// requests: the next request sees what a request leaves in the state.
pub trait Processor: Sized + 'static {
    /// Builds the processor before the first request. What this allocates is never reset.
    ///
    /// If the host does not call `configure`, the first request calls it without settings.
    ///
    /// # Errors
    ///
    /// A sentence for the operator, lower case, that names the setting. The instance then serves
    /// nothing.
    fn configure(settings: Settings<'_>) -> Result<Self, String>;

    /// Answers one request.
    fn handle(&mut self, request: Request<'_>) -> Response;
}
