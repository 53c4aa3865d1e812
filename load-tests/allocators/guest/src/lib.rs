//! A processor for the comparison of allocators: one program (`src/work/`) over one allocator (`allocator.rs`). Features
//! choose both. `configure` runs the program once, so that what is built on first use is there before the first request.

mod allocator;
mod work;

use arenaria_guest::{Processor, Request, Response, Settings};

use crate::work::Work;

struct Guest(Work);

impl Processor for Guest {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&["sample"])?;
        let mut work = Work::new();
        if let Some(sample) = settings.get("sample") {
            work.handle(Request::new("POST", "/").with_body(sample.as_bytes()));
        }
        allocator::configured();
        Ok(Self(work))
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        self.0.handle(request)
    }
}

arenaria_guest::export!(Guest);
