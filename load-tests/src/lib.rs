//! What the three programs of this crate share, in reading order: documents to send, native jq
//! to compare with, a server
//! process to send them to, two ways to send them, and the figures that come out.
//!
//! The crate speaks HTTP only. It deliberately links nothing of the server, so that what it
//! measures is the binary that a user runs.
#![forbid(unsafe_code)]

pub mod random;

pub mod payload;

pub mod jq;

pub mod files;

pub mod server;

pub mod procfs;

pub mod client;

pub mod wrk;

pub mod metrics;

pub mod machine;

pub mod figures;

pub mod table;
