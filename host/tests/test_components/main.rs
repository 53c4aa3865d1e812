//! Tests of the server with components of other people's making: the same ones in JavaScript, Python
//! and Rust, for both generations of `wasi:http`, and processors in JavaScript and Python.
//!
//! What is tested of every language is a function that takes the language; `in_every_language!` makes
//! the tests of it, whose names contain the language. The components are those of `cargo xtask test-components`,
//! or of the folder `test-components` in the one that `ARENARIA_COMPONENTS` names. The tools are those of the
//! other tests.

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
mod faults;
mod grants;
mod processors;
mod refused;
mod retirement;
mod streams;
