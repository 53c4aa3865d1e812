//! How long a call runs in its guest, and the end of those that run for too long.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

use wasmtime::{Store, UpdateDeadline};

/// Adds up the time that a call spends in the guest. Shared with the store's deadline callback,
/// which must be `Sync`, though only one thread ever uses it: hence atomics, all relaxed.
///
/// Most calls end before the clock's first tick, and cost no look at any clock: a call's time counts
/// from the first tick that it meets, and each time it goes on from then.
pub(crate) struct Timer {
    origin: Moment,
    /// When the guest last went on, nanoseconds since `origin`; 0 before the first tick.
    resumed: AtomicU64,
    /// What it had used by then, nanoseconds.
    spent: AtomicU64,
    /// What it may use, nanoseconds.
    limit: AtomicU64,
}

impl Timer {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { origin: Moment::now(), resumed: zero(), spent: zero(), limit: zero() }
    }

    /// A call begins, which may take so long.
    pub(crate) fn begin(&self, limit: Duration) {
        self.resumed.store(0, Ordering::Relaxed);
        self.spent.store(0, Ordering::Relaxed);
        self.limit.store(nanoseconds(limit), Ordering::Relaxed);
    }

    /// Has every tick of the engine's clock meet the store's guest.
    pub(crate) fn attach<T>(self: &Arc<Self>, store: &mut Store<T>) {
        let timer = Arc::clone(self);
        store.epoch_deadline_callback(move |_| {
            if timer.tick() {
                return Ok(UpdateDeadline::Interrupt);
            }
            // Unlike a wake-up, this lets the runtime look at its sockets before the guest goes on.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store.set_epoch_deadline(1);
    }

    /// The guest waits. What it ran for since the last tick counts, if there was one: otherwise a guest
    /// that waits often would never be seen by the clock.
    fn pause(&self) {
        let resumed = self.resumed.load(Ordering::Relaxed);
        if resumed != 0 {
            self.spent.fetch_add(self.now() - resumed, Ordering::Relaxed);
        }
    }

    /// The guest goes on after others have had their turn.
    fn resume(&self) {
        self.resumed.store(self.now(), Ordering::Relaxed);
    }

    /// A tick meets the guest: says whether its time is over, and lets others have their turn.
    fn tick(&self) -> bool {
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

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs a call; when it goes on after a pause, its timer does.
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
