//! How the routes of a worker share its time.
//!
//! A guest that runs for long yields at each tick of the clock. Then it waits for its next turn here, with all others that
//! do: between two polls of the sockets one of them runs for a tick, or a half more. So a request waits for three ticks at
//! most, however many guests run for long. When what else runs between two polls takes longer than a tick, as many of them
//! run for as long.
//!
//! While somebody waits, the time of calls is charged to their routes, the less the more weight a route has. The turn is
//! that of the route that has used least. A route that is ahead of another one, which has calls too, also waits for a turn
//! before each call. All others begin at once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;

/// Nanoseconds.
const TICK: u64 = 1_000_000;
/// A route is ahead only if it has used this more than another one, nanoseconds at weight 1.
const SLACK: u64 = TICK;
/// So much a route may make up for, after a time without calls, nanoseconds at weight 1: some ticks.
const ARREARS: u64 = 5_000_000;
/// After so many ticks without a call, a route does not hold back others.
const ACTIVE_TICKS: u64 = 50;
/// A route that is ahead waits until no other one has begun a call between so many polls of the sockets. Tasks that yield run in
/// any order, so one poll tells nothing.
const QUIET_POLLS: u32 = 2;
/// So many short calls may begin between two polls of the sockets.
const CALLS_MAX: usize = 64;

/// The routes of a worker. Only its thread uses this, but what a guest's clock calls must be `Sync`.
#[derive(Default)]
pub(crate) struct Shares {
    routes: Mutex<Vec<Arc<Used>>>,
    /// How many wait for a turn. Those that have given up count until they would have had it.
    waiting: AtomicUsize,
    /// How many calls routes have begun that are not ahead.
    begun: AtomicU64,
    /// Somebody waits for a turn.
    waits: Notify,
}

/// What a route has used.
struct Used {
    weight: u64,
    /// Nanoseconds by weight.
    sum: AtomicU64,
    /// The tick of its last call.
    called: AtomicU64,
    is_ahead: AtomicBool,
    waiting: Mutex<VecDeque<Waiter>>,
}

struct Waiter {
    turn: oneshot::Sender<()>,
    kind: Turn,
}

/// What follows a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A call that may be short.
    Begin,
    /// A call that a tick has interrupted.
    Continue,
}

/// The share of a route, until this is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    used: Arc<Used>,
}

impl Shares {
    /// Lets a route take part.
    pub(crate) fn join(self: &Arc<Self>, weight: u32) -> Arc<Share> {
        let mut routes = locked(&self.routes);
        let least = routes.iter().map(|route| route.sum.load(Relaxed)).min();
        let used = Arc::new(Used {
            weight: weight.into(),
            sum: AtomicU64::new(least.unwrap_or_default()),
            called: AtomicU64::new(0),
            is_ahead: AtomicBool::new(false),
            waiting: Mutex::default(),
        });
        routes.push(Arc::clone(&used));
        Arc::new(Share { shares: Arc::clone(self), used })
    }

    /// Gives turns for ever.
    pub(crate) async fn give_turns(&self) -> Infallible {
        loop {
            self.waits.notified().await;
            let mut calls = 1;
            let mut since = Instant::now();
            let (mut begun, mut quiet_polls) = (self.begun.load(Relaxed), 0);
            // Polls the sockets. Those that have a turn run before that.
            yield_now().await;
            loop {
                let before = std::mem::replace(&mut begun, self.begun.load(Relaxed));
                quiet_polls = if begun == before { quiet_polls + 1 } else { 0 };
                // Whoever is ahead waits while others begin calls that nothing keeps waiting.
                if quiet_polls < QUIET_POLLS && self.next_is_ahead() {
                    yield_now().await;
                    continue;
                }
                // If much has run since, those that were interrupted may run for as long.
                let ticks = (since.elapsed().as_nanos() / u128::from(TICK)).max(1) as usize;
                since = Instant::now();
                match self.give_turns_to(calls, ticks) {
                    None => break,
                    Some((Turn::Begin, given)) => calls = CALLS_MAX.min(2 * given),
                    Some((Turn::Continue, _)) => calls = 2,
                }
                yield_now().await;
            }
        }
    }

    /// Whether the next turn is that of a route which has used more than its share.
    fn next_is_ahead(&self) -> bool {
        let routes = locked(&self.routes);
        let waiting = routes.iter().filter(|route| route.has_waiting());
        let next = waiting.min_by_key(|route| route.sum.load(Relaxed));
        next.is_some_and(|route| route.is_ahead.load(Relaxed))
    }

    /// Gives turns to so many calls at most that begin, or that were interrupted, whichever is first. How many it gave.
    fn give_turns_to(&self, begins: usize, continues: usize) -> Option<(Turn, usize)> {
        let kind = self.give_turn(None)?;
        let most = match kind {
            Turn::Begin => begins,
            Turn::Continue => continues,
        };
        let given = (1..most).take_while(|_| self.give_turn(Some(kind)).is_some()).count();
        Some((kind, 1 + given))
    }

    /// Gives the next turn. None if nobody waits, or the next one is not of this kind.
    fn give_turn(&self, only: Option<Turn>) -> Option<Turn> {
        let routes = locked(&self.routes);
        let mut waiting: Vec<_> = routes.iter().filter(|route| route.has_waiting()).collect();
        waiting.sort_by_key(|route| route.sum.load(Relaxed));
        for route in waiting {
            let mut waiting = locked(&route.waiting);
            while let Some(next) = waiting.front().map(|waiter| waiter.kind) {
                if only.is_some_and(|only| only != next) {
                    return None;
                }
                self.waiting.fetch_sub(1, Relaxed);
                // One that has given up does not take its turn.
                if waiting.pop_front().is_some_and(|waiter| waiter.turn.send(()).is_ok()) {
                    return Some(next);
                }
            }
        }
        None
    }
}

impl Used {
    fn has_waiting(&self) -> bool {
        !locked(&self.waiting).is_empty()
    }

    fn is_active(&self, tick: u64) -> bool {
        tick.saturating_sub(self.called.load(Relaxed)) <= ACTIVE_TICKS || self.has_waiting()
    }

    /// So many nanoseconds, as they count for this route.
    fn by_weight(&self, nanoseconds: u64) -> u64 {
        nanoseconds / self.weight
    }
}

impl Share {
    /// A call begins. Whether its time is to be charged.
    #[inline]
    pub(crate) fn called(&self, tick: u64) -> bool {
        self.used.called.store(tick, Relaxed);
        let is_charged = self.shares.waiting.load(Relaxed) > 0;
        if is_charged && !self.is_ahead() {
            self.shares.begun.fetch_add(1, Relaxed);
        }
        is_charged
    }

    /// Whether the next call must wait for a turn.
    #[inline]
    pub(crate) fn is_ahead(&self) -> bool {
        self.used.is_ahead.load(Relaxed)
    }

    /// A call has run for so long.
    pub(crate) fn charge(&self, tick: u64, nanoseconds: u64) {
        self.used.sum.fetch_add(self.used.by_weight(nanoseconds), Relaxed);
        let routes = locked(&self.shares.routes);
        let sum = |route: &Arc<Used>| route.sum.load(Relaxed);
        let (active, idle): (Vec<_>, Vec<_>) =
            routes.iter().partition(|route| route.is_active(tick));
        let least = active.iter().map(|route| sum(route)).min().unwrap_or_default();
        for route in active {
            let slack = route.by_weight(SLACK);
            route.is_ahead.store(sum(route) > least.saturating_add(slack), Relaxed);
        }
        for route in idle {
            let arrears = route.by_weight(ARREARS);
            route.sum.fetch_max(least.saturating_sub(arrears), Relaxed);
        }
    }

    /// Waits for a turn.
    pub(crate) fn turn(&self, kind: Turn) -> impl Future<Output = ()> + Send + 'static {
        let (turn, given) = oneshot::channel();
        locked(&self.used.waiting).push_back(Waiter { turn, kind });
        self.shares.waiting.fetch_add(1, Relaxed);
        self.shares.waits.notify_one();
        // If the worker ends, nobody gives turns any more.
        async { drop(given.await) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        locked(&self.shares.routes).retain(|route| !Arc::ptr_eq(route, &self.used));
        let left = locked(&self.used.waiting).len();
        self.shares.waiting.fetch_sub(left, Relaxed);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code here panics while it holds a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
