//! What it answers.

use std::cell::Cell;
use std::thread::sleep;
use std::time::Duration;

use bindings::exports::arenaria::processor::handler::{self, Request, Response};
use bindings::exports::arenaria::processor::lifecycle;
use bindings::exports::arenaria::processor::memory::{self, ArenaUsage};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

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
                ("ask", authority) => ask(authority)?,
                _ => return Err(format!("expected a known setting, got {name} = {value}")),
            }
        }
        Ok(())
    }
}

/// Sends a request, and waits for the head of its response.
fn ask(authority: &str) -> Result<(), String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("it is a scheme");
    request.set_authority(Some(authority)).map_err(|()| format!("cannot ask {authority}"))?;
    request.set_path_with_query(Some("/")).expect("it is a path");
    let response = outgoing_handler::handle(request, None);
    let response = response.map_err(|error| format!("cannot ask {authority}: {error:?}"))?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(_))) => Ok(()),
        other => Err(format!("expected a response of {authority}, got {other:?}")),
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
