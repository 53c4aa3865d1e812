//! The server's statistics.
//!
//! Each worker has its own counters, so the request path shares nothing with another thread. They
//! are summed when the metrics are read.
//!
//! The counters of a route belong to its path. They go on when its component is replaced. When the route is removed, they
//! are shown until its last request has ended.

use std::fmt;
use std::num::NonZeroU128;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use strum::{EnumCount, EnumIter, IntoStaticStr};
use tracing_appender::non_blocking::ErrorCounter;

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
    /// It was idle for `idle-instance-time`.
    Idle,
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
    /// By bucket, once there is one.
    exemplars: OnceLock<Box<Mutex<Exemplars>>>,
}

/// By bucket: a request of which the trace is known.
pub(crate) type Exemplars = [Option<Exemplar>; BUCKETS.len() + 1];

/// The last request of a bucket with a trace that its client records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace: NonZeroU128,
    pub(crate) seconds: f64,
    pub(crate) at: SystemTime,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    /// Keeps the trace of a request that took so long.
    #[cold]
    pub(crate) fn keep_exemplar(&self, duration: Duration, trace: NonZeroU128) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.partition_point(|bound| *bound < seconds);
        let exemplars = self.exemplars.get_or_init(Box::default);
        let mut exemplars = exemplars.lock().unwrap_or_else(PoisonError::into_inner);
        exemplars[bucket] = Some(Exemplar { trace, seconds, at: SystemTime::now() });
    }

    /// The exemplars so far.
    pub(crate) fn exemplars(&self) -> Exemplars {
        let exemplars = self
            .exemplars
            .get()
            .map(|exemplars| *exemplars.lock().unwrap_or_else(PoisonError::into_inner));
        exemplars.unwrap_or_default()
    }
}

/// The counters of one route, and its share in the log.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    /// By worker.
    pub(crate) workers: Vec<Arc<RouteStats>>,
    pub(crate) log: GuestLog,
    /// Whether the server has the route no more. Requests that began before may have it still.
    is_removed: AtomicBool,
}

impl RouteMetrics {
    /// Counters that are not shown, for a route that is not one of a server.
    pub(crate) fn new(path: &str, workers: usize, log_lines: u64) -> Arc<Self> {
        let workers = (0..workers).map(|_| RouteStats::new()).collect();
        let (log, is_removed) = (GuestLog::new(path, log_lines), AtomicBool::new(false));
        Arc::new(Self { workers, log, is_removed })
    }

    /// The path of the route.
    pub(crate) fn path(&self) -> &str {
        self.log.route()
    }

    /// Whether the server has the route no more.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Relaxed)
    }
}

/// How the server's configuration was reloaded.
#[derive(Debug)]
pub(crate) struct ReloadStats {
    pub(crate) ok: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Whether the last one was not refused.
    pub(crate) was_ok: AtomicBool,
    /// When the configuration that serves was loaded, in seconds since 1970.
    pub(crate) loaded_at: AtomicU64,
}

impl ReloadStats {
    fn new() -> Arc<Self> {
        let (ok, refused, was_ok) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(true));
        Arc::new(Self { ok, refused, was_ok, loaded_at: AtomicU64::new(now()) })
    }

    /// Counts a reload.
    pub(crate) fn reloaded(&self, is_ok: bool) {
        let counter = if is_ok { &self.ok } else { &self.refused };
        counter.fetch_add(1, Relaxed);
        self.was_ok.store(is_ok, Relaxed);
        if is_ok {
            self.loaded_at.store(now(), Relaxed);
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The counters of all routes and workers.
#[derive(Clone)]
pub(crate) struct Metrics {
    routes: Arc<Mutex<Vec<Arc<RouteMetrics>>>>,
    pub(crate) reloads: Arc<ReloadStats>,
    /// Lines of the log that could not be written fast enough.
    pub(crate) dropped_lines: Option<ErrorCounter>,
    /// Per worker: responses to requests without a route.
    pub(crate) unrouted: Arc<Vec<Arc<RouteStats>>>,
    /// Open connections per worker.
    pub(crate) connections: Arc<Vec<AtomicUsize>>,
}

impl Metrics {
    pub(crate) fn new(workers: usize, dropped_lines: Option<ErrorCounter>) -> Self {
        Self {
            routes: Arc::default(),
            reloads: ReloadStats::new(),
            dropped_lines,
            unrouted: Arc::new((0..workers).map(|_| RouteStats::new()).collect()),
            connections: Arc::new((0..workers).map(|_| AtomicUsize::new(0)).collect()),
        }
    }

    /// The routes that are shown: those that the server has, and those that were removed while requests have them.
    pub(crate) fn routes(&self) -> Vec<Arc<RouteMetrics>> {
        let mut routes = self.locked();
        routes.retain(|route| !route.is_removed() || Arc::strong_count(route) > 1);
        routes.clone()
    }

    /// The counters of the route with this path: those that there are, or new ones, which are not shown yet.
    pub(crate) fn of_route(&self, path: &str, log_lines: u64) -> Arc<RouteMetrics> {
        let known = self.locked().iter().find(|route| route.path() == path).map(Arc::clone);
        known.unwrap_or_else(|| RouteMetrics::new(path, self.connections.len(), log_lines))
    }

    /// The server has this route from now on.
    pub(crate) fn show(&self, route: &Arc<RouteMetrics>) {
        let mut routes = self.locked();
        route.is_removed.store(false, Relaxed);
        if !routes.iter().any(|shown| Arc::ptr_eq(shown, route)) {
            routes.push(Arc::clone(route));
        }
    }

    /// The server has the route with this path no more.
    pub(crate) fn remove(&self, path: &str) {
        let routes = self.locked();
        let removed = routes.iter().filter(|route| route.path() == path);
        removed.for_each(|route| route.is_removed.store(true, Relaxed));
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Arc<RouteMetrics>>> {
        // No code here panics while it holds the lock.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
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
