//! The whole engine on programs and documents that a grammar makes.
#![no_main]

use arenaria_jq_fuzz::engine::Case;
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

/// A case of bytes. After a failure it is printed with its program and its document.
#[derive(Debug)]
struct Input(Case);

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(Case::of(bytes.bytes(bytes.len())?)))
    }
}

libfuzzer_sys::fuzz_target!(|input: Input| input.0.check());
