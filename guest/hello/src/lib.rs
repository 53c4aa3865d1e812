//! The smallest processor: answers `hello, world` to anything.
#![forbid(unsafe_code)]

use arenaria_guest::{Processor, Request, Response, Settings};

struct Hello;

impl Processor for Hello {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[]).map(|()| Hello)
    }

    fn handle(&mut self, _: Request<'_>) -> Response {
        Response::text("hello, world\n")
    }
}

arenaria_guest::export!(Hello);
