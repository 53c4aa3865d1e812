//! An HTTP host for WebAssembly components that keep all memory of a request in one box of fixed
//! size, which is reset when the request ends.
//!
//! In reading order: what was typed ([`args`]), what it means ([`config`], [`limits`], [`units`]),
//! whether it fits ([`budget`]); what a component is and how its memory is bounded ([`contract`],
//! [`component`]), how it is run ([`engine`], [`instance`]); and the server ([`server`]): workers,
//! their slots, connections and requests. [`embed`] is the other way in: one processor as a library.
//!
//! What the host deliberately does not do: it gives a guest nothing (no clock, no files, no
//! network), and it never reads or writes a guest's memory but through the calls of the contract.

#![forbid(unsafe_code)]

pub mod args;
pub mod config;
pub mod limits;
pub mod units;

pub mod budget;

pub mod bridge;
pub mod component;
pub mod contract;
pub mod grants;
pub mod world;

pub mod bindings;
pub mod engine;
pub mod instance;

mod exchange;
mod fault;
mod guest;
mod guest_output;
mod memory;
mod timer;

pub mod embed;

pub mod server;

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

pub mod commands;
