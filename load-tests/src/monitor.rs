//! Watches a server from outside while others load it: every second what the kernel knows of its
//! process, and what it says of itself to its operator.
//!
//! The watcher has a thread of its own. It asks little, but it asks the server that is measured:
//! one scrape a second is part of every figure, as it is in production.

use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::procfs::resident_bytes;
use http1::prometheus::Metrics;

const EVERY: Duration = Duration::from_secs(1);

/// One look.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Since the watcher began.
    pub at: Duration,
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// What the server says; `None` if it says nothing.
    pub memory: Option<Memory>,
}

/// What a server of ours says of its memory and its instances, over all routes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Bytes that requests occupy, of all arenas together.
    pub in_use_bytes: f64,
    /// The most that one arena ever had in use.
    pub high_water_bytes: f64,
    /// Bytes pinned by survivors, of all arenas together.
    pub sealed_bytes: f64,
    /// Allocations for keeps that did not fit their place.
    pub spills: f64,
    /// Linear memory of all instances.
    pub linear_bytes: f64,
    /// How often a linear memory has grown.
    pub grows: f64,
    /// Slots with a request.
    pub busy: f64,
}

impl Memory {
    /// From one reading of `/metrics`.
    #[must_use]
    pub fn of(samples: &Metrics) -> Self {
        let values = |name: &'static str| samples.of(name).map(|sample| sample.value);
        // Not `sum`, which is -0 of nothing.
        let sum = |name| values(name).fold(0.0, |sum, value| sum + value);
        Self {
            in_use_bytes: sum("arenaria_arena_in_use_bytes"),
            high_water_bytes: values("arenaria_arena_high_water_bytes").fold(0.0, f64::max),
            sealed_bytes: sum("arenaria_arena_sealed_bytes"),
            spills: sum("arenaria_arena_spills_total"),
            linear_bytes: sum("arenaria_linear_memory_bytes"),
            grows: sum("arenaria_memory_grows_total"),
            busy: samples.sum_where("arenaria_slots", "state", "busy"),
        }
    }
}

/// A thread that samples every second, as long as this exists.
#[derive(Debug)]
pub struct Monitor {
    samples: Arc<Mutex<Vec<Sample>>>,
    /// The thread ends when this is dropped.
    _stop: Sender<()>,
}

impl Monitor {
    /// Begins to watch the process `pid`, and its operator's listener if it has one.
    #[must_use]
    pub fn start(pid: u32, operator: Option<SocketAddr>) -> Self {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = channel();
        let sink = Arc::clone(&samples);
        std::thread::spawn(move || {
            let start = Instant::now();
            for tick in 1.. {
                // A process that is gone is another's concern.
                if let Ok(sample) = sample(start, pid, operator) {
                    sink.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
                }
                let pause = (EVERY * tick).saturating_sub(start.elapsed());
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        });
        Self { samples, _stop: stop }
    }

    /// The last look so far.
    #[must_use]
    pub fn last(&self) -> Option<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }

    /// Everything that was seen, in order.
    #[must_use]
    pub fn finish(self) -> Vec<Sample> {
        std::mem::take(&mut self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn sample(start: Instant, pid: u32, operator: Option<SocketAddr>) -> Result<Sample> {
    let metrics = operator.and_then(|operator| Metrics::read(operator).ok());
    let memory = metrics.as_ref().map(Memory::of);
    Ok(Sample { at: start.elapsed(), resident_bytes: resident_bytes(pid)?, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_looks_at_once_and_ends_when_asked() {
        let monitor = Monitor::start(std::process::id(), None);
        let deadline = Instant::now() + Duration::from_secs(10);
        while monitor.last().is_none() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let samples = monitor.finish();
        assert!(samples[0].resident_bytes > 0 && samples[0].memory.is_none(), "{samples:?}");
    }

    #[test]
    fn instances_are_summed_and_the_highest_mark_counts() {
        let text = "arenaria_arena_in_use_bytes{slot=\"0\"} 5\narenaria_arena_in_use_bytes{slot=\"1\"} 7\n\
            arenaria_arena_high_water_bytes{slot=\"0\"} 100\narenaria_arena_high_water_bytes{slot=\"1\"} 50\n\
            arenaria_memory_grows_total{route=\"/\"} 0\narenaria_slots{state=\"busy\"} 1\n";
        let memory = Memory::of(&Metrics::parse(text).unwrap());
        assert_eq!((memory.in_use_bytes, memory.high_water_bytes), (12.0, 100.0));
        assert_eq!((memory.busy, memory.grows), (1.0, 0.0));
    }
}
