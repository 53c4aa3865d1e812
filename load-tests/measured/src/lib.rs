//! What the programs that write pages of measurements share. A page is text written by hand, with blocks between
//! marks that a program replaces. It knows nothing of what is measured.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod clock;
pub mod plot;
pub mod statistics;
pub mod text;
