//! One connection and its requests: from HTTP to a component and back.

pub(crate) mod body;
pub(crate) mod body_budget;
pub(crate) mod connection;
pub(crate) mod handler;
pub(crate) mod problem;
pub(crate) mod records;
pub(crate) mod wasi_http;
