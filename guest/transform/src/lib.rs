//! Runs programs in the language of jq 1.8 over JSON documents: the flagship processor.
//!
//! In reading order: [`settings`] parses the operator's settings, [`transform`] maps HTTP to runs,
//! `brought` finds the program that a request brings, [`programs`] caches compiled ad-hoc programs,
//! [`engine`] is the interface to the engine (the crate `arenaria-jq`), [`problem`] and [`position`]
//! write errors. `exports` has the exports of the component; everything else works natively, and is
//! tested natively.
#![deny(unsafe_code)]

pub mod engine;
pub mod position;
pub mod problem;
pub mod programs;
pub mod settings;
pub mod transform;

mod brought;
mod exports;
mod json_text;
