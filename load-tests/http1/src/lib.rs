//! HTTP/1.1 as tests need it, in reading order: where a response ends, a blocking client that sends the
//! bytes it is given, and what `/metrics` says.
//!
//! It is for tests and load tests alone, and deliberately not a library's client: such a client would
//! repair, hide or refuse what is tested. It understands lengths and chunks, nothing else.
#![forbid(unsafe_code)]

pub mod framing;

pub mod client;

pub mod prometheus;
