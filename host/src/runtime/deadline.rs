//! Measures how long a call runs in its guest, and ends calls that run too long.
//!
//! A call on a fiber yields to other tasks at every tick of the engine's clock. One that has no fiber cannot, so it has
//! much less time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};

use crate::runtime::clock::Pulse;
use crate::runtime::share::{Share, Turn};

/// How many ticks the calls of a request without a fiber may last. They allocate or free, so they need microseconds.
pub(crate) const BLOCKING_TICKS: u64 = 5;

/// Nanoseconds.
const HALF_TICK: u64 = 500_000;

/// What a tick finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// The call has used up its time.
    TimeIsUp,
    /// The guest runs since less than half a tick. It goes on until the next one, so that short calls are rarely
    /// interrupted.
    HasJustBegun,
    /// It has run for longer, or nobody knows since when. Others have their turn.
    HasRun,
}

/// Adds up the time that a call spends in the guest.
///
/// The store's deadline callback shares it and must be `Sync`, hence the atomics. Only one thread
/// uses them, so all accesses are relaxed.
///
/// Most calls end before the first tick of the engine's clock and never read the time. The time of
/// a call counts from the first tick, and from each time that the call resumes after it.
pub(crate) struct Timer {
    pulse: Pulse,
    /// Its route's share of the time of its worker.
    share: Option<Arc<Share>>,
    origin: Instant,
    /// When the guest last resumed, nanoseconds since `origin`; 0 before the first tick.
    resumed: AtomicU64,
    /// The time that it had used by then, nanoseconds.
    spent: AtomicU64,
    /// The time that it may use, nanoseconds.
    limit: AtomicU64,
    /// Whether the call has no fiber.
    is_blocking: AtomicBool,
    /// How many ticks have interrupted calls without a fiber, of this request.
    blocked_ticks: AtomicU64,
    may_block: bool,
}

impl Timer {
    pub(crate) fn new(pulse: Pulse, share: Option<Arc<Share>>, may_block: bool) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            pulse,
            share,
            origin: Instant::now(),
            resumed: zero(),
            spent: zero(),
            limit: zero(),
            is_blocking: AtomicBool::new(false),
            blocked_ticks: zero(),
            may_block,
        }
    }

    /// A call begins. Its first interruption is at the next tick.
    pub(crate) fn arm<T>(&self, store: &mut Store<T>) {
        // Before the clock is told, so that it ticks once more than this at least.
        store.set_epoch_deadline(1);
        self.pulse.beat();
        // Others wait for this worker, so the time of this call is charged from its begin on.
        if let Some(share) = &self.share
            && share.called(self.pulse.ticks())
        {
            self.resumed.store(self.now(), Ordering::Relaxed);
        }
    }

    /// A call with this limit begins, or the first of several that share it.
    pub(crate) fn begin<T>(&self, store: &mut Store<T>, limit: Duration) {
        self.is_blocking.store(false, Ordering::Relaxed);
        self.blocked_ticks.store(0, Ordering::Relaxed);
        self.resumed.store(0, Ordering::Relaxed);
        self.arm(store);
        self.spent.store(0, Ordering::Relaxed);
        self.limit.store(nanoseconds(limit), Ordering::Relaxed);
    }

    /// Makes every tick of the engine's clock interrupt the store's guest.
    pub(crate) fn attach<T>(self: &Arc<Self>, store: &mut Store<T>) {
        let timer = Arc::clone(self);
        store.epoch_deadline_callback(move |_| {
            let tick = timer.tick();
            if tick == Tick::TimeIsUp {
                return Ok(UpdateDeadline::Interrupt);
            }
            if timer.is_blocking.load(Ordering::Relaxed) {
                timer.blocked_ticks.fetch_add(1, Ordering::Relaxed);
                return Ok(match timer.has_blocked_too_long() {
                    true => UpdateDeadline::Interrupt,
                    false => UpdateDeadline::Continue(1),
                });
            }
            if tick == Tick::HasJustBegun {
                return Ok(UpdateDeadline::Continue(1));
            }
            // Unlike waking the task at once, both let the runtime poll its sockets before the guest resumes.
            Ok(UpdateDeadline::YieldCustom(
                1,
                match &timer.share {
                    Some(share) => Box::pin(share.turn(Turn::Continue)),
                    None => Box::pin(tokio::task::yield_now()),
                },
            ))
        });
        store.set_epoch_deadline(1);
    }

    /// Whether a call may run without a fiber. If one was interrupted by a tick, the later ones of the same request
    /// may not.
    #[inline]
    pub(crate) fn may_block(&self) -> bool {
        self.may_block && self.blocked_ticks.load(Ordering::Relaxed) == 0
    }

    /// Runs a call that has no fiber.
    #[inline]
    pub(crate) fn blocking<R>(&self, call: impl FnOnce() -> R) -> R {
        self.is_blocking.store(true, Ordering::Relaxed);
        let result = call();
        self.is_blocking.store(false, Ordering::Relaxed);
        result
    }

    /// Whether a call without a fiber has used up its time.
    pub(crate) fn has_blocked_too_long(&self) -> bool {
        self.blocked_ticks.load(Ordering::Relaxed) > BLOCKING_TICKS
    }

    /// The guest waits. Its time since the last tick counts, if there was a tick. Otherwise a guest
    /// that waits often would never use up its time.
    fn pause(&self) {
        let resumed = self.resumed.load(Ordering::Relaxed);
        if resumed != 0 {
            let time = self.now() - resumed;
            self.spent.fetch_add(time, Ordering::Relaxed);
            self.charge(time);
        }
    }

    /// The call has ended.
    #[inline]
    fn end(&self) {
        let resumed = self.resumed.load(Ordering::Relaxed);
        if resumed != 0 {
            self.charge(self.now() - resumed);
        }
    }

    /// Charges the route with this time.
    fn charge(&self, nanoseconds: u64) {
        if let Some(share) = &self.share {
            share.charge(self.pulse.ticks(), nanoseconds);
        }
    }

    /// The guest resumes after other tasks have run.
    fn resume(&self) {
        self.pulse.beat();
        self.resumed.store(self.now(), Ordering::Relaxed);
    }

    /// A tick interrupts the guest.
    fn tick(&self) -> Tick {
        self.pulse.beat();
        let now = self.now();
        let resumed = match self.resumed.load(Ordering::Relaxed) {
            0 => None,
            resumed => Some(resumed),
        };
        let ran = now - resumed.unwrap_or(now);
        let spent = self.spent.load(Ordering::Relaxed) + ran;
        self.spent.store(spent, Ordering::Relaxed);
        self.resumed.store(now, Ordering::Relaxed);
        self.charge(ran);
        if spent > self.limit.load(Ordering::Relaxed) {
            Tick::TimeIsUp
        } else if resumed.is_some() && ran < HALF_TICK {
            Tick::HasJustBegun
        } else {
            Tick::HasRun
        }
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
        } else {
            timer.end();
        }
        poll
    })
    .await
}
