//! `arenaria test`: requests with expected responses, in files that editors and people read.
//!
//! `file` reads them, `served` sends them through the server's own handler, `compare` finds what differs, `run`
//! does all of it and `report` says what came out.

mod compare;
pub(crate) mod file;
mod json;
pub(crate) mod report;
pub(crate) mod run;
mod served;
mod syntax;
