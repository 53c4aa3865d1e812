//! Begins and ends requests, phases, and closures with persistent allocations.
//!
//! A running phase and a running closure are values. Their drop restores the state before them, so
//! that an unwinding panic (natively) ends them like a return.

use core::cmp::{max, min};

use super::{Arena, RequestUsage};
use crate::scope::Scope;

impl Arena {
    /// Begins a request. If the one before has ended and left blocks alive on the heap front, they
    /// are sealed, and what it used becomes the usage of the last request. Does nothing before
    /// `configured`, or if a request is already open.
    #[inline]
    pub fn begin_request(&self) {
        self.begin(true);
    }

    /// As `begin_request`, for a call that only inspects the arena: its own allocations never
    /// become the usage of the last request.
    pub fn begin_inspection(&self) {
        self.begin(false);
    }

    fn begin(&self, is_request: bool) {
        if !self.configured.get() || self.open.replace(true) {
            return;
        }
        let top = self.scopes.top();
        let high_water = self.in_use_max(self.heap.room_min(top));
        let survivors = self.heap.bump() - self.heap.floor();
        self.high_water.set(max(self.high_water.get(), high_water));
        if self.is_request.replace(is_request) {
            self.last_request.set(RequestUsage { high_water, survivors });
        }
        self.heap.seal(&self.region, top);
        self.heap.swap_room_min(top - self.heap.bump());
        self.debug_check();
    }

    /// Ends the request's own code. Its results may still be alive: the next `begin_request` seals
    /// what is alive then. What is freed until then is not reused before the last block is freed.
    #[inline]
    pub fn end_request(&self) {
        if self.open.replace(false) {
            self.heap.end();
        }
    }

    /// Runs a phase. What its scope allocates is freed at once when the closure returns or unwinds.
    /// Phases nest. `name` is the key of the phase's high-water mark in [`Arena::phases`].
    pub fn phase<R>(&self, name: &'static str, f: impl for<'s> FnOnce(&Scope<'s>) -> R) -> R {
        let phase = Phase::enter(self, name);
        f(&Scope::new(self, phase.depth()))
    }

    /// Runs a closure with persistent allocations. Those that do not fit into the persistent part
    /// go to the heap front, where the next request seals them; they count as spills.
    pub fn persistent<R>(&self, f: impl FnOnce() -> R) -> R {
        let _keeping = Keeping::enter(self);
        f()
    }
}

/// A phase that is running.
pub(super) struct Phase<'a> {
    arena: &'a Arena,
    /// The depth that marks allocations of this phase.
    depth: u32,
    /// Where the scope front stood when the phase began.
    top: u32,
    /// `Heap::room_min` outside the phase.
    room_min: u32,
    /// Its place in the table of phases, if the table is not full.
    place: Option<usize>,
}

impl<'a> Phase<'a> {
    pub(super) fn enter(arena: &'a Arena, name: &'static str) -> Self {
        let top = arena.scopes.top();
        let room_min = arena.heap.swap_room_min(top - arena.heap.bump());
        let depth = arena.scopes.enter();
        Self { arena, depth, top, room_min, place: arena.phases.place(name) }
    }

    pub(super) fn depth(&self) -> u32 {
        self.depth
    }
}

impl Drop for Phase<'_> {
    fn drop(&mut self) {
        let arena = self.arena;
        // Moving the front back would also free the memory of an inner phase that still runs.
        assert!(arena.scopes.depth() == self.depth, "phases must end in reverse order");
        arena.heap.note_retreat(arena.scopes.top());
        let room_min = arena.heap.swap_room_min(0);
        arena.heap.swap_room_min(min(self.room_min, room_min));
        let in_use = arena.in_use_max(room_min);
        arena.high_water.set(max(arena.high_water.get(), in_use));
        if let Some(place) = self.place {
            arena.phases.record(place, in_use);
        }
        arena.scopes.leave(self.top);
        arena.scopes.scrub(&arena.region, arena.heap.bump(), arena.heap.scrub());
        arena.debug_check();
    }
}

/// A running closure with persistent allocations.
pub(super) struct Keeping<'a>(&'a Arena);

impl<'a> Keeping<'a> {
    pub(super) fn enter(arena: &'a Arena) -> Self {
        arena.keeping.set(arena.keeping.get() + 1);
        arena.route();
        Self(arena)
    }
}

impl Drop for Keeping<'_> {
    fn drop(&mut self) {
        self.0.keeping.set(self.0.keeping.get() - 1);
        self.0.route();
    }
}

#[cfg(test)]
mod tests {
    use core::ptr::NonNull;
    use std::vec;

    use super::{Arena, Phase};

    fn check_order(outer_first: bool) {
        let mut memory = vec![0u128; 256];
        let base = NonNull::from(&mut memory[..]).cast();
        // SAFETY: the memory outlives the arena, and nothing else uses it.
        let arena = unsafe { Arena::new_zeroed(base, 4096) };
        arena.configured();
        let outer = Phase::enter(&arena, "outer");
        let inner = Phase::enter(&arena, "inner");
        if outer_first {
            drop(outer);
            drop(inner);
        } else {
            drop(inner);
            drop(outer);
        }
    }

    #[test]
    fn phases_end_in_reverse_order() {
        check_order(false);
    }

    #[test]
    #[should_panic(expected = "phases must end in reverse order")]
    fn a_phase_that_ends_before_its_inner_one_panics() {
        check_order(true);
    }
}
