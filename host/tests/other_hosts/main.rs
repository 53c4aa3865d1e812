//! Bridged components in other hosts: their responses must equal those of arenaria, byte for byte.
//!
//! `cargo xtask other-hosts` installs the hosts, names them in environment variables and runs this; a
//! test fails if its host is not named. The tools are shared with the tests in `it`.

#[allow(dead_code, reason = "tools of `it`, of which fewer are needed here")]
#[path = "../it/client.rs"]
mod client;
#[allow(dead_code, reason = "tools of `it`, of which fewer are needed here")]
#[path = "../it/config.rs"]
mod config;
#[allow(dead_code, reason = "tools of `it`, of which fewer are needed here")]
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/payloads.rs"]
mod payloads;
#[allow(dead_code, reason = "tools of `it`, of which fewer are needed here")]
#[path = "../it/scrape.rs"]
mod scrape;

mod exchanges;
mod host;
mod interleaved;
mod jco;
mod wasmtime;
