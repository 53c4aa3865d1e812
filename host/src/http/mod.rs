//! A connection and its requests: from HTTP to a component and back.

pub(crate) mod body;
pub(crate) mod body_budget;
pub(crate) mod buffered;
pub(crate) mod connection;
pub(crate) mod connection_state;
pub(crate) mod decoding;
pub(crate) mod development;
pub(crate) mod handler;
pub(crate) mod http1;
pub(crate) mod message;
pub(crate) mod playground;
pub(crate) mod problem;
pub(crate) mod receive;
mod record_lines;
pub(crate) mod records;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod service;
pub(crate) mod socket;
mod tracked_socket;
pub(crate) mod wasi_http;
mod wasi_http_request;
mod wasi_http_response;
