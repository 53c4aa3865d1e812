//! What is measured of a request, if the access log or its route asks for it. Otherwise nothing is.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

/// Measures one request, or nothing. All clones measure the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Option<Arc<Measured>>);

/// One thread uses it. The lock is there because the body that a guest reads must be `Send`.
#[derive(Debug)]
struct Measured {
    begun: Instant,
    /// The bytes of the request's body that were read.
    received: AtomicU64,
    stages: Mutex<Stages>,
}

/// What a request does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// The host works for it, or it waits for its client.
    Host,
    /// It waits for a slot.
    Queue,
    /// It is in the guest, also while that waits.
    Guest,
}

#[derive(Debug)]
struct Stages {
    current: Stage,
    since: Instant,
    times: Times,
}

/// How long a request was in its stages, if it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) queue: Option<Duration>,
    pub(crate) guest: Option<Duration>,
}

impl Meter {
    /// Measures a request that has begun then.
    #[cold]
    pub(crate) fn begin(begun: Instant) -> Self {
        let stages = Stages { current: Stage::Host, since: begun, times: Times::default() };
        let (received, stages) = (AtomicU64::new(0), Mutex::new(stages));
        Self(Some(Arc::new(Measured { begun, received, stages })))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The request is in this stage from now on.
    #[inline]
    pub(crate) fn enter(&self, stage: Stage) {
        if let Some(measured) = &self.0 {
            measured.enter(stage);
        }
    }

    /// So many more bytes of its body were read.
    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        if let Some(measured) = &self.0 {
            measured.received.fetch_add(bytes as u64, Relaxed);
        }
    }

    pub(crate) fn received_bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |measured| measured.received.load(Relaxed))
    }

    /// The time since the request began.
    pub(crate) fn total(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |measured| measured.begun.elapsed())
    }

    /// How long it was in its stages. Its host stage begins.
    pub(crate) fn times(&self) -> Times {
        self.0.as_ref().map_or_else(Times::default, |measured| measured.enter(Stage::Host))
    }

    /// The field `server-timing` of a response that begins now (W3C Server Timing), in milliseconds.
    pub(crate) fn header(&self) -> HeaderValue {
        let Times { queue, guest } = self.times();
        let parts = [("queue", queue), ("guest", guest), ("total", Some(self.total()))];
        let mut text = String::new();
        for (name, time) in parts {
            let Some(time) = time else { continue };
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{name};dur={:.3}", milliseconds(time));
        }
        HeaderValue::try_from(text).expect("names and numbers are valid in a field")
    }
}

impl Measured {
    /// Returns the times before.
    #[cold]
    fn enter(&self, stage: Stage) -> Times {
        let now = Instant::now();
        // No code here panics while it holds the lock.
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(stages.since);
        let time = match stages.current {
            Stage::Host => None,
            Stage::Queue => Some(&mut stages.times.queue),
            Stage::Guest => Some(&mut stages.times.guest),
        };
        if let Some(time) = time {
            *time = Some(time.unwrap_or_default() + passed);
        }
        (stages.current, stages.since) = (stage, now);
        stages.times
    }
}

/// With the precision of a microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
