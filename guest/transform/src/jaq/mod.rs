//! The engine jaq. Nothing outside this folder names a type of jaq.

mod compile;
mod decoder;
mod encoder;
mod functions;
mod message;
mod prelude;
mod run;
mod tables;

pub(crate) use compile::{Compiled, Library};
