//! Turns without guests.

use std::task::{Context, Waker};

use super::*;

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
        assert_eq!(shares.give_turns_to(CALLS_MAX, 1), Some((Turn::Continue, 1)));
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
    assert_eq!(shares.give_turns_to(1, 1), None);
    assert!(!route.called(1));
    let _turn = route.turn(Turn::Continue);
    drop(route);
    assert!(!shares.join(1).called(1));
}

/// Waits for a turn, runs for so long, and so on. Returns how often it ran.
fn run_in_turns(share: &Arc<Share>, kind: Turn, time: u64, tasks: usize) -> Arc<AtomicU64> {
    let ran = Arc::new(AtomicU64::new(0));
    for _ in 0..tasks {
        let (share, ran) = (Arc::clone(share), Arc::clone(&ran));
        tokio::spawn(async move {
            loop {
                share.turn(kind).await;
                share.called(1);
                share.charge(1, time);
                ran.fetch_add(1, Relaxed);
            }
        });
    }
    ran
}

#[tokio::test]
async fn between_two_polls_of_the_sockets_one_guest_runs() {
    let shares = Arc::new(Shares::default());
    let (light, heavy) = (shares.join(1), shares.join(1));
    tokio::spawn(async move { shares.give_turns().await });
    let ran = run_in_turns(&heavy, Turn::Continue, TICK, 8);
    // Short calls, also of a route that is ahead, do not let more of the others run.
    let began = run_in_turns(&light, Turn::Begin, TICK / 5, 8);
    let mut last = Instant::now();
    for _ in 0..1000 {
        let (now, before) = (Instant::now(), ran.load(Relaxed));
        yield_now().await;
        // As many as ticks have passed, if this machine had no time.
        let most = std::mem::replace(&mut last, now).elapsed().as_millis().max(1);
        assert!(u128::from(ran.load(Relaxed) - before) <= most);
    }
    let (ran, began) = (ran.load(Relaxed), began.load(Relaxed));
    assert!(ran > 100 && (4 * ran..6 * ran).contains(&began), "{ran} and {began}");
}

#[tokio::test]
async fn who_is_ahead_waits_while_others_begin_calls() {
    let shares = Arc::new(Shares::default());
    let (light, heavy) = (shares.join(4), shares.join(1));
    tokio::spawn(async move { shares.give_turns().await });
    let heavy_ran = run_in_turns(&heavy, Turn::Continue, TICK, 2);
    let light_ran = Arc::new(AtomicU64::new(0));
    let ran = Arc::clone(&light_ran);
    // It never waits for a turn, and has one call between two polls.
    tokio::spawn(async move {
        loop {
            yield_now().await;
            if light.called(1) {
                light.charge(1, TICK / 5);
                ran.fetch_add(1, Relaxed);
            }
        }
    });
    for _ in 0..10_000 {
        yield_now().await;
    }
    // Their times: a fifth of a tick, and a tick.
    let (light, heavy) = (light_ran.load(Relaxed), 5 * heavy_ran.load(Relaxed));
    assert!((35 * heavy..45 * heavy).contains(&(10 * light)), "{light} and {heavy}");
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
    assert_eq!(shares.give_turns_to(1, 1), Some((Turn::Continue, 1)));
    next.await;
    assert_eq!(shares.give_turns_to(1, 1), None);
}

#[test]
fn as_many_go_on_as_ticks_have_passed() {
    let shares = Arc::new(Shares::default());
    let route = shares.join(1);
    let _interrupted: Vec<_> = (0..5).map(|_| route.turn(Turn::Continue)).collect();
    let _begins = route.turn(Turn::Begin);
    assert_eq!(shares.give_turns_to(CALLS_MAX, 3), Some((Turn::Continue, 3)));
    assert_eq!(shares.give_turns_to(CALLS_MAX, 3), Some((Turn::Continue, 2)));
    assert_eq!(shares.give_turns_to(CALLS_MAX, 3), Some((Turn::Begin, 1)));
}
