//! An HTTP host for WebAssembly components that keep all memory of a request in one box of fixed
//! size, which is reset when the request ends.
//!
//! For others there are two ways in: [`embed`], one processor as a library, and [`commands`], what the
//! binary does with what was typed ([`args`]). Everything else is private, in reading order: what was
//! typed and what it means (`config`, `limits`, `units`, `grants`), whether it fits (`budget`); what a
//! component is and how its memory is bounded (`world`, `contract`, `component`, `bridge`), how it is run
//! (`engine`, `instance`); and the server: workers, their slots, connections and requests.
//!
//! What the host deliberately does not do: it gives a guest nothing but what an operator grants by
//! name, and it never reads or writes a guest's memory but through the calls of the contract.

#![forbid(unsafe_code)]

pub mod args;
pub mod commands;
pub mod embed;

mod config;
mod grants;
mod limits;
mod units;

mod budget;

mod bridge;
mod component;
mod contract;
mod world;

mod bindings;
mod engine;
mod instance;

mod exchange;
mod fault;
mod guest;
mod guest_output;
mod memory;
mod timer;

mod server;

mod worker;

mod connection;
mod handler;

mod body;
mod foreign;
mod problem;
mod records;

mod route;
mod sampler;
mod slots;

mod metrics;
mod operator;
mod playground;
mod share;
