//! A `wasi:http` 0.3 component in Rust that answers by path, as the other test components do: see
//! `examples/test-components/README.md`.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
mod component;
