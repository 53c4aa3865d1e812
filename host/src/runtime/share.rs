//! How the routes of a worker share its time.
//!
//! A guest that runs for long yields at each tick of the clock. Then it waits for its next turn here, with all others that
//! do: between two polls of the sockets one of them runs for a tick. So a request waits for two ticks at most, however
//! many guests run for long.
//!
//! A tick is charged to the route of the guest that it interrupts, the less the more weight the route has. The turn is that
//! of the route that has used least. A route that is ahead of another one, which has calls too, also waits for a turn
//! before each call. All others begin at once, and short calls are never interrupted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;

/// What a tick costs a route with the weight 1.
const PRICE: u64 = 1_000_000;
/// After so many ticks without a call, a route does not hold back others.
const ACTIVE_TICKS: u64 = 50;
/// So many ticks a route may make up for, after a time in which it used less than its share.
const ARREARS_TICKS: u64 = 5;
/// So many short calls may begin between two polls of the sockets.
const CALLS_MAX: usize = 64;

/// The routes of a worker. Only its thread uses this, but what a guest's clock calls must be `Sync`.
#[derive(Default)]
pub(crate) struct Shares {
    routes: Mutex<Vec<Arc<Used>>>,
    /// Somebody waits for a turn.
    waits: Notify,
    /// How many ticks were charged.
    charged: AtomicU64,
}

/// What a route has used.
struct Used {
    /// What a tick costs.
    price: u64,
    sum: AtomicU64,
    /// The tick of its last call.
    called: AtomicU64,
    is_ahead: AtomicBool,
    waiting: Mutex<VecDeque<oneshot::Sender<()>>>,
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
        let most = routes.iter().map(|route| route.sum.load(Relaxed)).max();
        let used = Arc::new(Used {
            price: PRICE / u64::from(weight),
            sum: AtomicU64::new(most.unwrap_or_default()),
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
            yield_now().await;
            loop {
                let charged = self.charged.load(Relaxed);
                if (0..calls).take_while(|_| self.give_turn()).count() == 0 {
                    break;
                }
                // Those that got a turn run, and then the sockets are polled.
                yield_now().await;
                let were_short = self.charged.load(Relaxed) == charged;
                calls = if were_short { CALLS_MAX.min(2 * calls) } else { 1 };
            }
        }
    }

    /// Gives the next turn. False if nobody waits.
    fn give_turn(&self) -> bool {
        let routes = locked(&self.routes);
        let mut waiting: Vec<_> = routes.iter().filter(|route| route.has_waiting()).collect();
        waiting.sort_by_key(|route| route.sum.load(Relaxed));
        waiting.into_iter().any(|route| {
            let mut waiting = locked(&route.waiting);
            // One that has given up does not take its turn.
            std::iter::from_fn(|| waiting.pop_front()).any(|turn| turn.send(()).is_ok())
        })
    }
}

impl Used {
    fn has_waiting(&self) -> bool {
        !locked(&self.waiting).is_empty()
    }

    fn is_active(&self, tick: u64) -> bool {
        tick.saturating_sub(self.called.load(Relaxed)) <= ACTIVE_TICKS || self.has_waiting()
    }
}

impl Share {
    /// A call begins.
    #[inline]
    pub(crate) fn called(&self, tick: u64) {
        self.used.called.store(tick, Relaxed);
    }

    /// Whether the next call must wait for a turn.
    #[inline]
    pub(crate) fn is_ahead(&self) -> bool {
        self.used.is_ahead.load(Relaxed)
    }

    /// A tick has interrupted a call.
    pub(crate) fn charge(&self, tick: u64) {
        self.called(tick);
        self.used.sum.fetch_add(self.used.price, Relaxed);
        self.shares.charged.fetch_add(1, Relaxed);
        let routes = locked(&self.shares.routes);
        let used = |route: &Arc<Used>| route.sum.load(Relaxed);
        let most = routes.iter().map(used).max().unwrap_or_default();
        let least = most.saturating_sub(ARREARS_TICKS * PRICE);
        for route in routes.iter() {
            route.sum.fetch_max(least, Relaxed);
        }
        let active = || routes.iter().filter(|route| route.is_active(tick));
        let least = active().map(used).min().unwrap_or_default();
        active().for_each(|route| route.is_ahead.store(used(route) > least, Relaxed));
    }

    /// Waits for a turn.
    pub(crate) fn turn(&self) -> impl Future<Output = ()> + Send + 'static {
        let (turn, given) = oneshot::channel();
        locked(&self.used.waiting).push_back(turn);
        self.shares.waits.notify_one();
        // If the worker ends, nobody gives turns any more.
        async { drop(given.await) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        locked(&self.shares.routes).retain(|route| !Arc::ptr_eq(route, &self.used));
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

    /// Gives turns to routes that always have two calls which take more than their time. How many ticks each got.
    fn ticks_of(weights: &[u32], rounds: u64) -> Vec<u64> {
        let shares = Arc::new(Shares::default());
        let routes: Vec<_> = weights.iter().map(|weight| shares.join(*weight)).collect();
        let mut turns = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            turns.extend((0..2).map(|_| (index, Box::pin(route.turn()))));
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut ticks = vec![0; weights.len()];
        for tick in 0..rounds {
            assert!(shares.give_turn());
            let given = turns.iter_mut().find_map(|(index, turn)| {
                turn.as_mut().poll(&mut context).is_ready().then_some((*index, turn))
            });
            let (index, turn) = given.expect("one has a turn");
            ticks[index] += 1;
            routes[index].charge(tick);
            *turn = Box::pin(routes[index].turn());
        }
        ticks
    }

    #[test]
    fn ticks_are_shared_by_weight() {
        assert_eq!(ticks_of(&[1], 10), [10]);
        assert_eq!(ticks_of(&[1, 1, 1], 300), [100, 100, 100]);
        let ticks = ticks_of(&[1, 3, 6], 1000);
        assert!((95..=105).contains(&ticks[0]) && (295..=305).contains(&ticks[1]), "{ticks:?}");
    }

    #[test]
    fn who_is_ahead_waits_until_the_other_is_gone() {
        let shares = Arc::new(Shares::default());
        let (busy, other) = (shares.join(1), shares.join(1));
        busy.charge(100);
        assert!(!busy.is_ahead(), "the other one has no calls");
        other.called(100);
        busy.charge(101);
        assert!(busy.is_ahead() && !other.is_ahead());
        busy.charge(101 + ACTIVE_TICKS);
        assert!(!busy.is_ahead(), "the other one has had no call for long");
        // One that waits has calls.
        let _turn = other.turn();
        busy.charge(1000);
        assert!(busy.is_ahead());
        drop(other);
        busy.charge(1001);
        assert!(!busy.is_ahead());
    }

    #[test]
    fn who_has_waited_for_long_makes_up_for_some_ticks_only() {
        let shares = Arc::new(Shares::default());
        let (busy, other) = (shares.join(1), shares.join(1));
        (0..1000).for_each(|tick| busy.charge(tick));
        let used = |share: &Share| share.used.sum.load(Relaxed);
        let arrears = (used(&busy) - used(&other)) / PRICE;
        assert_eq!(arrears, ARREARS_TICKS);
    }

    #[tokio::test]
    async fn between_two_polls_of_the_sockets_one_guest_runs() {
        let shares = Arc::new(Shares::default());
        let (route, ran) = (shares.join(1), Arc::new(AtomicU64::new(0)));
        tokio::spawn(async move { shares.give_turns().await });
        for _ in 0..8 {
            let (route, ran) = (Arc::clone(&route), Arc::clone(&ran));
            tokio::spawn(async move {
                loop {
                    route.turn().await;
                    route.charge(ran.fetch_add(1, Relaxed));
                }
            });
        }
        // Those that begin are counted before they have run.
        while ran.load(Relaxed) < 8 {
            yield_now().await;
        }
        for _ in 0..100 {
            let before = ran.load(Relaxed);
            yield_now().await;
            assert!(ran.load(Relaxed) - before <= 1);
        }
        assert!(ran.load(Relaxed) >= 100);
    }

    #[tokio::test]
    async fn short_calls_begin_together() {
        let shares = Arc::new(Shares::default());
        let (route, ran) = (shares.join(1), Arc::new(AtomicU64::new(0)));
        tokio::spawn(async move { shares.give_turns().await });
        for _ in 0..CALLS_MAX {
            let (turn, ran) = (route.turn(), Arc::clone(&ran));
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
        drop(route.turn());
        let next = route.turn();
        assert!(shares.give_turn());
        next.await;
        assert!(!shares.give_turn());
    }
}
