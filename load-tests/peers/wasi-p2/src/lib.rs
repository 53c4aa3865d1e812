//! The component that hosts of `wasi:http` 0.2 are compared with: the thinnest one that gives the
//! answers of `peer-answers`, built as everybody builds one, with std and its allocator.
//!
//! It makes the fewest calls of the host that an answer can be given with. Making it slower would
//! make the comparison worthless.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
mod peer;
