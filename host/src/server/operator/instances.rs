//! What the routes' instances do and have done, as JSON.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde::Serialize;
use strum::IntoEnumIterator as _;

use crate::config::isolation::Isolation;
use crate::pool::reading::{InstanceReading, State};
use crate::pool::stats::{Metrics, Reason, RouteMetrics, RouteStats};
use crate::runtime::bindings::ArenaUsage;
use crate::runtime::memory::MemoryStats;
use crate::server::operator::readings::{Readings, Row};
use crate::server::routes::Serving;

/// The answer to `GET /instances`.
#[derive(Debug, Serialize)]
pub(super) struct Instances {
    routes: Vec<RouteInstances>,
}

/// A route with its slots on all workers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RouteInstances {
    path: String,
    /// None once the route was removed.
    component: Option<String>,
    isolation: Option<Isolation>,
    /// Of all workers, also of slots that were replaced and have a request still.
    states: States,
    linear_memory_bytes: u64,
    gc_heap_bytes: u64,
    /// By reason, those above 0.
    retirements: BTreeMap<&'static str, u64>,
    rows: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct States {
    idle: usize,
    busy: usize,
    warming: usize,
}

/// One slot, or several together.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Slot(ShownSlot),
    Slots(ShownSlots),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownSlot {
    worker: Option<usize>,
    slot: usize,
    state: &'static str,
    /// How many requests its instance has served. Of a busy slot, as of the last reading.
    requests: Option<u64>,
    linear_memory_bytes: Option<u64>,
    arena: Option<ShownArena>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownSlots {
    /// None: of all workers.
    worker: Option<usize>,
    slots: States,
    requests: u64,
    linear_memory_bytes: u64,
    arena_sum: Option<ShownArena>,
    arena_max: Option<ShownArena>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownArena {
    capacity_bytes: u64,
    in_use_bytes: u64,
    high_water_bytes: u64,
    request_high_water_bytes: u64,
    sealed_bytes: u64,
    request_survivors_bytes: u64,
    persistent_bytes: u64,
}

impl Instances {
    pub(super) fn new(metrics: &Metrics, serving: &Serving, readings: &Readings) -> Self {
        let mut rows = Rows::new(readings);
        let routes = metrics.routes();
        let routes = routes.iter();
        let routes = routes.map(|route| RouteInstances::new(route, serving, readings, &mut rows));
        Self { routes: routes.collect() }
    }
}

/// The rows by the path of their route.
pub(super) struct Rows<'a>(BTreeMap<&'a str, Vec<Shown>>);

impl<'a> Rows<'a> {
    pub(super) fn new(readings: &'a Readings) -> Self {
        let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in readings.rows() {
            rows.entry(row.path).or_default().push(Shown::new(&row));
        }
        Self(rows)
    }
}

impl RouteInstances {
    pub(super) fn new(
        route: &RouteMetrics,
        serving: &Serving,
        readings: &Readings,
        rows: &mut Rows<'_>,
    ) -> Self {
        let path = route.path();
        let gauge = |of: fn(&RouteStats) -> &AtomicUsize| {
            route.workers.iter().map(|stats| of(stats).load(Relaxed)).sum()
        };
        let bytes =
            |of: fn(&MemoryStats) -> u64| route.workers.iter().map(|stats| of(&stats.memory)).sum();
        let retired = |reason: Reason| {
            let workers = route.workers.iter();
            let sum = workers.map(|stats| stats.retirements[reason as usize].load(Relaxed)).sum();
            (sum > 0).then_some((reason.into(), sum))
        };
        let component = serving.get(path).map(|config| config.component.display().to_string());
        Self {
            path: path.to_owned(),
            component,
            isolation: readings.isolation(path),
            states: States {
                idle: gauge(|stats| &stats.idle),
                busy: gauge(|stats| &stats.busy),
                warming: gauge(|stats| &stats.warming),
            },
            linear_memory_bytes: bytes(MemoryStats::bytes),
            gc_heap_bytes: bytes(MemoryStats::heap_bytes),
            retirements: Reason::iter().filter_map(retired).collect(),
            rows: rows.0.remove(path).unwrap_or_default(),
        }
    }
}

impl Shown {
    fn new(row: &Row<'_>) -> Self {
        let worker = row.worker;
        match (row.slot, &row.slots[..]) {
            (Some(slot), [only]) => {
                let instance = only.instance.as_ref();
                Self::Slot(ShownSlot {
                    worker,
                    slot,
                    state: match only.state {
                        State::Idle => "idle",
                        State::Busy => "busy",
                        State::Warming => "warming",
                        State::Closed => "closed",
                    },
                    requests: instance.map(|instance| instance.served),
                    linear_memory_bytes: instance.map(|instance| instance.linear_memory),
                    arena: row.most().as_ref().map(ShownArena::new),
                })
            }
            _ => {
                let sum = |of: fn(&InstanceReading) -> u64| row.instances().map(of).sum();
                Self::Slots(ShownSlots {
                    worker,
                    slots: States {
                        idle: row.count(State::Idle),
                        busy: row.count(State::Busy),
                        warming: row.count(State::Warming),
                    },
                    requests: sum(|instance| instance.served),
                    linear_memory_bytes: sum(|instance| instance.linear_memory),
                    arena_sum: row.sum().as_ref().map(ShownArena::new),
                    arena_max: row.most().as_ref().map(ShownArena::new),
                })
            }
        }
    }
}

impl ShownArena {
    fn new(usage: &ArenaUsage) -> Self {
        Self {
            capacity_bytes: usage.capacity,
            in_use_bytes: usage.in_use,
            high_water_bytes: usage.high_water,
            request_high_water_bytes: usage.request_high_water,
            sealed_bytes: usage.sealed,
            request_survivors_bytes: usage.request_survivors,
            persistent_bytes: usage.persistent,
        }
    }
}
