//! The imports of a bridge besides `wasi:http`: the processor, and the host's settings.
//!
//! A component imports only the interfaces that its bridge calls.

use crate::processor::{Processor, Request, Response};
use bindings::arenaria::processor::{handler, lifecycle};
use bindings::wasi::config::store;

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package arenaria:bridge;
            world bridge {
                import arenaria:processor/handler@0.1.0;
                import arenaria:processor/lifecycle@0.1.0;
                import wasi:config/store@0.2.0-rc.1;
            }
        ",
        path: ["../../wit/processor", "wit/config"],
        world: "arenaria:bridge/bridge",
        generate_all,
    });
}

/// The processor that the bridge is composed with.
#[derive(Debug)]
pub struct Imported;

impl Processor for Imported {
    fn configure(&self, settings: &[(String, String)]) -> Result<(), String> {
        lifecycle::configure(settings)
    }

    fn handle(&self, request: Request) -> Response {
        let Request { method, path_with_query, headers, body, received_at } = request;
        let request = handler::Request { method, path_with_query, headers, body, received_at };
        let handler::Response { status, headers, body } = handler::handle(&request);
        Response { status, headers, body }
    }
}

/// All settings of `wasi:config/store`, by name.
///
/// # Errors
///
/// Why the host cannot provide them.
pub fn config_store() -> Result<Vec<(String, String)>, String> {
    let settings = store::get_all().map_err(|error| match error {
        store::Error::Upstream(what) | store::Error::Io(what) => {
            format!("the host cannot say its settings: {what}")
        }
    });
    settings.map(|mut settings| {
        settings.sort();
        settings
    })
}
