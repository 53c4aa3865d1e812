//! The slots of all workers as they were read together, one by one or, if they are many, together.

use crate::config::isolation::Isolation;
use crate::pool::reading::{InstanceReading, RouteReading, SlotReading, State};
use crate::runtime::bindings::{ArenaUsage, PhaseUsage};

/// So many slots, or else so many rows of a route and a worker, are shown one by one.
pub(super) const ROWS_MAX: usize = 256;

/// The slots of all workers that answered.
#[derive(Debug, Default)]
pub(super) struct Readings(Vec<(usize, RouteReading)>);

/// What is shown in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Slot,
    /// All slots of a route on a worker.
    Worker,
    /// All slots of a route.
    Route,
}

/// A slot, or several together.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) path: &'a str,
    /// None if it is about all workers.
    pub(super) worker: Option<usize>,
    /// None if it is about several slots.
    pub(super) slot: Option<usize>,
    pub(super) slots: Vec<&'a SlotReading>,
}

impl Readings {
    pub(super) fn add(&mut self, worker: usize, routes: Vec<RouteReading>) {
        self.0.extend(routes.into_iter().map(|route| (worker, route)));
    }

    /// The isolation of a route.
    pub(super) fn isolation(&self, path: &str) -> Option<Isolation> {
        self.0.iter().find(|(_, route)| route.path == path).map(|(_, route)| route.isolation)
    }

    /// The rows of all routes, in as much detail as their number allows.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        rows(self.0.iter().collect())
    }

    /// The same, of the routes that have arenas.
    pub(super) fn rows_with_arenas(&self) -> Vec<Row<'_>> {
        rows(self.0.iter().filter(|(_, route)| route.has_arenas).collect())
    }
}

fn rows<'a>(read: Vec<&'a (usize, RouteReading)>) -> Vec<Row<'a>> {
    let slots: usize = read.iter().map(|(_, route)| route.slots.len()).sum();
    let detail = match slots {
        ..=ROWS_MAX => Detail::Slot,
        _ if read.len() <= ROWS_MAX => Detail::Worker,
        _ => Detail::Route,
    };
    let mut rows: Vec<Row<'a>> = Vec::new();
    for (worker, route) in read {
        let worker = (detail != Detail::Route).then_some(*worker);
        let row = |slot, slots| Row { path: &route.path, worker, slot, slots };
        let slots = route.slots.iter();
        match detail {
            Detail::Slot => {
                rows.extend(slots.enumerate().map(|(n, slot)| row(Some(n), vec![slot])))
            }
            Detail::Worker => rows.push(row(None, slots.collect())),
            Detail::Route => match rows.iter_mut().find(|row| row.path == route.path) {
                Some(row) => row.slots.extend(slots),
                None => rows.push(row(None, slots.collect())),
            },
        }
    }
    rows
}

impl Row<'_> {
    /// How many slots are in this state.
    pub(super) fn count(&self, state: State) -> usize {
        self.slots.iter().filter(|slot| slot.state == state).count()
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &InstanceReading> {
        self.slots.iter().filter_map(|slot| slot.instance.as_ref())
    }

    pub(super) fn arenas(&self) -> impl Iterator<Item = &ArenaUsage> {
        self.instances().filter_map(|instance| instance.arena.as_ref())
    }

    /// Of each figure the most that an arena of it has. None without an arena.
    pub(super) fn most(&self) -> Option<ArenaUsage> {
        self.arenas().fold(None, |most, usage| match most {
            None => Some(usage.clone()),
            Some(most) => Some(join(most, usage, u64::max)),
        })
    }

    /// Of each figure the sum of all its arenas. None without an arena.
    pub(super) fn sum(&self) -> Option<ArenaUsage> {
        self.arenas().fold(None, |sum, usage| match sum {
            None => Some(usage.clone()),
            Some(sum) => Some(join(sum, usage, u64::saturating_add)),
        })
    }
}

fn join(all: ArenaUsage, one: &ArenaUsage, of: fn(u64, u64) -> u64) -> ArenaUsage {
    let mut phases = all.phases;
    for PhaseUsage { name, high_water } in &one.phases {
        match phases.iter_mut().find(|phase| phase.name == *name) {
            Some(phase) => phase.high_water = of(phase.high_water, *high_water),
            None => phases.push(PhaseUsage { name: name.clone(), high_water: *high_water }),
        }
    }
    ArenaUsage {
        capacity: of(all.capacity, one.capacity),
        in_use: of(all.in_use, one.in_use),
        high_water: of(all.high_water, one.high_water),
        request_high_water: of(all.request_high_water, one.request_high_water),
        resets: of(all.resets, one.resets),
        sealed: of(all.sealed, one.sealed),
        request_survivors: of(all.request_survivors, one.request_survivors),
        spills: of(all.spills, one.spills),
        persistent: of(all.persistent, one.persistent),
        phases,
        retire: all.retire || one.retire,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(routes: usize, workers: usize, slots: usize) -> Readings {
        let mut readings = Readings::default();
        for worker in 0..workers {
            let route = |number| RouteReading {
                path: format!("/{number}"),
                isolation: Isolation::Reuse,
                has_arenas: number % 2 == 0,
                slots: (0..slots).map(|slot| reading(slot as u64)).collect(),
            };
            readings.add(worker, (0..routes).map(route).collect());
        }
        readings
    }

    fn reading(figure: u64) -> SlotReading {
        let arena = ArenaUsage {
            capacity: 100,
            in_use: 0,
            high_water: figure,
            request_high_water: figure,
            resets: figure,
            sealed: figure,
            request_survivors: 0,
            spills: 0,
            persistent: 1,
            phases: vec![PhaseUsage { name: format!("phase {figure}"), high_water: figure }],
            retire: false,
        };
        let instance = InstanceReading { served: figure, linear_memory: 7, arena: Some(arena) };
        SlotReading { state: State::Idle, instance: Some(instance) }
    }

    #[test]
    fn rows_are_as_detailed_as_their_number_allows() {
        let read = readings(2, 1, 128);
        let rows = read.rows();
        assert_eq!((rows.len(), rows[130].worker, rows[130].slot), (256, Some(0), Some(2)));
        assert_eq!(read.rows_with_arenas().len(), 128);
        let read = readings(2, 1, 129);
        let rows = read.rows();
        assert_eq!(
            (rows.len(), rows[1].path, rows[1].worker, rows[1].slot),
            (2, "/1", Some(0), None)
        );
        assert_eq!(read.rows_with_arenas().len(), 129, "half of the routes have arenas");
        let read = readings(2, 129, 1);
        let rows = read.rows();
        assert_eq!((rows.len(), rows[1].path, rows[1].worker), (2, "/1", None));
        assert_eq!(rows[1].slots.len(), 129);
    }

    #[test]
    fn slots_together_have_sums_and_maxima() {
        let read = readings(1, 1, 300);
        let rows = read.rows();
        let row = &rows[0];
        let (most, sum) = (row.most().unwrap(), row.sum().unwrap());
        assert_eq!((most.capacity, most.high_water, most.persistent), (100, 299, 1));
        assert_eq!((sum.capacity, sum.high_water, sum.persistent), (30_000, 44_850, 300));
        assert_eq!(most.phases.len(), 300);
        assert_eq!((row.count(State::Idle), row.count(State::Busy)), (300, 0));
    }
}
