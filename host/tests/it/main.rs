//! Tests of the server through its public interfaces: a process, a command line, two sockets.
//!
//! Only `embed` uses the host's types. `harness`, `config`, `client` and `scrape` are the tools;
//! every other module is one subject. Components are built by `cargo xtask guests`, or are in the
//! folder that `ARENARIA_COMPONENTS` names.

mod admission;
mod arena_model;
mod bridge;
mod cli;
mod client;
mod collector;
mod config;
mod connections;
mod core_modules;
mod cut;
mod dev;
mod dev_keys;
mod embed;
mod environment;
mod faults;
mod guest_log;
mod guest_text;
mod harness;
mod limits_guest;
mod limits_load;
mod limits_request;
mod limits_table;
mod linear_memory;
mod load;
mod malformed;
mod memory;
mod memory_clients;
mod metrics;
mod mutations;
mod newcomer;
mod operator;
mod outlets;
mod payloads;
mod playground;
mod project;
mod projects;
mod records;
mod records_cut;
mod request_files;
mod routes;
mod scrape;
mod serve_jq;
mod shop;
mod shutdown;
mod start;
mod swap;
mod terminal;
mod transform;
mod transform_values;
mod wasi_http;
mod webhooks;
