//! The names that hold at a place of a program.

use alloc::vec::Vec;

use crate::plan::Slot;

/// A function that is being compiled: its names and its frame.
pub(super) struct Scope<'t> {
    /// The youngest last.
    pub(super) names: Vec<Name<'t>>,
    /// How many values a frame has so far.
    pub(super) slots: u32,
}

/// A name, and what it means.
#[derive(Clone, Copy)]
pub(super) enum Name<'t> {
    Variable { name: &'t str, slot: u32 },
    Label { name: &'t str, slot: u32 },
    Parameter { name: &'t str, slot: u32 },
    Function { name: &'t str, arity: usize, function: Known },
}

/// What the caller of a function has to know.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) function: u32,
    /// A bit for each parameter: it is a value (`$x`).
    pub(super) values: u64,
    /// A bit for each value parameter that is used as a filter too.
    pub(super) filters: u64,
}

impl Scope<'_> {
    /// The scope of the main program. Its frame has no frame around it, but the same shape.
    pub(super) fn main() -> Self {
        Self { names: Vec::new(), slots: 1 }
    }

    pub(super) fn new_slot(&mut self) -> u32 {
        self.slots += 1;
        self.slots - 1
    }
}

/// Finds the youngest name for which `wanted` gives something. Gives the hops to its function too.
pub(super) fn find<'t, T>(
    scopes: &[Scope<'t>],
    wanted: impl Fn(&Name<'t>) -> Option<T>,
) -> Option<(u32, T)> {
    scopes.iter().rev().zip(0..).find_map(|(scope, hops)| {
        let found = scope.names.iter().rev().find_map(&wanted)?;
        Some((hops, found))
    })
}

/// The place of a variable, a label or a parameter.
pub(super) fn slot(hops: u32, at: u32) -> Slot {
    Slot { hops, at }
}
