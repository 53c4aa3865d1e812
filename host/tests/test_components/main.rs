//! Tests of the server with components from other toolchains: the same component in JavaScript,
//! Python and Rust, for `wasi:http` 0.2 and 0.3, and processors in JavaScript and Python.
//!
//! A test for every language is a function that takes the language. `in_every_language!` makes a
//! test per language, with the language in its name. The components are built by `cargo xtask
//! test-components`, or are in the folder `test-components` below `ARENARIA_COMPONENTS`. The tools
//! are shared with the other tests.

#[path = "../it/client.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod client;
#[path = "../it/config.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod config;
#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod harness;
#[path = "../it/scrape.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod scrape;

#[macro_use]
mod language;

mod answers;
mod edges;
mod faults;
mod grants;
mod processors;
mod refused;
mod retirement;
mod streams;
