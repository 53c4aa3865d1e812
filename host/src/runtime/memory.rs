//! Limits and counts the memory that the host allocates for an instance.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::config::units::Size;

/// The memory of all instances that were started with it. Linear memories and garbage-collected
/// heaps are counted separately.
///
/// It is atomic because a store's data must be `Send`. Each worker has its own, on its own cache
/// line.
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
    /// Bytes of linear memory of all live instances.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.linear.bytes.load(Ordering::Relaxed)
    }

    /// How often a `memory.grow` succeeded.
    #[must_use]
    pub(crate) fn grows(&self) -> u64 {
        self.linear.grows.load(Ordering::Relaxed)
    }

    /// Bytes of garbage-collected heaps of all live instances, including free space.
    #[must_use]
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.heap.bytes.load(Ordering::Relaxed)
    }

    /// How often a garbage-collected heap has grown.
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

/// What the memory is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Heap,
}

impl Kind {
    /// Wasmtime distinguishes them only by the maximum: that of a heap is 4 GiB, and that of a
    /// linear memory is the operator's setting (see `component::info`). A linear memory of exactly
    /// 4 GiB is counted as a heap, and limited in the same way.
    fn of(maximum: Option<usize>) -> Self {
        const ADDRESSES: usize = 1 << 32;
        if maximum.is_some_and(|maximum| maximum < ADDRESSES) { Self::Linear } else { Self::Heap }
    }
}

/// Limits the memory of one instance, and counts it in the statistics.
pub(crate) struct MemoryLimiter {
    /// The maximum of all linear memories and the heap together, bytes.
    limit: usize,
    used: usize,
    /// The part of `used` that belongs to the heap.
    heap: usize,
    /// The bytes that were used when the instance was complete.
    begun: usize,
    /// Whether a request for memory was denied in this call.
    denied: bool,
    /// Whether the instance is complete.
    settled: bool,
    /// The last allowed growth, to be undone if the operating system fails it.
    allowed: (Kind, usize),
    stats: Arc<MemoryStats>,
}

/// The maximum number of entries of a table. Tables hold the functions that are called indirectly.
pub(crate) const TABLE_ENTRIES_MAX: usize = 20_000;

impl MemoryLimiter {
    pub(crate) fn new(limit: Size, stats: Arc<MemoryStats>) -> Self {
        let limit = limit.bytes();
        let allowed = (Kind::Linear, 0);
        Self { limit, used: 0, heap: 0, begun: 0, denied: false, settled: false, allowed, stats }
    }

    /// The instance is complete. From now on, each request for memory counts as growth.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
        self.begun = self.used;
    }

    /// A call begins.
    pub(crate) fn begin(&mut self) {
        self.denied = false;
    }

    /// Whether a request for memory was denied in this call.
    pub(crate) fn has_denied(&self) -> bool {
        self.denied
    }

    /// The bytes of all linear memories, if the limit would allow more.
    pub(crate) fn linear_below_limit(&self) -> Option<u64> {
        (self.used < self.limit).then(|| self.linear())
    }

    /// The bytes of all linear memories.
    pub(crate) fn linear(&self) -> u64 {
        (self.used - self.heap) as u64
    }

    /// Whether the instance has grown since its start, and has more memory than this.
    pub(crate) fn has_grown_past(&self, mark: Size) -> bool {
        self.used > self.begun && self.used as u64 > mark.0
    }
}

impl ResourceLimiter for MemoryLimiter {
    /// Wasmtime calls this for the initial size of each memory, for each `memory.grow`, and in the
    /// same way for the garbage-collected heap.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let kind = Kind::of(maximum);
        let used = self.used.saturating_add(desired.saturating_sub(current));
        // If a heap must not grow, the collector runs and the guest may continue. If that frees too
        // little, wasmtime reports an error of its own.
        self.denied |= used > self.limit && kind == Kind::Linear;
        // Wasmtime checks the memory's own maximum only after this, when the growth would already
        // be counted.
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

    /// Undoes the accounting if the operating system could not map the memory (an `io::Error`).
    /// Other failures were never counted.
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

    /// A limiter of four pages, and a function that reads its statistics: pages, grows.
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
    fn initial_memory_does_not_count_as_growth() {
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
        assert!(!limiter.has_denied(), "the collector continues with the heap that it has");
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
        assert!(!limiter.denied, "that was the memory's own maximum");
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
