//! What the programs of this crate share, in reading order: documents to send, a server process to
//! send them to, three ways to send them, and what comes out: figures, and a report of them.
//!
//! The crate speaks HTTP only. It deliberately links nothing of the server, so that what it
//! measures is the binary that a user runs.
#![forbid(unsafe_code)]

pub mod random;

pub mod payload;

pub mod files;
pub mod process;
pub mod procfs;
pub mod server;

pub mod peers;

pub mod generator;

pub mod cross_check;
pub mod h2load;
pub mod machine;
pub mod monitor;

pub mod figures;
pub mod table;
pub mod trend;

pub mod report;

pub mod compare;

pub mod html;
