//! A connection and its requests: from HTTP to a component and back.

mod bad_head;
pub(crate) mod body;
pub(crate) mod body_budget;
pub(crate) mod buffered;
pub(crate) mod connection;
mod connection_end;
pub(crate) mod connection_state;
pub(crate) mod development;
pub(crate) mod handler;
pub(crate) mod http1;
mod http2;
pub(crate) mod message;
mod message_splitter;
pub(crate) mod playground;
pub(crate) mod problem;
pub(crate) mod receive;
pub(crate) mod records;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod service;
pub(crate) mod socket;
mod streams;
mod target;
mod tracked_socket;
pub(crate) mod wasi_http;
mod wasi_http_request;
mod wasi_http_response;
