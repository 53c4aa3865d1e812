//! An HTTP host for WebAssembly components. Each component keeps all memory of a request in a
//! region of fixed size, which is reset when the request ends.
//!
//! There are two entry points: [`cli`], the commands of the binary, and [`embed`], one component as
//! a library. Everything else is private. The modules are listed from the top down. A folder
//! imports only from itself and from folders below it.
//!
//! The host gives a guest access only to what an operator grants by name. It reads and writes a guest's
//! memory only to pass what the WIT contract says, in one file.

// The one exception is `runtime/trusted_code`.
#![deny(unsafe_code)]

pub mod cli;

mod project;

mod server;

mod http;

pub mod embed;
mod pool;

mod runtime;

mod component;

mod config;
