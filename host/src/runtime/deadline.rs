//! Measures how long a call runs in its guest, and ends calls that run too long.
//!
//! A call on a fiber yields to other tasks at every tick of the engine's clock. One that has no fiber cannot, so it has
//! much less time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, UpdateDeadline};

use crate::runtime::clock::Pulse;

/// How long a call without a fiber may use the processor: it allocates or frees, so it needs microseconds.
const BLOCKING_MAX: Duration = Duration::from_millis(5);

/// Adds up the time that a call spends in the guest.
///
/// The store's deadline callback shares it and must be `Sync`, hence the atomics. Only one thread
/// uses them, so all accesses are relaxed.
///
/// Most calls end before the first tick of the engine's clock and never read the time. The time of
/// a call counts from the first tick, and from each time that the call resumes after it.
pub(crate) struct Timer {
    pulse: Pulse,
    origin: Instant,
    /// When the guest last resumed, nanoseconds since `origin`; 0 before the first tick.
    resumed: AtomicU64,
    /// The time that it had used by then, nanoseconds.
    spent: AtomicU64,
    /// The time that it may use, nanoseconds.
    limit: AtomicU64,
    /// Whether the call has no fiber.
    is_blocking: AtomicBool,
    /// What the thread had used of the processor at the first tick of a call without a fiber, nanoseconds; 0 before.
    blocked: AtomicU64,
}

impl Timer {
    pub(crate) fn new(pulse: Pulse) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            pulse,
            origin: Instant::now(),
            resumed: zero(),
            spent: zero(),
            limit: zero(),
            is_blocking: AtomicBool::new(false),
            blocked: zero(),
        }
    }

    /// A call with this limit begins.
    pub(crate) fn begin(&self, limit: Duration) {
        self.pulse.beat();
        self.resumed.store(0, Ordering::Relaxed);
        self.spent.store(0, Ordering::Relaxed);
        self.limit.store(nanoseconds(limit), Ordering::Relaxed);
    }

    /// Makes every tick of the engine's clock interrupt the store's guest.
    pub(crate) fn attach<T>(self: &Arc<Self>, store: &mut Store<T>) {
        let timer = Arc::clone(self);
        store.epoch_deadline_callback(move |_| {
            if timer.tick() {
                return Ok(UpdateDeadline::Interrupt);
            }
            if timer.is_blocking.load(Ordering::Relaxed) {
                return Ok(match timer.blocks_too_long() {
                    true => UpdateDeadline::Interrupt,
                    false => UpdateDeadline::Continue(1),
                });
            }
            // Unlike waking the task at once, this lets the runtime poll its sockets before the
            // guest resumes.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store.set_epoch_deadline(1);
    }

    /// Runs a call that has no fiber.
    #[inline]
    pub(crate) fn blocking<R>(&self, call: impl FnOnce() -> R) -> R {
        self.blocked.store(0, Ordering::Relaxed);
        self.is_blocking.store(true, Ordering::Relaxed);
        let result = call();
        self.is_blocking.store(false, Ordering::Relaxed);
        result
    }

    /// A tick interrupts a call without a fiber. The time of the processor counts, so that a busy machine does not end
    /// the call.
    fn blocks_too_long(&self) -> bool {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        let now = nanoseconds(Duration::try_from(used).unwrap_or(Duration::MAX)).max(1);
        match self.blocked.load(Ordering::Relaxed) {
            0 => {
                self.blocked.store(now, Ordering::Relaxed);
                false
            }
            begun => now - begun > nanoseconds(BLOCKING_MAX),
        }
    }

    /// The guest waits. Its time since the last tick counts, if there was a tick. Otherwise a guest
    /// that waits often would never use up its time.
    fn pause(&self) {
        let resumed = self.resumed.load(Ordering::Relaxed);
        if resumed != 0 {
            self.spent.fetch_add(self.now() - resumed, Ordering::Relaxed);
        }
    }

    /// The guest resumes after other tasks have run.
    fn resume(&self) {
        self.pulse.beat();
        self.resumed.store(self.now(), Ordering::Relaxed);
    }

    /// A tick interrupts the guest. True if its time is used up.
    fn tick(&self) -> bool {
        self.pulse.beat();
        let now = self.now();
        let resumed = match self.resumed.load(Ordering::Relaxed) {
            0 => now,
            resumed => resumed,
        };
        let spent = self.spent.load(Ordering::Relaxed) + (now - resumed);
        self.spent.store(spent, Ordering::Relaxed);
        self.resumed.store(now, Ordering::Relaxed);
        spent > self.limit.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        nanoseconds(self.origin.elapsed()).max(1)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs a call. Its timer pauses and resumes with it.
pub(crate) async fn timed<F: Future>(timer: &Timer, mut call: Pin<&mut F>) -> F::Output {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            timer.resume();
        }
        let poll = call.as_mut().poll(context);
        if poll.is_pending() {
            timer.pause();
        }
        poll
    })
    .await
}
