//! What the programs of this crate share, in reading order: documents to send, native jq to compare
//! with, a server process to send them to, three ways to send them, and what comes out: figures, and
//! a report of them.
//!
//! The crate speaks HTTP only. It deliberately links nothing of the server, so that what it
//! measures is the binary that a user runs.
#![forbid(unsafe_code)]

pub mod random;

pub mod payload;

pub mod jq;

pub mod files;

pub mod process;

pub mod server;

pub mod peers;

pub mod procfs;

pub mod generator;

pub mod cross_check;

pub mod monitor;

pub mod machine;

pub mod figures;

pub mod trend;

pub mod table;

pub mod report;

pub mod html;
