//! The matcher: runs a program on a text, with a stack of the ways not yet tried.
//!
//! All work is counted, and too much of it in one search for matches is an error. A search that gets
//! long remembers, where the program allows it, which places of the program it has tried at which places of the
//! text, so that its time grows with their product and no faster.

use alloc::{string::String, vec, vec::Vec};

use super::{
    inst::{Inst, Program},
    start::Start,
    syntax::Greed,
    text,
};

/// The cost of an instruction. A character of a run, or one given back, costs one.
const INST_COST: u64 = 4;
/// The most that all searches for the matches of one text cost together, for a text of no length.
pub(super) const MAX_COST: u64 = 250_000_000;
/// What every byte of the text adds to that.
const MAX_COST_PER_BYTE: u64 = 256;
/// The most entries of the stack.
pub(super) const MAX_STACK: usize = 1 << 21;
/// The most words of 64 remembered places.
pub(super) const MAX_MEMORY: usize = 1 << 21;
/// The cost after which a search remembers places, for a text of no length.
const PATIENCE: u64 = 1 << 14;
/// What every byte of the text adds to that.
const PATIENCE_PER_BYTE: u64 = 16;

/// The message of a search with too many steps.
pub(super) const TOO_LONG: &str = "retry-limit-in-match over";
/// The message of a search with too many open ways.
pub(super) const TOO_DEEP: &str = "match-stack limit over";

/// The value of a slot that nothing wrote.
pub(super) const UNSET: usize = usize::MAX;

/// An entry of the stack.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// Goes on at an instruction, at a place of the text.
    Way { inst: u32, at: usize, call: u32 },
    /// Gives characters of a run back, down to `least`.
    Shorter { inst: u32, least: usize, at: usize, call: u32 },
    /// Takes one character more, at most so many.
    Longer { inst: u32, at: usize, left: usize, call: u32 },
    /// Restores a slot.
    Slot { slot: u32, value: usize },
    /// Marks where a part began.
    Part { part: u32, at: usize },
}

/// A call of a group: where to come back, the call around it, and the slots of loops to restore.
pub(super) struct Call {
    pub(super) back: usize,
    pub(super) outer: u32,
    pub(super) loops: Vec<usize>,
}

/// The state of a search.
pub(super) struct Matcher<'p, 't> {
    pub(super) program: &'p Program,
    start: &'p Start,
    pub(super) text: &'t [u8],
    pub(super) slots: Vec<usize>,
    pub(super) stack: Vec<Frame>,
    pub(super) calls: Vec<Call>,
    pub(super) memory: Vec<u64>,
    pub(super) remembers: bool,
    pub(super) cost: u64,
    pub(super) limit: u64,
    pub(super) most: u64,
    longest: bool,
    no_empty: bool,
    best: Vec<usize>,
}

/// An index of a program, which is never as long as the type allows.
#[inline]
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Where a way goes on, or that it fails.
pub(super) type Next = Option<(usize, usize)>;

/// The least and the most characters of a run.
pub(super) type Bounds = (usize, usize);

impl<'p, 't> Matcher<'p, 't> {
    /// A matcher of a program and a text.
    pub(super) fn new(
        program: &'p Program,
        start: &'p Start,
        text: &'t [u8],
        longest: bool,
        no_empty: bool,
    ) -> Self {
        Self {
            program,
            start,
            text,
            slots: vec![UNSET; program.slots],
            stack: Vec::new(),
            calls: Vec::new(),
            memory: Vec::new(),
            remembers: false,
            cost: 0,
            limit: 0,
            most: MAX_COST.saturating_add((text.len() as u64).saturating_mul(MAX_COST_PER_BYTE)),
            longest,
            no_empty,
            best: Vec::new(),
        }
    }

    /// Searches for the next match from a place, and leaves its groups in the slots.
    pub(super) fn search(&mut self, from: usize) -> Result<bool, String> {
        self.remembers = false;
        self.best.clear();
        let length = self.text.len().saturating_sub(from) as u64;
        let patience = PATIENCE.saturating_add(length.saturating_mul(PATIENCE_PER_BYTE));
        self.limit = self.cost.saturating_add(patience).min(self.most);
        self.slots.clear();
        self.slots.resize(self.program.slots, UNSET);
        self.cost += self.program.slots as u64;
        let mut at = from;
        while let Some(place) = self.start.next(self.text, from, at) {
            self.cost += INST_COST + (place.saturating_sub(at) as u64 >> 2);
            if self.attempt(place, from)? {
                return Ok(true);
            }
            let Some(byte) = self.text.get(place) else { break };
            at = place + text::length(*byte);
        }
        core::mem::swap(&mut self.slots, &mut self.best);
        Ok(!self.slots.is_empty())
    }

    /// Tries to match at a place.
    fn attempt(&mut self, place: usize, from: usize) -> Result<bool, String> {
        self.stack.clear();
        self.calls.clear();
        // An attempt that fails restores all slots.
        if let Some(slot) = self.slots.first_mut() {
            *slot = place;
        }
        let (mut inst, mut at, mut call) = (0, place, 0_u32);
        loop {
            self.cost += INST_COST;
            if self.cost > self.limit || self.stack.len() > MAX_STACK {
                self.overrun()?;
            }
            let next = match self.program.insts.get(inst) {
                Some(Inst::Match) if self.accepts(place, at) => return Ok(true),
                Some(Inst::Call(target)) => {
                    call = self.enter(inst + 1, call)?;
                    Some((*target, at))
                }
                Some(Inst::Return) => {
                    let back;
                    (back, call) = self.come_back(call);
                    Some((back, at))
                }
                Some(found) => self.run(*found, inst, at, call, from),
                None => None,
            };
            if let Some(found) = next {
                (inst, at) = found;
                continue;
            }
            match self.resume() {
                Some(found) => (inst, at, call) = found,
                None => return Ok(false),
            }
        }
    }

    /// Whether a way to the end is the match. For the longest match it is noted and others are tried.
    fn accepts(&mut self, place: usize, at: usize) -> bool {
        if self.no_empty && at == place {
            return false;
        }
        if let Some(slot) = self.slots.get_mut(1) {
            *slot = at;
        }
        if !self.longest {
            return true;
        }
        let length = |slots: &[usize]| slots.last().copied();
        let own = at - place;
        if length(&self.best).is_none_or(|best| own > best) {
            self.best.clone_from(&self.slots);
            self.best.push(own);
        }
        false
    }

    /// Runs an instruction, and gives where it goes on.
    #[inline]
    fn run(&mut self, found: Inst, inst: usize, at: usize, call: u32, from: usize) -> Next {
        match found {
            Inst::One(one) => {
                text::step(one, &self.program.sets, self.text, at).map(|at| (inst + 1, at))
            }
            Inst::Literal { start, end } => {
                let literal = self.program.literals.get(start..end)?;
                self.text.get(at..)?.starts_with(literal).then_some((inst + 1, at + literal.len()))
            }
            Inst::Split { first, second, memo } => {
                if self.remembers && !self.remember(memo, at) {
                    return None;
                }
                self.push(Frame::Way { inst: narrow(second), at, call });
                Some((first, at))
            }
            Inst::Jump(target) => Some((target, at)),
            Inst::Save(slot) => {
                self.write(slot, at);
                Some((inst + 1, at))
            }
            Inst::Assert(assert) => {
                text::holds(assert, self.text, at, from).then_some((inst + 1, at))
            }
            Inst::Run { one, min, max, greed, memo } => match greed {
                Greed::Lazy => self.lazy_run(one, inst, (min, max), at, call),
                _ => self.greedy_run(one, inst, (min, max), at, call, (greed, memo)),
            },
            Inst::LeaveEmpty { slot, exit } => {
                let is_empty = self.slots.get(slot) == Some(&at);
                Some((if is_empty { exit } else { inst + 1 }, at))
            }
            Inst::CountFrom(slot) => {
                self.write(slot, 0);
                Some((inst + 1, at))
            }
            Inst::CountTest { slot, min, max, exit, lazy } => {
                let count = self.slots.get(slot).copied()?;
                let (first, second) = if lazy { (exit, inst + 1) } else { (inst + 1, exit) };
                if count >= min && count < max {
                    self.push(Frame::Way { inst: narrow(second), at, call });
                    return Some((first, at));
                }
                Some((if count < min { inst + 1 } else { exit }, at))
            }
            Inst::CountRound(slot) => {
                let count = self.slots.get(slot).copied()?;
                self.write(slot, count.saturating_add(1));
                Some((inst + 1, at))
            }
            _ => self.run_rare(found, inst, at),
        }
    }

    /// Runs one of the rarer instructions.
    fn run_rare(&mut self, found: Inst, inst: usize, at: usize) -> Next {
        match found {
            Inst::Copy { from, to } => {
                let value = self.slots.get(from).copied()?;
                self.write(to, value);
                Some((inst + 1, at))
            }
            Inst::Open(part) => {
                self.push(Frame::Part { part: narrow(part), at });
                Some((inst + 1, at))
            }
            Inst::Close { part, back } => {
                let began = self.close(part, true)?;
                Some((inst + 1, if back { began } else { at }))
            }
            Inst::CloseFail(part) => {
                self.close(part, false);
                None
            }
            Inst::Back(count) => {
                let place = (0..count).try_fold(at, |at, _| text::before(self.text, at))?;
                Some((inst + 1, place))
            }
            Inst::Reference { start, end, fold } => {
                let groups = self.program.lists.get(start..end)?;
                let next =
                    groups.iter().rev().find_map(|group| self.reference(*group, at, fold))?;
                self.cost += (next - at) as u64 >> 2;
                Some((inst + 1, next))
            }
            Inst::Unless { start, end, target } => {
                let groups = self.program.lists.get(start..end)?;
                let took_part = groups.iter().any(|group| self.group(*group).is_some());
                Some((if took_part { inst + 1 } else { target }, at))
            }
            _ => None,
        }
    }

    /// The span of a group that took part.
    fn group(&self, index: usize) -> Option<(usize, usize)> {
        let start = self.slots.get(index.checked_mul(2)?).copied().filter(|slot| *slot != UNSET)?;
        let end =
            self.slots.get(index.checked_mul(2)? + 1).copied().filter(|slot| *slot != UNSET)?;
        Some((start, end))
    }

    /// The place after the text of a group, if that is at a place.
    fn reference(&self, group: usize, at: usize, fold: bool) -> Option<usize> {
        let (start, end) = self.group(group)?;
        let wanted = self.text.get(start..end)?;
        let rest = self.text.get(at..)?;
        if !fold {
            return rest.starts_with(wanted).then_some(at + wanted.len());
        }
        // The variants of a character may have another number of bytes.
        let count = wanted.iter().filter(|byte| !text::is_continuation(**byte)).count();
        let mut next = at;
        for _ in 0..count {
            next = text::decode(self.text, next)?.1;
        }
        text::same_folded(wanted, self.text.get(at..next)?).then_some(next)
    }

    /// Takes the last way that is still open.
    #[inline]
    fn resume(&mut self) -> Option<(usize, usize, u32)> {
        loop {
            match self.stack.pop()? {
                Frame::Way { inst, at, call } => return Some((inst as usize, at, call)),
                Frame::Slot { slot, value } => {
                    if let Some(own) = self.slots.get_mut(slot as usize) {
                        *own = value;
                    }
                }
                Frame::Shorter { inst, least, at, call } => {
                    self.cost += 1;
                    if at <= least {
                        self.exhaust(inst as usize, least);
                        continue;
                    }
                    let place = text::before(self.text, at).map_or(least, |place| place.max(least));
                    if place > least || self.remembers {
                        self.stack.push(Frame::Shorter { inst, least, at: place, call });
                    }
                    let next = inst as usize + 1;
                    if self.may_follow(next, place) {
                        return Some((next, place, call));
                    }
                }
                Frame::Longer { inst, at, left, call } => {
                    let inst = inst as usize;
                    let Some(Inst::Run { one, .. }) = self.program.insts.get(inst) else {
                        continue;
                    };
                    self.cost += 1;
                    let next = text::step(*one, &self.program.sets, self.text, at);
                    if let Some((inst, at)) =
                        next.and_then(|next| self.extend(inst, next, left - 1, call))
                    {
                        return Some((inst, at, call));
                    }
                }
                Frame::Part { .. } => {}
            }
        }
    }

    /// Whether the instruction may match at a place: says no where a literal surely does not.
    #[inline]
    fn may_follow(&self, inst: usize, at: usize) -> bool {
        match self.program.insts.get(inst) {
            Some(Inst::Literal { start, .. }) => {
                self.program.literals.get(*start) == self.text.get(at)
            }
            _ => true,
        }
    }

    /// Adds an entry to the stack.
    #[inline]
    pub(super) fn push(&mut self, frame: Frame) {
        self.stack.push(frame);
    }

    /// Writes a slot, to be restored.
    #[inline]
    pub(super) fn write(&mut self, slot: usize, value: usize) {
        if let Some(own) = self.slots.get_mut(slot) {
            let value = core::mem::replace(own, value);
            self.stack.push(Frame::Slot { slot: narrow(slot), value });
        }
    }
}
