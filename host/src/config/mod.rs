//! The configuration: what was typed, and what it means.

pub(crate) mod built_in;
pub(crate) mod client_key;
pub(crate) mod connection_memory;
pub(crate) mod development;
pub(crate) mod file;
pub(crate) mod grants;
pub(crate) mod isolation;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod path;
pub(crate) mod proxies;
mod ranges;
pub(crate) mod rate;
mod reload;
pub(crate) mod requests;
pub(crate) mod route;
pub(crate) mod serve_args;
pub(crate) mod settings;
pub(crate) mod text;
pub(crate) mod units;
