//! What it answers.

use std::cell::Cell;
use std::thread::sleep;
use std::time::Duration;

use bindings::exports::arenaria::processor::handler::{self, Request, Response};
use bindings::exports::arenaria::processor::lifecycle;
use bindings::exports::arenaria::processor::memory::{self, ArenaUsage};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from wit/processor")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit/processor", world: "processor" });
}

const LONG: Duration = Duration::from_secs(3600);

thread_local! {
    static USAGE_SLEEPS: Cell<bool> = const { Cell::new(false) };
}

struct Processor;

bindings::export!(Processor with_types_in bindings);

impl lifecycle::Guest for Processor {
    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        for (name, value) in settings {
            match (name.as_str(), value.as_str()) {
                ("sleep", "configure") => sleep(LONG),
                ("sleep", "usage") => USAGE_SLEEPS.set(true),
                _ => return Err(format!("expected a known setting, got {name} = {value}")),
            }
        }
        Ok(())
    }
}

impl handler::Guest for Processor {
    fn handle(request: Request) -> Response {
        if request.path_with_query == "/sleep" {
            sleep(LONG);
        }
        Response { status: 200, headers: Vec::new(), body: b"awake\n".to_vec() }
    }
}

impl memory::Guest for Processor {
    fn usage() -> ArenaUsage {
        if USAGE_SLEEPS.get() {
            sleep(LONG);
        }
        ArenaUsage {
            capacity: 0,
            in_use: 0,
            high_water: 0,
            request_high_water: 0,
            resets: 0,
            sealed: 0,
            request_survivors: 0,
            spills: 0,
            persistent: 0,
            phases: Vec::new(),
            retire: false,
        }
    }
}
