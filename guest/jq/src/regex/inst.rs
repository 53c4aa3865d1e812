//! The programs of the matcher.

use alloc::{string::String, vec::Vec};

use super::syntax::{Assert, Greed, One, Set};

/// An instruction. Places are indexes of instructions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inst {
    /// Takes one character.
    One(One),
    /// Takes this part of the literals.
    Literal { start: usize, end: usize },
    /// Goes on at the first place, and when that fails at the second.
    Split { first: usize, second: usize, memo: usize },
    /// Goes on at a place.
    Jump(usize),
    /// Writes the place in the text to a slot.
    Save(usize),
    /// Copies a slot to another.
    Copy { from: usize, to: usize },
    /// Goes on when the condition holds.
    Assert(Assert),
    /// Takes from `min` to `max` characters.
    Run { one: One, min: usize, max: usize, greed: Greed, memo: usize },
    /// Leaves a loop if its last round, which began at the place in the slot, took nothing.
    LeaveEmpty { slot: usize, exit: usize },
    /// Sets a counter to zero.
    CountFrom(usize),
    /// Goes on with another round or leaves, by the counter.
    CountTest { slot: usize, min: usize, max: usize, exit: usize, lazy: bool },
    /// Counts one round more.
    CountRound(usize),
    /// Opens a part that will be closed by its number.
    Open(usize),
    /// Closes a part: forgets its other ways, and may go back to where it began.
    Close { part: usize, back: bool },
    /// Closes a part and fails.
    CloseFail(usize),
    /// Goes back so many characters.
    Back(usize),
    /// Takes the text of the last of the groups in this part of the list.
    Reference { start: usize, end: usize, fold: bool },
    /// Goes on at a place if one of the groups in this part of the list took no part.
    Unless { start: usize, end: usize, target: usize },
    /// Goes on at a place, to come back.
    Call(usize),
    /// Comes back.
    Return,
    /// Fails.
    Fail,
    /// Ends.
    Match,
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) insts: Vec<Inst>,
    pub(super) literals: Vec<u8>,
    pub(super) sets: Vec<Set>,
    pub(super) lists: Vec<usize>,
    pub(super) names: Vec<Option<String>>,
    /// The slots of groups, with those of the whole match, and all slots.
    pub(super) group_slots: usize,
    pub(super) slots: usize,
    /// The number of places that are remembered, or none if what follows a place depends on more than the place.
    pub(super) memos: Option<usize>,
}
