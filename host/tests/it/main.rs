//! Tests of the server as its users meet it: a process, a command line, two sockets.
//!
//! Nothing here but `embed` knows the host's types. `harness`, `config`, `client` and `scrape` are the tools;
//! every other module is one subject. Components are those of `cargo xtask guests`, or of the folder
//! that `ARENARIA_COMPONENTS` names.

mod bridge;
mod cli;
mod client;
mod collector;
mod config;
mod connections;
mod cut;
mod embed;
mod environment;
mod faults;
mod harness;
mod limits_guest;
mod limits_load;
mod limits_request;
mod limits_table;
mod linear_memory;
mod malformed;
mod memory;
mod metrics;
mod operator;
mod payloads;
mod playground;
mod records;
mod records_cut;
mod routes;
mod scrape;
mod shutdown;
mod start;
mod transform;
mod transform_values;
mod wasi_http;
mod webhooks;
