//! The bridge to hosts of `wasi:http` 0.3. What it answers is the affair of the library `bridge`; here
//! is how a request is read and an answer written.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
mod serve;
