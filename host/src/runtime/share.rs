//! How the routes of a worker share its time.
//!
//! A guest that runs for long yields at each tick of the clock. Then it waits for its next turn here, with all others that
//! do: between two polls of the sockets one of them runs for a tick. So a request waits for two ticks at most, however
//! many guests run for long.
//!
//! While somebody waits, the time of calls is charged to their routes, the less the more weight a route has. The turn is
//! that of the route that has used least. A route that is ahead of another one, which has calls too, also waits for a turn
//! before each call. All others begin at once.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;

/// A route is ahead only if it has used this more than another one, nanoseconds at weight 1: a tick.
const SLACK: u64 = 1_000_000;
/// So much a route may make up for, after a time without calls, nanoseconds at weight 1: some ticks.
const ARREARS: u64 = 5_000_000;
/// After so many ticks without a call, a route does not hold back others.
const ACTIVE_TICKS: u64 = 50;
/// So many short calls may begin between two polls of the sockets.
const CALLS_MAX: usize = 64;

/// The routes of a worker. Only its thread uses this, but what a guest's clock calls must be `Sync`.
#[derive(Default)]
pub(crate) struct Shares {
    routes: Mutex<Vec<Arc<Used>>>,
    /// How many wait for a turn. Those that have given up count until they would have had it.
    waiting: AtomicUsize,
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
            // Polls the sockets. Those that have a turn run before that.
            yield_now().await;
            loop {
                let given = self.give_turns_to(calls);
                if given == 0 {
                    break;
                }
                calls = CALLS_MAX.min(2 * given);
                yield_now().await;
            }
        }
    }

    /// Gives so many turns at most: one to a call that was interrupted, or several to calls that begin. How many it gave.
    fn give_turns_to(&self, most: usize) -> usize {
        let mut given = 0;
        while given < most {
            match self.give_turn(given > 0) {
                Some(Turn::Begin) => given += 1,
                Some(Turn::Continue) => return 1,
                None => break,
            }
        }
        given
    }

    /// Gives the next turn. None if nobody waits, or the next one is not that of a call that begins and this is asked for.
    fn give_turn(&self, only_begin: bool) -> Option<Turn> {
        let routes = locked(&self.routes);
        let mut waiting: Vec<_> = routes.iter().filter(|route| route.has_waiting()).collect();
        waiting.sort_by_key(|route| route.sum.load(Relaxed));
        for route in waiting {
            let mut waiting = locked(&route.waiting);
            while let Some(next) = waiting.front().map(|waiter| waiter.kind) {
                if only_begin && next == Turn::Continue {
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
        self.shares.waiting.load(Relaxed) > 0
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
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const TICK: u64 = 1_000_000;

    /// Gives turns to routes that always have two calls which take more than their time. How many ticks each got.
    fn ticks_of(weights: &[u32], rounds: u64) -> Vec<u64> {
        let shares = Arc::new(Shares::default());
        let routes: Vec<_> = weights.iter().map(|weight| shares.join(*weight)).collect();
        let mut turns = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            turns.extend((0..2).map(|_| (index, Box::pin(route.turn(Turn::Continue)))));
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut ticks = vec![0; weights.len()];
        for tick in 0..rounds {
            assert_eq!(shares.give_turns_to(CALLS_MAX), 1);
            let given = turns.iter_mut().find_map(|(index, turn)| {
                turn.as_mut().poll(&mut context).is_ready().then_some((*index, turn))
            });
            let (index, turn) = given.expect("one has a turn");
            ticks[index] += 1;
            routes[index].charge(tick, TICK);
            *turn = Box::pin(routes[index].turn(Turn::Continue));
        }
        ticks
    }

    #[test]
    fn time_is_shared_by_weight() {
        assert_eq!(ticks_of(&[1], 10), [10]);
        assert_eq!(ticks_of(&[1, 1, 1], 300), [100, 100, 100]);
        let ticks = ticks_of(&[1, 3, 6], 1000);
        assert!((95..=105).contains(&ticks[0]) && (295..=305).contains(&ticks[1]), "{ticks:?}");
    }

    #[test]
    fn who_is_ahead_waits_until_the_other_is_gone() {
        let shares = Arc::new(Shares::default());
        let (busy, other) = (shares.join(1), shares.join(1));
        busy.called(100);
        busy.charge(100, 2 * TICK);
        assert!(!busy.is_ahead(), "the other one has no calls");
        other.called(100);
        busy.charge(101, TICK);
        assert!(busy.is_ahead() && !other.is_ahead());
        busy.called(101 + ACTIVE_TICKS);
        busy.charge(101 + ACTIVE_TICKS, TICK);
        assert!(!busy.is_ahead(), "the other one has had no call for long");
        // One that waits has calls.
        let _turn = other.turn(Turn::Begin);
        busy.called(1000);
        busy.charge(1000, 10 * TICK);
        assert!(busy.is_ahead());
        drop(other);
        busy.charge(1001, TICK);
        assert!(!busy.is_ahead());
    }

    #[test]
    fn who_has_used_little_more_is_not_ahead() {
        let shares = Arc::new(Shares::default());
        let (one, other) = (shares.join(1), shares.join(1));
        other.called(1);
        one.called(1);
        one.charge(1, TICK);
        assert!(!one.is_ahead());
        one.charge(1, 1);
        assert!(one.is_ahead());
    }

    #[test]
    fn who_had_no_calls_makes_up_for_some_ticks_only() {
        for weight in [1, 10, 1000] {
            let shares = Arc::new(Shares::default());
            let (busy, other) = (shares.join(1), shares.join(weight));
            for tick in 100..1100 {
                busy.called(tick);
                busy.charge(tick, TICK);
            }
            let sum = |share: &Share| share.used.sum.load(Relaxed);
            assert_eq!((sum(&busy) - sum(&other)) * u64::from(weight), ARREARS, "{weight}");
        }
    }

    #[test]
    fn time_is_charged_only_while_somebody_waits() {
        let shares = Arc::new(Shares::default());
        let route = shares.join(1);
        assert!(!route.called(1));
        let turn = route.turn(Turn::Continue);
        assert!(route.called(1));
        drop(turn);
        assert_eq!(shares.give_turns_to(1), 0);
        assert!(!route.called(1));
        let _turn = route.turn(Turn::Continue);
        drop(route);
        assert!(!shares.join(1).called(1));
    }

    #[tokio::test]
    async fn between_two_polls_of_the_sockets_one_guest_runs() {
        let shares = Arc::new(Shares::default());
        let (light, heavy) = (shares.join(1), shares.join(1));
        let (ran, began) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        tokio::spawn(async move { shares.give_turns().await });
        for _ in 0..8 {
            let (heavy, ran) = (Arc::clone(&heavy), Arc::clone(&ran));
            tokio::spawn(async move {
                loop {
                    heavy.turn(Turn::Continue).await;
                    heavy.called(1);
                    heavy.charge(1, TICK);
                    ran.fetch_add(1, Relaxed);
                }
            });
            // Short calls, also of a route that is ahead, do not let more of the others run.
            let (light, began) = (Arc::clone(&light), Arc::clone(&began));
            tokio::spawn(async move {
                loop {
                    light.turn(Turn::Begin).await;
                    light.called(1);
                    light.charge(1, TICK / 5);
                    began.fetch_add(1, Relaxed);
                }
            });
        }
        for _ in 0..1000 {
            let before = ran.load(Relaxed);
            yield_now().await;
            assert!(ran.load(Relaxed) - before <= 1);
        }
        let (ran, began) = (ran.load(Relaxed), began.load(Relaxed));
        assert!(ran > 100 && (4 * ran..6 * ran).contains(&began), "{ran} and {began}");
    }

    #[tokio::test]
    async fn short_calls_begin_together() {
        let shares = Arc::new(Shares::default());
        let (route, ran) = (shares.join(1), Arc::new(AtomicU64::new(0)));
        tokio::spawn(async move { shares.give_turns().await });
        for _ in 0..CALLS_MAX {
            let (turn, ran) = (route.turn(Turn::Begin), Arc::clone(&ran));
            tokio::spawn(async move {
                turn.await;
                ran.fetch_add(1, Relaxed);
            });
        }
        let mut polls = 0;
        while ran.load(Relaxed) < CALLS_MAX as u64 {
            yield_now().await;
            polls += 1;
        }
        assert!(polls < 12, "{polls}");
    }

    #[tokio::test]
    async fn who_gives_up_does_not_take_a_turn() {
        let shares = Arc::new(Shares::default());
        let route = shares.join(1);
        drop(route.turn(Turn::Continue));
        let next = route.turn(Turn::Continue);
        assert_eq!(shares.give_turns_to(1), 1);
        next.await;
        assert_eq!(shares.give_turns_to(1), 0);
    }
}
