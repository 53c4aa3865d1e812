//! Numbers as jq knows them: doubles, and literals that keep their digits until something is computed with them.

mod arithmetic;
mod decimal;
mod digits;
mod double;
mod syntax;
#[cfg(test)]
mod tests;

pub(crate) use arithmetic::{
    REPETITION_LIMIT, contains_index, deletion_index, element_index, modulo, repetitions,
    slice_bounds, store_index,
};
pub(crate) use decimal::{negate_literal, write_literal};
pub(crate) use double::{compare, to_double, write_double};
pub(crate) use syntax::{Parsed, from_literal, parse, parse_program_literal, scan};
