//! An HTTP host for WebAssembly components that keep all memory of a request in one box of fixed
//! size, which is reset when the request ends.
//!
//! There are two ways in: [`cli`], the commands of the binary, and [`embed`], one component as a library.
//! Everything else is private. The folders are listed from the top down, and a folder imports only from
//! itself and from folders below it.
//!
//! What the host deliberately does not do: it gives a guest nothing but what an operator grants by
//! name, and it never reads or writes a guest's memory but through the calls of the contract.

#![forbid(unsafe_code)]

pub mod cli;

mod server;

mod http;

pub mod embed;
mod pool;

mod runtime;

mod component;

mod config;
