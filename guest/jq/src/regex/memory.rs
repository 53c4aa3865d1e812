//! What a search remembers, and how it enters and leaves the parts and the called groups of a program.

use alloc::{borrow::ToOwned, string::String};

use super::matcher::{Call, Frame, MAX_MEMORY, MAX_STACK, Matcher, TOO_DEEP, TOO_LONG};

/// The most words that the calls of groups in an attempt to match keep.
const MAX_CALL_WORDS: usize = 1 << 21;
/// The words of a call without its slots.
const CALL_WORDS: usize = 8;

impl Matcher<'_, '_> {
    /// Begins to remember, or fails at the limit.
    #[cold]
    pub(super) fn overrun(&mut self) -> Result<(), String> {
        if self.cost > self.most {
            return Err(TOO_LONG.to_owned());
        }
        if self.stack.len() > MAX_STACK {
            return Err(TOO_DEEP.to_owned());
        }
        self.limit = self.most;
        let bits =
            self.program.memos.and_then(|memos| memos.checked_mul(self.text.len().checked_add(1)?));
        if let Some(words) = bits.map(|bits| bits / 64 + 1).filter(|words| *words <= MAX_MEMORY) {
            self.memory.clear();
            self.memory.resize(words, 0);
            self.remembers = true;
        }
        Ok(())
    }

    /// The word and the bit of a place of the program at a place of the text.
    #[inline]
    fn bit(&self, memo: usize, at: usize) -> (usize, u64) {
        let bit = memo * (self.text.len() + 1) + at;
        (bit / 64, 1 << (bit % 64))
    }

    /// Whether the place was tried.
    #[inline]
    pub(super) fn knows(&self, memo: usize, at: usize) -> bool {
        let (word, bit) = self.bit(memo, at);
        self.memory.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Remembers a place, and tells whether it is new.
    #[inline]
    pub(super) fn remember(&mut self, memo: usize, at: usize) -> bool {
        let (word, bit) = self.bit(memo, at);
        let Some(word) = self.memory.get_mut(word) else { return true };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Enters a called group.
    pub(super) fn enter(&mut self, back: usize, outer: u32) -> Result<u32, String> {
        let words =
            self.program.slots.saturating_sub(self.program.group_slots).saturating_add(CALL_WORDS);
        if self.calls.len() >= MAX_CALL_WORDS / words {
            return Err(TOO_DEEP.to_owned());
        }
        let loops = self.slots.get(self.program.group_slots..).unwrap_or_default().to_vec();
        self.cost += loops.len() as u64;
        self.calls.push(Call { back, outer, loops });
        u32::try_from(self.calls.len()).map_err(|_| TOO_DEEP.to_owned())
    }

    /// Leaves a called group, and gives where to go on and the call around it.
    pub(super) fn come_back(&mut self, call: u32) -> (usize, u32) {
        let index = (call as usize).checked_sub(1);
        let Some(call) = index.and_then(|index| self.calls.get(index)) else {
            return (usize::MAX, 0);
        };
        let (back, outer, loops) = (call.back, call.outer, call.loops.clone());
        let first = self.program.group_slots;
        self.cost += loops.len() as u64;
        for (index, value) in loops.into_iter().enumerate() {
            self.write(first + index, value);
        }
        (back, outer)
    }

    /// Closes a part: takes its ways from the stack, and either keeps what restores its slots or restores them.
    /// Gives the place of the text where the part began.
    pub(super) fn close(&mut self, part: usize, keep: bool) -> Option<usize> {
        let is_part =
            |frame: &Frame| matches!(frame, Frame::Part { part: own, .. } if *own as usize == part);
        let index = self.stack.iter().rposition(is_part)?;
        let Some(Frame::Part { at, .. }) = self.stack.get(index).copied() else { return None };
        self.cost += self.stack.len().saturating_sub(index) as u64;
        if keep {
            let mut to = index;
            for from in index + 1..self.stack.len() {
                if let Some(frame @ Frame::Slot { .. }) = self.stack.get(from).copied()
                    && let Some(target) = self.stack.get_mut(to)
                {
                    *target = frame;
                    to += 1;
                }
            }
            self.stack.truncate(to);
        } else {
            while self.stack.len() > index {
                if let Some(Frame::Slot { slot, value }) = self.stack.pop()
                    && let Some(own) = self.slots.get_mut(slot as usize)
                {
                    *own = value;
                }
            }
        }
        Some(at)
    }
}
