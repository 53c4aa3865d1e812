//! Runs programs in the jaq dialect of jq over JSON documents: the flagship processor.
//!
//! In reading order: [`settings`] parses the operator's settings, [`transform`] maps HTTP to runs,
//! [`programs`] caches compiled ad-hoc programs, [`engine`] is the interface to jaq, `nesting` and
//! `jaq` are behind it, [`problem`] and [`position`] write errors. `exports` has the exports of the
//! component; everything else works natively, and is tested natively.
#![deny(unsafe_code)]

pub mod engine;
pub mod position;
pub mod problem;
pub mod programs;
pub mod settings;
pub mod transform;

mod exports;
mod jaq;
mod json_text;
mod nesting;
