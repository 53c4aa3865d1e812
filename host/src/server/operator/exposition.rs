//! The counters as text in Prometheus' exposition format.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use strum::IntoEnumIterator;
use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::pool::stats::{
    BUCKETS, Histogram, Metrics, Reason, RouteMetrics, RouteStats, STATUS_FIRST, STATUSES,
};
use crate::runtime::memory::MemoryStats;
use crate::server::operator::arena_series::{ArenaSeries, counter, encode_arenas, gauge};
use crate::server::operator::exemplars;
use crate::server::operator::readings::Readings;

#[derive(Debug)]
struct Scrape {
    metrics: Metrics,
    routes: Vec<Arc<RouteMetrics>>,
    arenas: Vec<ArenaSeries>,
}

/// The text of the metrics.
pub(super) fn encode(metrics: &Metrics, readings: &Readings) -> String {
    let mut registry = Registry::default();
    let (metrics, routes) = (metrics.clone(), metrics.routes());
    let exemplars = exemplars::of(&routes);
    let arenas = ArenaSeries::of(readings);
    registry.register_collector(Box::new(Scrape { metrics, routes, arenas }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)
        .expect("writing to a String does not fail");
    exemplars::insert(text, exemplars)
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_requests(&mut encoder)?;
        self.encode_reloads(&mut encoder)?;
        self.encode_slots(&mut encoder)?;
        self.encode_memories(&mut encoder)?;
        encode_arenas(&self.arenas, &mut encoder)
    }
}

impl Scrape {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Responses by route (empty: no route matched, or the playground) and status; 499: the client left before the response";
        let mut family =
            encoder.encode_descriptor("arenaria_requests", help, None, MetricType::Counter)?;
        let routed = self.routes.iter().map(|route| (route.path(), &route.workers));
        for (path, workers) in routed.chain([("", &*self.metrics.unrouted)]) {
            for index in 0..STATUSES {
                let sum: u64 =
                    workers.iter().map(|stats| stats.responses[index].load(Relaxed)).sum();
                if sum > 0 {
                    let status = (usize::from(STATUS_FIRST) + index).to_string();
                    counter(&mut family, &[("route", path), ("status", &status)], sum)?;
                }
            }
        }
        let help = "Responses that were cut after their status was sent, by a fault or a limit";
        let name = "arenaria_responses_cut";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for route in &self.routes {
            let sum = route.workers.iter().map(|stats| stats.cut.load(Relaxed)).sum();
            counter(&mut family, &[("route", route.path())], sum)?;
        }
        let seconds = Some(&Unit::Seconds);
        let help = "Time from the head of a request to the head of its response";
        let family = encoder.encode_descriptor(
            "arenaria_request_duration",
            help,
            seconds,
            MetricType::Histogram,
        )?;
        self.encode_histograms(family, |stats| &stats.duration)?;
        let help = "Time that requests waited for a slot";
        let family = encoder.encode_descriptor(
            "arenaria_queue_wait",
            help,
            seconds,
            MetricType::Histogram,
        )?;
        self.encode_histograms(family, |stats| &stats.queue_wait)?;
        let help = "Open connections";
        let open: usize = self.metrics.connections.iter().map(|open| open.load(Relaxed)).sum();
        let mut family =
            encoder.encode_descriptor("arenaria_connections", help, None, MetricType::Gauge)?;
        family.encode_gauge(&(open as u64))
    }

    fn encode_reloads(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let reloads = &self.metrics.reloads;
        let help = "Reloads of the configuration; one that is refused changes nothing";
        let name = "arenaria_reloads";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (result, count) in [("ok", &reloads.ok), ("refused", &reloads.refused)] {
            counter(&mut family, &[("result", result)], count.load(Relaxed))?;
        }
        let help = "Whether the last reload of the configuration was not refused";
        let name = "arenaria_config_last_reload_successful";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        family.encode_gauge(&u64::from(reloads.was_ok.load(Relaxed)))?;
        let help = "When the configuration that serves was loaded, in seconds since 1970";
        let (name, unit) = ("arenaria_config_last_reload_success_timestamp", Some(&Unit::Seconds));
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        family.encode_gauge(&reloads.loaded_at.load(Relaxed))
    }

    fn encode_histograms(
        &self,
        mut family: MetricEncoder<'_>,
        of: fn(&RouteStats) -> &Histogram,
    ) -> fmt::Result {
        for route in &self.routes {
            let sum = |read: &dyn Fn(&Histogram) -> u64| {
                route.workers.iter().map(|stats| read(of(stats))).sum::<u64>()
            };
            let bounds = BUCKETS.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds
                .enumerate()
                .map(|(index, bound)| {
                    (bound, sum(&|histogram| histogram.buckets[index].load(Relaxed)))
                })
                .collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            let seconds =
                Duration::from_nanos(sum(&|histogram| histogram.nanoseconds.load(Relaxed)))
                    .as_secs_f64();
            let labels = [("route", route.path())];
            let mut encoder = family.encode_family(&labels)?;
            encoder.encode_histogram::<[(&str, &str); 0]>(seconds, count, &buckets, None)?;
        }
        Ok(())
    }

    fn encode_slots(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Slots by state";
        let mut family =
            encoder.encode_descriptor("arenaria_slots", help, None, MetricType::Gauge)?;
        for route in &self.routes {
            type State = fn(&RouteStats) -> &AtomicUsize;
            let states: [(&str, State); 3] = [
                ("idle", |stats| &stats.idle),
                ("busy", |stats| &stats.busy),
                ("warming", |stats| &stats.warming),
            ];
            for (state, of) in states {
                let sum: usize = route.workers.iter().map(|stats| of(stats).load(Relaxed)).sum();
                gauge(&mut family, &[("route", route.path()), ("state", state)], sum as u64)?;
            }
        }
        let help = "Retired instances, by reason";
        let mut family =
            encoder.encode_descriptor("arenaria_retirements", help, None, MetricType::Counter)?;
        for route in &self.routes {
            for reason in Reason::iter() {
                let sum = route
                    .workers
                    .iter()
                    .map(|stats| stats.retirements[reason as usize].load(Relaxed))
                    .sum();
                let labels = [("route", route.path()), ("reason", reason.into())];
                counter(&mut family, &labels, sum)?;
            }
        }
        let help = "Lines of the log that components would have caused beyond log-lines";
        let name = "arenaria_log_lines_left_out";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for route in &self.routes {
            counter(&mut family, &[("route", route.path())], route.log.left_out())?;
        }
        let Some(dropped) = &self.metrics.dropped_lines else { return Ok(()) };
        let help =
            "Lines of the log that were dropped, because it could not be written fast enough";
        let name = "arenaria_log_lines_dropped";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<[(&str, &str); 0], _, f64>(&(dropped.dropped_lines() as u64), None)
    }

    fn encode_memories(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let bytes = Some(&Unit::Bytes);
        type Read = fn(&MemoryStats) -> u64;
        let sums = |read: Read| {
            self.routes.iter().map(move |route| {
                let workers = route.workers.iter();
                (route.path(), workers.map(|stats| read(&stats.memory)).sum::<u64>())
            })
        };
        let gauges: [(&str, &str, Read); 2] = [
            ("arenaria_linear_memory", "Linear memory of all instances", MemoryStats::bytes),
            (
                "arenaria_gc_heap",
                "Garbage-collected heaps of all instances, including free space",
                MemoryStats::heap_bytes,
            ),
        ];
        for (name, help, read) in gauges {
            let mut family = encoder.encode_descriptor(name, help, bytes, MetricType::Gauge)?;
            for (path, sum) in sums(read) {
                gauge(&mut family, &[("route", path)], sum)?;
            }
        }
        let counters: [(&str, &str, Read); 2] = [
            (
                "arenaria_memory_grows",
                "Successful memory.grow instructions; 0 for memories of fixed size",
                MemoryStats::grows,
            ),
            (
                "arenaria_gc_heap_grows",
                "How often a garbage-collected heap has grown",
                MemoryStats::heap_grows,
            ),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (path, sum) in sums(read) {
                counter(&mut family, &[("route", path)], sum)?;
            }
        }
        let Some(resident) = resident_bytes() else { return Ok(()) };
        let help = "Resident memory of the whole process";
        let name = "process_resident_memory";
        let mut family = encoder.encode_descriptor(name, help, bytes, MetricType::Gauge)?;
        family.encode_gauge(&resident)
    }
}

/// The resident memory of this process.
pub(super) fn resident_bytes() -> Option<u64> {
    let this = sysinfo::get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[this]),
        true,
        ProcessRefreshKind::nothing().with_memory(),
    );
    system.process(this).map(Process::memory)
}

#[cfg(test)]
mod tests {
    use crate::pool::stats::Reason;

    use super::*;

    #[test]
    fn workers_are_summed_and_each_reason_has_its_label() {
        let metrics = Metrics::new(2, None);
        let route = metrics.of_route("/", 1);
        metrics.show(&route);
        let workers = &route.workers;
        workers[0].responded(200);
        workers[1].responded(200);
        workers[1].responded(99);
        workers[1].retired(Reason::RequestedByGuest);
        let text = encode(&metrics, &Readings::default());
        assert!(text.contains("arenaria_requests_total{route=\"/\",status=\"200\"} 2\n"), "{text}");
        assert!(
            text.contains(
                "arenaria_retirements_total{route=\"/\",reason=\"requested-by-guest\"} 1\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("arenaria_request_duration_seconds_count{route=\"/\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn a_removed_route_is_shown_while_a_request_has_it_and_goes_on_counting_if_it_returns() {
        let metrics = Metrics::new(1, None);
        let route = metrics.of_route("/a", 1);
        metrics.show(&route);
        route.workers[0].responded(200);
        metrics.remove("/a");
        let sample = "arenaria_requests_total{route=\"/a\",status=\"200\"} 1\n";
        assert!(encode(&metrics, &Readings::default()).contains(sample));
        metrics.show(&metrics.of_route("/a", 1));
        drop(route);
        assert!(encode(&metrics, &Readings::default()).contains(sample));
        metrics.remove("/a");
        let text = encode(&metrics, &Readings::default());
        assert!(!text.contains("\"/a\""), "{text}");
    }
}
