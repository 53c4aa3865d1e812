//! phase-arena: the memory of a processor.
#![no_std]

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
extern crate std;

mod arena;
pub mod classes;
mod front;
mod global;
mod heap;
mod persistent;
mod phases;
mod region;
mod scope;
mod scope_vec;
mod usage;

pub use arena::Arena;
pub use global::GlobalArena;
pub use phases::PHASES_MAX;
pub use scope::{Exhausted, Scope};
pub use scope_vec::ScopeVec;
pub use usage::Usage;
