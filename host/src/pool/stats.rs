//! The server's statistics.
//!
//! Each worker has its own counters, so the request path shares nothing with another thread. They
//! are summed when the metrics are read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use strum::{EnumCount, EnumIter, IntoStaticStr};
use tracing_appender::non_blocking::ErrorCounter;

use crate::runtime::bindings::ArenaUsage;
use crate::runtime::fault::Fault;
use crate::runtime::guest_log::GuestLog;
use crate::runtime::memory::MemoryStats;

/// Why an instance was retired. Its name is the label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumCount, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Reason {
    /// It trapped, used up its stack or its handles, or returned without a response.
    Trap,
    /// It exceeded a time limit.
    Deadline,
    /// Its memory is exhausted.
    Memory,
    /// Its call was cancelled, because the client left.
    Cancelled,
    /// It has served `requests-per-instance` requests.
    Requests,
    /// The guest asked for its replacement.
    RequestedByGuest,
    /// It has grown to more than `retire-memory`.
    MemoryGrown,
    /// It holds many more handles than after its first request.
    HandleLeak,
    /// It still asked for backpressure after its request, so it would accept no other.
    Backpressure,
    /// The component of its route was replaced.
    Replaced,
    /// It could not be started.
    Failed,
}

impl Reason {
    /// Why an instance is retired after this fault.
    pub(crate) fn of(fault: &Fault) -> Self {
        match fault {
            Fault::Trap(_)
            | Fault::Panic { .. }
            | Fault::Stack(_)
            | Fault::Handles(_)
            | Fault::NoResponse => Self::Trap,
            Fault::Memory(_) | Fault::OwnMemory(..) => Self::Memory,
            Fault::Deadline | Fault::RequestTimeout | Fault::ConfigureTimeout => Self::Deadline,
            Fault::Refused(_) => Self::Failed,
        }
    }
}

/// Upper bounds of the histograms' buckets, seconds. They are finer below 1 ms than Prometheus'
/// defaults, which begin at 5 ms, because most responses take microseconds.
pub(crate) const BUCKETS: [f64; 18] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The lowest status that is counted.
pub(crate) const STATUS_FIRST: u16 = 100;
/// How many statuses are counted.
pub(crate) const STATUSES: usize = 500;
/// The status that is counted if the client left before the response (nginx's convention).
pub(crate) const CLIENT_LEFT: u16 = 499;

/// The counters of one route on one worker.
#[derive(Debug)]
pub(crate) struct RouteStats {
    pub(crate) responses: Box<[AtomicU64]>,
    /// Responses that were cut after their status was sent.
    pub(crate) cut: AtomicU64,
    pub(crate) duration: Histogram,
    pub(crate) queue_wait: Histogram,
    pub(crate) retirements: [AtomicU64; Reason::COUNT],
    pub(crate) idle: AtomicUsize,
    pub(crate) busy: AtomicUsize,
    pub(crate) warming: AtomicUsize,
    pub(crate) memory: Arc<MemoryStats>,
}

impl RouteStats {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            responses: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
            cut: AtomicU64::new(0),
            duration: Histogram::default(),
            queue_wait: Histogram::default(),
            retirements: Default::default(),
            idle: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            warming: AtomicUsize::new(0),
            memory: Arc::default(),
        })
    }

    pub(crate) fn responded(&self, status: u16) {
        if let Some(counter) = self.responses.get(usize::from(status.wrapping_sub(STATUS_FIRST))) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn retired(&self, reason: Reason) {
        self.retirements[reason as usize].fetch_add(1, Relaxed);
    }
}

/// A histogram of seconds.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One per bound, and one for values above all of them.
    pub(crate) buckets: [AtomicU64; BUCKETS.len() + 1],
    pub(crate) nanoseconds: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

/// The last usage of an instance's arena.
#[derive(Clone, Debug)]
pub(crate) struct SlotUsage {
    pub(crate) route: usize,
    pub(crate) worker: usize,
    pub(crate) slot: usize,
    pub(crate) usage: ArenaUsage,
}

/// The counters of all routes and workers.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Per route: its path, and the counters of each worker.
    pub(crate) routes: Arc<Vec<(String, Vec<Arc<RouteStats>>)>>,
    /// Per route: its share in the log.
    pub(crate) logs: Arc<Vec<GuestLog>>,
    /// Lines of the log that could not be written fast enough.
    pub(crate) dropped_lines: Option<ErrorCounter>,
    /// Per worker: responses to requests without a route.
    pub(crate) unrouted: Arc<Vec<Arc<RouteStats>>>,
    /// Open connections per worker.
    pub(crate) connections: Arc<Vec<AtomicUsize>>,
}

impl Metrics {
    pub(crate) fn new(
        logs: Vec<GuestLog>,
        workers: usize,
        dropped_lines: Option<ErrorCounter>,
    ) -> Self {
        let stats = || (0..workers).map(|_| RouteStats::new()).collect::<Vec<_>>();
        let routes = logs.iter().map(|log| (log.route().to_owned(), stats())).collect();
        Self {
            routes: Arc::new(routes),
            logs: Arc::new(logs),
            dropped_lines,
            unrouted: Arc::new(stats()),
            connections: Arc::new((0..workers).map(|_| AtomicUsize::new(0)).collect()),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_counted_in_the_bucket_of_its_bound() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_secs(11));
        let counts: Vec<_> = histogram.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        assert_eq!(BUCKETS[5].to_bits(), 0.001_f64.to_bits());
        assert_eq!((counts[5], counts[18], counts.iter().sum::<u64>()), (1, 1, 2));
    }
}
