//! The repetitions of one character, which the matcher takes as a whole.

use super::{
    inst::Inst,
    matcher::{Bounds, Frame, Matcher, Next, narrow},
    syntax::{Greed, One},
    text,
};

impl Matcher<'_, '_> {
    /// Takes as many characters as there are.
    pub(super) fn greedy_run(
        &mut self,
        one: One,
        inst: usize,
        bounds: Bounds,
        at: usize,
        call: u32,
        how: (Greed, usize),
    ) -> Next {
        let ((min, max), (greed, memo)) = (bounds, how);
        let sets = &self.program.sets;
        if self.remembers
            && (self.knows(memo, at) || greed == Greed::Possessive && !self.remember(memo, at))
        {
            return None;
        }
        let mut least = at;
        for _ in 0..min {
            self.cost += 1;
            least = text::step(one, sets, self.text, least)?;
        }
        let most = max.saturating_sub(min);
        let end = if self.remembers && greed == Greed::Greedy && max == usize::MAX {
            self.known_run(one, memo, at, least)
        } else {
            text::run(one, sets, self.text, least, most)
        };
        self.cost += (end - least) as u64;
        if greed == Greed::Greedy && (end > least || self.remembers) {
            self.push(Frame::Shorter { inst: narrow(inst), least, at: end, call });
        }
        Some((inst + 1, end))
    }

    /// Takes as few characters as allowed.
    pub(super) fn lazy_run(
        &mut self,
        one: One,
        inst: usize,
        bounds: Bounds,
        at: usize,
        call: u32,
    ) -> Next {
        let (min, max) = bounds;
        let mut end = at;
        for _ in 0..min {
            end = text::step(one, &self.program.sets, self.text, end)?;
            self.cost += 1;
        }
        self.extend(inst, end, max.saturating_sub(min), call)
    }

    /// Goes on after a lazy run that may still take so many characters.
    pub(super) fn extend(&mut self, inst: usize, at: usize, left: usize, call: u32) -> Next {
        let Some(Inst::Run { max, memo, .. }) = self.program.insts.get(inst) else { return None };
        if self.remembers && *max == usize::MAX && !self.remember(*memo, at) {
            return None;
        }
        if left > 0 {
            self.push(Frame::Longer { inst: narrow(inst), at, left, call });
        }
        Some((inst + 1, at))
    }

    /// Remembers that every length of a run down to `least` failed, and so every run from a place inside.
    pub(super) fn exhaust(&mut self, inst: usize, least: usize) {
        let Some(Inst::Run { one, max, min, memo, .. }) = self.program.insts.get(inst).copied()
        else {
            return;
        };
        if !self.remembers || max != usize::MAX || min > 1 {
            return;
        }
        let mut at = if min == 0 { Some(least) } else { text::before(self.text, least) };
        while let Some(place) = at.filter(|place| self.remember(memo, *place)) {
            self.cost += 1;
            at = text::step(one, &self.program.sets, self.text, place);
        }
    }

    /// The end of a run from `least`, which began at `at`: no run needs to go past a place that failed with its own runs.
    pub(super) fn known_run(&self, one: One, memo: usize, at: usize, least: usize) -> usize {
        let mut end = least;
        while end == at || !self.knows(memo, end) {
            let Some(next) = text::step(one, &self.program.sets, self.text, end) else { break };
            end = next;
        }
        end
    }
}
