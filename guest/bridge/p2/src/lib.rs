//! The bridge to hosts of `wasi:http` 0.2: reads requests and writes answers. The library `bridge`
//! decides what the answers are.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
mod serve;
