//! The bound on what an instance can make the host allocate for it, and who counts it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::config::units::Size;

/// The memory of all the instances that were started with it, linear memories and collectors' heaps
/// apart.
///
/// Atomic because a store's data must be `Send`: no two workers share one, hence also a cache line
/// of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct MemoryStats {
    linear: Gauge,
    heap: Gauge,
}

/// One kind of memory.
#[derive(Debug, Default)]
struct Gauge {
    bytes: AtomicU64,
    grows: AtomicU64,
}

impl MemoryStats {
    /// Bytes of linear memory of the instances that live.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.linear.bytes.load(Ordering::Relaxed)
    }

    /// How often a `memory.grow` gave an instance more memory, since the start.
    #[must_use]
    pub(crate) fn grows(&self) -> u64 {
        self.linear.grows.load(Ordering::Relaxed)
    }

    /// Bytes of garbage-collected heaps of the instances that live, also those that are free.
    #[must_use]
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.heap.bytes.load(Ordering::Relaxed)
    }

    /// How often a collector was given a larger heap, since the start.
    #[must_use]
    pub(crate) fn heap_grows(&self) -> u64 {
        self.heap.grows.load(Ordering::Relaxed)
    }

    fn of(&self, kind: Kind) -> &Gauge {
        match kind {
            Kind::Linear => &self.linear,
            Kind::Heap => &self.heap,
        }
    }
}

/// What asks for memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Heap,
}

impl Kind {
    /// Wasmtime tells them apart by nothing but this: a heap may have all that 32 bits can address, and
    /// every linear memory has a maximum that the operator set (see `contract`). One of exactly 4 GiB is
    /// shown as a heap, and bounded as well.
    fn of(maximum: Option<usize>) -> Self {
        const ADDRESSES: usize = 1 << 32;
        if maximum.is_some_and(|maximum| maximum < ADDRESSES) { Self::Linear } else { Self::Heap }
    }
}

/// The bound on everything that one instance can make the host allocate for it, and who counts it.
pub(crate) struct MemoryLimiter {
    /// Bytes of all memories and the collector's heap together.
    limit: usize,
    used: usize,
    /// The heap's part of what is used.
    heap: usize,
    /// What it began with.
    begun: usize,
    /// Whether the guest has asked for more than it may have, in this call.
    denied: bool,
    /// Whether the instance has the memories that it begins with.
    settled: bool,
    /// What was allowed last, for when the system does not have it.
    allowed: (Kind, usize),
    stats: Arc<MemoryStats>,
}

/// Entries of a table, which holds the functions that are called indirectly.
pub(crate) const TABLE_ENTRIES_MAX: usize = 20_000;

impl MemoryLimiter {
    pub(crate) fn new(limit: Size, stats: Arc<MemoryStats>) -> Self {
        let limit = limit.bytes();
        let allowed = (Kind::Linear, 0);
        Self { limit, used: 0, heap: 0, begun: 0, denied: false, settled: false, allowed, stats }
    }

    /// The instance is there: from here on, what it asks for is a grow.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
        self.begun = self.used;
    }

    /// A call begins, which has asked for nothing yet.
    pub(crate) fn begin(&mut self) {
        self.denied = false;
    }

    /// Whether the guest has asked for more than it may have, in this call.
    pub(crate) fn has_denied(&self) -> bool {
        self.denied
    }

    /// Whether the instance has grown since it began, and has more than that.
    pub(crate) fn has_grown_past(&self, mark: Size) -> bool {
        self.used > self.begun && self.used as u64 > mark.0
    }
}

impl ResourceLimiter for MemoryLimiter {
    /// Wasmtime asks for what each memory begins with, and then for each `memory.grow`; and in the same
    /// way for the heap of its collector.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let kind = Kind::of(maximum);
        let used = self.used.saturating_add(desired.saturating_sub(current));
        // A collector that is refused more collects, and may go on: its end is an error of its own.
        self.denied |= used > self.limit && kind == Kind::Linear;
        // Past the memory's own maximum wasmtime would refuse only what is allowed and counted here.
        if used > self.limit || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = used - self.used;
        self.allowed = (kind, more);
        self.used = used;
        self.heap += if kind == Kind::Heap { more } else { 0 };
        let gauge = self.stats.of(kind);
        gauge.bytes.fetch_add(more as u64, Ordering::Relaxed);
        gauge.grows.fetch_add(self.settled.into(), Ordering::Relaxed);
        Ok(true)
    }

    /// Only the system still fails what was allowed. A size beyond all addresses comes here too, but
    /// was never asked for above, and its error is another.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.is::<io::Error>() {
            let (kind, more) = self.allowed;
            self.used -= more;
            self.heap -= if kind == Kind::Heap { more } else { 0 };
            let gauge = self.stats.of(kind);
            gauge.bytes.fetch_sub(more as u64, Ordering::Relaxed);
            gauge.grows.fetch_sub(self.settled.into(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ENTRIES_MAX)
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        let linear = self.used - self.heap;
        self.stats.linear.bytes.fetch_sub(linear as u64, Ordering::Relaxed);
        self.stats.heap.bytes.fetch_sub(self.heap as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 65_536;

    /// A box of four pages, its stats, and a look at that: pages, grows.
    fn limiter_and_stats() -> (MemoryLimiter, impl Fn() -> (usize, u64)) {
        let stats = Arc::new(MemoryStats::default());
        let limiter = MemoryLimiter::new(Size(4 * PAGE as u64), Arc::clone(&stats));
        (limiter, move || (stats.bytes() as usize / PAGE, stats.grows()))
    }

    #[track_caller]
    fn ask(limiter: &mut MemoryLimiter, [current, desired]: [usize; 2], maximum: usize) -> bool {
        limiter.memory_growing(current * PAGE, desired * PAGE, Some(maximum * PAGE)).unwrap()
    }

    #[test]
    fn only_what_a_guest_grows_by_is_a_grow() {
        let (mut limiter, shown) = limiter_and_stats();
        assert!(ask(&mut limiter, [0, 0], 4));
        assert!(ask(&mut limiter, [0, 1], 4));
        assert_eq!(shown(), (1, 0));
        limiter.settle();
        assert!(ask(&mut limiter, [0, 1], 4));
        assert!(ask(&mut limiter, [1, 2], 4));
        assert_eq!(shown(), (3, 2));
        let pages = |pages: usize| Size((pages * PAGE) as u64);
        assert!(limiter.has_grown_past(pages(2)) && !limiter.has_grown_past(pages(3)));
        drop(limiter);
        assert_eq!(shown(), (0, 2));
    }

    #[test]
    fn several_memories_share_one_limit() {
        let (mut limiter, shown) = limiter_and_stats();
        assert!(ask(&mut limiter, [0, 3], 4) && ask(&mut limiter, [0, 1], 4));
        assert!(!ask(&mut limiter, [1, 2], 4) && limiter.has_denied());
        assert_eq!(shown(), (4, 0));
    }

    #[test]
    fn a_heap_shares_the_limit_and_is_counted_apart() {
        let (mut limiter, shown) = limiter_and_stats();
        let stats = Arc::clone(&limiter.stats);
        let heap = move || (stats.heap_bytes() as usize / PAGE, stats.heap_grows());
        let all = 1 << 16;
        assert!(ask(&mut limiter, [0, 1], all) && ask(&mut limiter, [0, 1], 1));
        limiter.settle();
        assert!(ask(&mut limiter, [1, 2], all));
        assert!(!ask(&mut limiter, [2, 4], all));
        assert!(!limiter.has_denied(), "the collector goes on with what it has");
        assert_eq!((shown(), heap()), ((1, 0), (2, 1)));
        assert!(ask(&mut limiter, [2, 3], all));
        limiter.memory_grow_failed(io::Error::from(io::ErrorKind::OutOfMemory).into()).unwrap();
        assert_eq!((shown(), heap()), ((1, 0), (2, 1)));
        drop(limiter);
        assert_eq!((shown(), heap()), ((0, 0), (0, 1)));
    }

    #[test]
    fn what_is_refused_or_fails_is_not_counted() {
        let (mut limiter, shown) = limiter_and_stats();
        assert!(ask(&mut limiter, [0, 1], 3));
        limiter.settle();
        assert!(!ask(&mut limiter, [1, 4], 3));
        assert!(!limiter.denied, "that was the guest's own maximum");
        assert!(!ask(&mut limiter, [1, 5], 8));
        assert!(limiter.denied);
        assert_eq!(shown(), (1, 0));
        assert!(ask(&mut limiter, [1, 2], 3));
        limiter.memory_grow_failed(wasmtime::Error::msg("beyond all addresses")).unwrap();
        assert_eq!(shown(), (2, 1));
        assert!(ask(&mut limiter, [2, 3], 3));
        limiter.memory_grow_failed(io::Error::from(io::ErrorKind::OutOfMemory).into()).unwrap();
        assert_eq!(shown(), (2, 1));
        assert!(ask(&mut limiter, [2, 3], 3));
        assert_eq!(shown(), (3, 2));
    }
}
