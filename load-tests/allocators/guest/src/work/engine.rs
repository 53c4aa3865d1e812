//! The flagship's engine: its values lie in chunks, which come from the allocator.

use arenaria_guest::{Request, Response};
use arenaria_jq::{Engine, Limits, Program};
use core::ops::ControlFlow;

pub(crate) struct Work(Program);

impl Work {
    pub(crate) fn new() -> Self {
        Self(
            Program::compile(super::jq_program::PROGRAM, &Limits::default())
                .expect("the program is one of jq"),
        )
    }

    pub(crate) fn handle(&mut self, request: Request<'_>) -> Response {
        let mut engine = Engine::new();
        let mut out = Vec::new();
        let ready = engine
            .read(&self.0, request.body(), &Limits::default(), None)
            .expect("the body is JSON");
        let mut take = |output: arenaria_jq::Output<'_>| {
            output.write(&mut out);
            out.push(b'\n');
            ControlFlow::Continue(())
        };
        ready.run(&mut take).expect("the program runs on every document of the comparison");
        Response::new(200).body(out)
    }
}
