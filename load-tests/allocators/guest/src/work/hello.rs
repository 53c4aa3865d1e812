//! The smallest program.

use arenaria_guest::{Request, Response};

pub(crate) struct Work;

impl Work {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn handle(&mut self, _: Request<'_>) -> Response {
        Response::text("hello, world\n")
    }
}
