//! jq 1.8 over values that live in the memory of one run.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod builtins;
mod compile;
mod contains;
mod dates;
mod decode;
mod encode;
mod error;
mod heap;
mod math;
mod number;
mod order;
mod plan;
mod program;
mod regex;
mod regex_cache;
mod run;
mod syntax;
mod text;
mod value;

pub use program::{CompileError, Engine, Limits, Outcome, Output, Program, Ready, RunError};
