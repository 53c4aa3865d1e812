//! Random programs for the arena, and a plain model that checks every step of them.
//!
//! Bytes are decoded into a [`Life`]: a region, a configuration, requests. To run it is to check the invariants of
//! `phase-arena` after each operation. Four runners use it, with the same programs:
//!
//! - proptest, and Miri: `guest/arena/tests/it/programs.rs`;
//! - libFuzzer: `guest/arena/fuzz`, by `cargo xtask fuzz`;
//! - a guest inside wasmtime: `guest/fixtures/model`, by `host/tests/it/arena_model.rs`.
//!
//! [`Collections`] is another kind of program: ordinary collections over the global allocator. Inside the sandbox that is
//! the arena, elsewhere it is the system's, so both must end with the same contents.

mod checks;
mod collections;
mod decode;
mod life;
mod model;
mod random;
mod sandbox;

pub use collections::Collections;
pub use life::{Life, Op};
pub use random::Random;
pub use sandbox::{Block, Contents, Sandbox};
