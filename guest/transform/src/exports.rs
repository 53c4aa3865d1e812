//! The exports of the component: the processor, and the interface `jq` for hosts that have a
//! document and not an HTTP request. The only file with unsafe code, all of it generated.
#![cfg_attr(
    target_family = "wasm",
    expect(unsafe_code, reason = "exports of the canonical ABI are called with raw pointers")
)]

use crate::engine::{self, Engine, Input};
use crate::settings::{NOTHING_TO_DO, Options};
use crate::transform::Transform;
use arenaria_guest::{persistent, request, request_with};
use bindings::exports::arenaria::transform::jq;
use std::cell::RefCell;

arenaria_guest::export!(Transform);

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/transform"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package arenaria:transform-jq;
            world jq-only {
                export arenaria:transform/jq@0.1.0;
            }
        ",
        path: ["../../wit/processor", "../../wit/transform"],
        world: "arenaria:transform-jq/jq-only",
    });
}

#[cfg(target_family = "wasm")]
bindings::export!(Jq with_types_in bindings);

struct Jq;

thread_local! {
    /// For a host that calls `jq` without a call of `configure`.
    static UNCONFIGURED: RefCell<Option<Transform>> = const { RefCell::new(None) };
}

impl jq::Guest for Jq {
    fn transform(program: String, document: Vec<u8>) -> Result<Vec<u8>, jq::Error> {
        with_transform(move |transform| {
            let limits = transform.run_limits();
            let outputs = transform.programs().with(&program, |program| {
                let mut out = Vec::new();
                let input = Input { document: &document, now: None };
                Engine::new().run(program, input, limits, &mut out).map(|_| out)
            })?;
            Ok(outputs?)
        })
    }

    fn check(program: String) -> Result<(), jq::Error> {
        with_transform(move |transform| {
            transform.programs().compile(&program)?;
            Ok(())
        })
    }
}

/// Runs `f` as a request, with the processor of this instance. If that was not configured, with one
/// that has the default options.
fn with_transform<R>(
    f: impl FnOnce(&mut Transform) -> Result<R, jq::Error>,
) -> Result<R, jq::Error> {
    let mut f = Some(f);
    let mut once = |transform: &mut Transform| (f.take().expect("called once"))(transform);
    match request_with(&mut once) {
        Ok(result) => result,
        Err(sentence) if sentence == NOTHING_TO_DO => request(|| {
            UNCONFIGURED.with_borrow_mut(|transform| {
                let new = || persistent(|| Transform::new(Options::DEFAULT));
                once(transform.get_or_insert_with(new))
            })
        }),
        Err(sentence) => {
            Err(jq::Error { kind: jq::ErrorKind::Program, message: sentence, offset: None })
        }
    }
}

impl From<engine::ProgramError> for jq::Error {
    fn from(error: engine::ProgramError) -> Self {
        let offset = error.offset.map(|offset| offset as u64);
        Self { kind: jq::ErrorKind::Program, message: error.message, offset }
    }
}

impl From<engine::Error> for jq::Error {
    fn from(error: engine::Error) -> Self {
        let kind = match error.kind {
            engine::ErrorKind::Document => jq::ErrorKind::Document,
            engine::ErrorKind::Run => jq::ErrorKind::Run,
            engine::ErrorKind::Output => jq::ErrorKind::Output,
            engine::ErrorKind::Memory => jq::ErrorKind::Memory,
        };
        let offset = error.offset.map(|offset| offset as u64);
        Self { kind, message: error.message, offset }
    }
}
