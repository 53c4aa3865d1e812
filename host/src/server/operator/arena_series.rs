//! The series of arenas in the metrics.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::runtime::bindings::ArenaUsage;
use crate::server::operator::readings::Readings;

/// The arena of a slot, or the most of several, if there are too many for a series of each.
#[derive(Debug)]
pub(super) struct ArenaSeries {
    /// Names and values.
    labels: Vec<(&'static str, String)>,
    is_one: bool,
    usage: ArenaUsage,
}

impl ArenaSeries {
    pub(super) fn of(readings: &Readings) -> Vec<Self> {
        let rows = readings.rows_with_arenas();
        let series = rows.iter().filter_map(|row| {
            let numbers = [("worker", row.worker), ("slot", row.slot)];
            let numbers = numbers.into_iter().filter_map(|(key, number)| Some((key, number?)));
            let numbers = numbers.map(|(key, number)| (key, number.to_string()));
            let labels = [("route", row.path.to_owned())].into_iter().chain(numbers).collect();
            Some(Self { labels, is_one: row.slot.is_some(), usage: row.most()? })
        });
        series.collect()
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        self.labels.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }
}

/// Encodes the series of all arenas.
pub(super) fn encode_arenas(
    series: &[ArenaSeries],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    type Read = fn(&ArenaUsage) -> u64;
    let bytes: [(&str, &str, Read); 7] = [
        ("arenaria_arena_capacity", "Size of the arena", |usage| usage.capacity),
        (
            "arenaria_arena_in_use",
            "Memory allocated by the current request; 0 between requests",
            |usage| usage.in_use,
        ),
        ("arenaria_arena_high_water", "The most memory in use at once", |usage| usage.high_water),
        (
            "arenaria_arena_request_high_water",
            "The most memory in use at once during the last request",
            |usage| usage.request_high_water,
        ),
        (
            "arenaria_arena_sealed",
            "Memory kept by allocations that outlived their request",
            |usage| usage.sealed,
        ),
        (
            "arenaria_arena_request_survivors",
            "Memory kept by allocations that outlived the last request",
            |usage| usage.request_survivors,
        ),
        ("arenaria_arena_persistent", "Size of the persistent part", |usage| usage.persistent),
    ];
    for (name, help, read) in bytes {
        let mut family =
            encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
        for arena in series {
            gauge(&mut family, &arena.labels(), read(&arena.usage))?;
        }
    }
    let counts: [(&str, &str, Read); 2] = [
        ("arenaria_arena_resets", "How often the arena was reset", |usage| usage.resets),
        (
            "arenaria_arena_spills",
            "Allocations that did not fit into the persistent part",
            |usage| usage.spills,
        ),
    ];
    for (name, help, read) in counts {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        // A sum of several would fall whenever an instance is replaced, as if the server had started again.
        for arena in series.iter().filter(|arena| arena.is_one) {
            counter(&mut family, &arena.labels(), read(&arena.usage))?;
        }
    }
    let help = "The most memory in use during a phase";
    let name = "arenaria_arena_phase_high_water";
    let mut family =
        encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
    for arena in series {
        for phase in &arena.usage.phases {
            let mut labels = arena.labels();
            labels.push(("phase", &phase.name));
            gauge(&mut family, &labels, phase.high_water)?;
        }
    }
    Ok(())
}

/// A sample of a counter.
pub(super) fn counter(
    family: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: u64,
) -> fmt::Result {
    family.encode_family(labels)?.encode_counter::<[(&str, &str); 0], _, f64>(&value, None)
}

/// A sample of a gauge.
pub(super) fn gauge(
    family: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: u64,
) -> fmt::Result {
    family.encode_family(labels)?.encode_gauge(&value)
}
