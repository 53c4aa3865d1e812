//! Runs a compiled program in three phases: decode, transform, encode.
//!
//! No output is written before all are computed: a run gives all of its outputs, or an error.

use super::compile::Compiled;
use super::decoder::{DecodeError, Flaw, Scratch, decode};
use super::encoder::{EncodeError, dismantle, encode};
use super::functions::{Context, Kind};
use super::message::message;
use crate::engine::errors::{Error, ErrorKind};
use crate::engine::input::Input;
use crate::engine::limits::RunLimits;
use arenaria_guest::{ScopeVec, phase};
use jaq_core::{Ctx, Vars};
use jaq_json::Val;

impl Compiled {
    pub(crate) fn run(
        &self,
        input: Input<'_>,
        limits: RunLimits,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let value = phase("decode", |scope| {
            decode(input.document, limits.depth_max, &mut ScopeScratch(ScopeVec::new(scope)))
        });
        let value = value.map_err(|error| document_error(error, limits.depth_max))?;
        let outputs = phase("transform", |_| self.outputs(value, input.now, limits))?;
        let count = outputs.len();
        phase("encode", |_| write(outputs, limits.depth_max, out))?;
        Ok(count)
    }

    fn outputs(&self, value: Val, now: Option<u64>, limits: RunLimits) -> Result<Vec<Val>, Error> {
        let context =
            Context { lut: &self.0.lut, now: now.map(seconds), depth_max: limits.depth_max };
        let context = Ctx::<Kind>::new(context, Vars::new([]));
        let mut outputs = Vec::new();
        for output in self.0.id.run((context, value)) {
            let value = output.map_err(|exception| match exception.get_err() {
                Ok(error) => failed(message(error)),
                // `break` cannot leave its label and `halt` does not exist.
                Err(_) => failed("the program ended unexpectedly".to_owned()),
            })?;
            if outputs.len() == limits.outputs_max {
                return Err(Error {
                    kind: ErrorKind::Output,
                    message: format!("the program gives more than {} outputs", limits.outputs_max),
                    offset: None,
                    limit: Some(("outputs-max", limits.outputs_max)),
                });
            }
            outputs.try_reserve(1).map_err(|_| exhausted())?;
            outputs.push(value);
        }
        Ok(outputs)
    }
}

/// Seconds of nanoseconds, as exactly as a float can.
fn seconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000_000_000) as f64 + (nanoseconds % 1_000_000_000) as f64 / 1e9
}

fn write(outputs: Vec<Val>, depth_max: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    for output in &outputs {
        let written = encode(output, depth_max, out).and_then(|()| {
            out.try_reserve(1).map_err(|_| EncodeError::Memory)?;
            out.push(b'\n');
            Ok(())
        });
        if let Err(error) = written {
            outputs.into_iter().for_each(dismantle);
            return Err(output_error(error, depth_max));
        }
    }
    Ok(())
}

/// The decoder's strings in the scope of its phase: they are freed at once when the phase ends.
struct ScopeScratch<'s>(ScopeVec<'s, u8>);

impl Scratch for ScopeScratch<'_> {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn extend(&mut self, bytes: &[u8]) -> Option<()> {
        self.0.try_extend_from_slice(bytes).ok()
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn document_error(error: DecodeError, depth_max: usize) -> Error {
    let offset = Some(error.offset);
    match error.flaw {
        Flaw::Syntax(message) => {
            Error { kind: ErrorKind::Document, message: message.to_owned(), offset, limit: None }
        }
        Flaw::Depth => Error {
            kind: ErrorKind::Document,
            message: format!("the document nests more than {depth_max} arrays and objects"),
            offset,
            limit: Some(("depth-max", depth_max)),
        },
        Flaw::Memory => exhausted(),
    }
}

fn output_error(error: EncodeError, depth_max: usize) -> Error {
    let (message, limit) = match error {
        EncodeError::Depth => (
            format!("an output nests more than {depth_max} arrays and objects"),
            Some(("depth-max", depth_max)),
        ),
        EncodeError::Bytes | EncodeError::Key => {
            (format!("an output cannot be written as JSON: {error}"), None)
        }
        EncodeError::Memory => return exhausted(),
    };
    Error { kind: ErrorKind::Output, message, offset: None, limit }
}

fn failed(message: String) -> Error {
    Error { kind: ErrorKind::Run, message, offset: None, limit: None }
}

fn exhausted() -> Error {
    let message = "the memory is exhausted".to_owned();
    Error { kind: ErrorKind::Memory, message, offset: None, limit: None }
}
