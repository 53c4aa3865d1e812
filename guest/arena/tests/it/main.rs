//! The arena's tests, one binary: arithmetic, single behaviours, the neighbours' soundness bugs,
//! random programs against a model, and the programs that must not compile.

mod classes;
mod escapes;
mod exhaustion;
mod global;
mod heap;
mod neighbours;
mod persistent;
mod phases;
mod programs;
mod requests;
mod scrub;
mod survivors;
