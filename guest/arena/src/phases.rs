//! The most bytes that were in use during each phase, by name.
//!
//! The table has a fixed size, because the arena cannot allocate memory for it. If it is full, the
//! phase still works, but is not recorded.
#![forbid(unsafe_code)]

use core::cell::Cell;

/// How many different names are recorded.
pub const PHASES_MAX: usize = 16;

pub(crate) struct Phases {
    entries: [Cell<Option<Phase>>; PHASES_MAX],
}

#[derive(Clone, Copy)]
struct Phase {
    name: &'static str,
    high_water: u32,
}

impl Phases {
    pub(crate) const fn new() -> Self {
        Self { entries: [const { Cell::new(None) }; PHASES_MAX] }
    }

    /// Finds the name's place, or takes the next one: the order is that in which phases first
    /// began. `None` if the table is full.
    pub(crate) fn place(&self, name: &'static str) -> Option<usize> {
        let place = self
            .entries
            .iter()
            .position(|entry| entry.get().is_none_or(|phase| phase.name == name))?;
        self.update(place, |phase| phase.unwrap_or(Phase { name, high_water: 0 }));
        Some(place)
    }

    /// Records that the phase at a place had `bytes` in use.
    pub(crate) fn record(&self, place: usize, bytes: u32) {
        self.update(place, |phase| {
            let phase = phase?;
            Some(Phase { high_water: phase.high_water.max(bytes), ..phase })
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        self.entries
            .iter()
            .map_while(Cell::get)
            .map(|phase| (phase.name, phase.high_water as usize))
    }

    fn update<P: Into<Option<Phase>>>(&self, place: usize, f: impl FnOnce(Option<Phase>) -> P) {
        if let Some(entry) = self.entries.get(place) {
            entry.set(f(entry.get()).into());
        }
    }
}
