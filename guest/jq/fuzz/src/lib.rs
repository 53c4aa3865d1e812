//! What a fuzzer does with the bytes that it is given.
//!
//! The tests of arenaria-jq include this folder, and run the same functions on random bytes without a fuzzer.

pub mod compiler;
pub mod decoder;
pub mod engine;
mod grammar;
mod reference;
