//! The exports of the world `processor`: the generated bindings, and calls of the processor. The
//! function with which the host allocates comes with the allocator, in `memory`.

use std::marker::PhantomData;

use bindings::exports::arenaria::processor::{handler, lifecycle, memory};

use crate::memory::ARENA;
use crate::request::Request;
use crate::state::{self, Exported};

#[allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated")]
#[allow(unsafe_code, reason = "exports of the canonical ABI are called with raw pointers")]
pub mod bindings {
    //! Generated from `wit`.
    wit_bindgen::generate!({
        path: "wit",
        world: "processor",
        pub_export_macro: true,
    });
}

/// The exports of a component, implemented by a processor.
#[derive(Debug)]
pub struct Component<P>(PhantomData<P>);

impl<P: Exported> Component<P> {
    #[doc(hidden)]
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P: Exported> handler::Guest for Component<P> {
    fn handle(request: handler::Request) -> handler::Response {
        // The request moves into the bracket, so that it is freed before the bracket ends.
        let response = state::handle::<P>(move |processor| processor.handle(borrow(&request)));
        let (status, headers, body) = response.into_parts();
        handler::Response { status, headers, body }
    }
}

fn borrow(request: &handler::Request) -> Request<'_> {
    Request::new(&request.method, &request.path_with_query)
        .with_headers(&request.headers)
        .with_body(&request.body)
        .with_received_at(request.received_at)
}

impl<P: Exported> lifecycle::Guest for Component<P> {
    fn configure(settings: Vec<(String, String)>) -> Result<(), String> {
        state::configure::<P>(settings)
    }
}

impl<P: Exported> memory::Guest for Component<P> {
    fn usage() -> memory::ArenaUsage {
        state::inspect(|| {
            // Before the result allocates anything.
            let usage = ARENA.usage();
            memory::ArenaUsage {
                capacity: usage.capacity,
                in_use: usage.in_use,
                high_water: usage.high_water,
                request_high_water: usage.request_high_water,
                resets: usage.resets,
                sealed: usage.sealed,
                request_survivors: usage.request_survivors,
                spills: usage.spills,
                persistent: usage.persistent,
                phases: ARENA.phases().map(phase_usage).collect(),
                retire: usage.retire,
            }
        })
    }
}

fn phase_usage((name, high_water): (&'static str, usize)) -> memory::PhaseUsage {
    memory::PhaseUsage { name: name.to_owned(), high_water: high_water as u64 }
}
