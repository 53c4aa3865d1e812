//! Runs programs in the jaq dialect of jq over JSON documents: the flagship processor.
//!
//! In reading order: [`settings`] is what an operator can say, [`transform`] the HTTP face,
//! [`programs`] the kept ad-hoc programs, [`engine`] the one small interface to what runs them,
//! `scan` and `jaq` what is behind it, [`problem`] and [`place`] how errors are told. `exports` is
//! where the component meets its host; everything else works natively, which is how it is tested.
#![deny(unsafe_code)]

pub mod engine;
pub mod place;
pub mod problem;
pub mod programs;
pub mod settings;
pub mod transform;

mod exports;
mod jaq;
mod json_text;
mod scan;
