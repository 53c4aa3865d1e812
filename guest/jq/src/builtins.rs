//! The builtins.
//!
//! Three kinds: those that are nodes of the plan (`compile::builtin`), those that are functions here, and those that
//! are written in jq (`library`). A function here gets the input and the values of its arguments.

mod arrays;
mod dates;
mod formats;
pub(crate) mod library;
mod native;
mod numbers;
mod objects;
mod paths;
mod patterns;
mod strings;
mod values;

use alloc::string::String;
use alloc::vec::Vec;

use crate::plan::NativeCall;
use crate::run::NativeFunction;
use native::Native;

const TABLES: [&[Native]; 9] = [
    values::TABLE,
    arrays::TABLE,
    objects::TABLE,
    paths::TABLE,
    strings::TABLE,
    patterns::TABLE,
    numbers::TABLE,
    dates::TABLE,
    formats::TABLE,
];

/// The names of all builtins, with their numbers of parameters.
pub(crate) fn names() -> Vec<String> {
    let natives = TABLES.into_iter().flatten().filter(|native| !HIDDEN.contains(&native.name));
    let natives = natives.map(|native| (native.name, usize::from(native.arity)));
    let library = library::LIBRARY.iter().map(|(name, arity, _)| (*name, *arity));
    let all = natives.chain(library).chain(NODES.iter().copied());
    all.map(|(name, arity)| alloc::format!("{name}/{arity}")).collect()
}

/// Not jq's, but used by the library.
const HIDDEN: [&str; 2] = ["capture_object", "_strindices"];

/// The builtins that are nodes of the plan.
const NODES: &[(&str, usize)] = &[
    ("add", 0),
    ("add", 1),
    ("all", 0),
    ("all", 1),
    ("all", 2),
    ("any", 0),
    ("any", 1),
    ("any", 2),
    ("builtins", 0),
    ("del", 1),
    ("empty", 0),
    ("error", 0),
    ("error", 1),
    ("first", 1),
    ("getpath", 1),
    ("group_by", 1),
    ("input", 0),
    ("inputs", 0),
    ("isempty", 1),
    ("last", 1),
    ("limit", 2),
    ("map", 1),
    ("max_by", 1),
    ("min_by", 1),
    ("path", 1),
    ("range", 1),
    ("range", 2),
    ("range", 3),
    ("recurse", 0),
    ("recurse", 1),
    ("select", 1),
    ("skip", 2),
    ("sort_by", 1),
    ("unique_by", 1),
    ("walk", 1),
    ("arrays", 0),
    ("booleans", 0),
    ("iterables", 0),
    ("nulls", 0),
    ("numbers", 0),
    ("objects", 0),
    ("scalars", 0),
    ("strings", 0),
    ("values", 0),
    ("tostream", 0),
    ("fromstream", 1),
];

/// The native builtin of this name.
pub(crate) fn native(name: &str, arity: usize) -> Option<NativeCall> {
    TABLES.into_iter().enumerate().find_map(|(table, natives)| {
        let is_it = |native: &Native| native.name == name && usize::from(native.arity) == arity;
        let at = natives.iter().position(is_it)?;
        let Native { name, arity, gives_many, mutates, ignores_input, .. } = natives[at];
        Some(NativeCall {
            id: [table as u8, at as u8],
            name,
            arity,
            gives_many,
            mutates,
            ignores_input,
        })
    })
}

/// The function of a native builtin.
pub(crate) fn function([table, at]: [u8; 2]) -> NativeFunction {
    TABLES[usize::from(table)][usize::from(at)].function
}
