//! Each rule by itself, without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

use super::*;
use crate::config::limits::LimitSettings;
use crate::config::units::Timeout;

/// A connection and the time at which it began.
struct Checked {
    state: Rc<ConnectionState>,
    begun: Instant,
    limits: ServerLimits,
}

/// Head 10 s, idle 20 s, response 30 s.
fn checked() -> Checked {
    let seconds = |seconds| Some(Timeout(Duration::from_secs(seconds)));
    let settings = LimitSettings {
        head_time: seconds(10),
        idle_time: seconds(20),
        response_time: seconds(30),
        ..LimitSettings::default()
    };
    let state = ConnectionState::new();
    let begun = state.since.get();
    Checked { state, begun, limits: settings.server() }
}

impl Checked {
    /// The worker checks after so many milliseconds, and sends this signal.
    #[track_caller]
    fn check(&self, after: u64, expected: Option<Signal>) {
        self.state.check(self.begun + Duration::from_millis(after), &self.limits);
        assert_eq!(self.state.signal.take(), expected, "after {after} ms");
    }
}

#[test]
fn an_idle_connection_is_closed_once_its_time_is_over() {
    let checked = checked();
    checked.check(0, None);
    checked.check(20_000, None);
    checked.check(20_001, Some(Signal::Close));
}

#[test]
fn a_head_has_its_time_from_when_it_is_first_seen() {
    let checked = checked();
    checked.check(19_000, None);
    checked.state.enter(ConnectionPhase::Head);
    checked.check(19_900, None);
    checked.check(29_900, None);
    checked.check(29_901, Some(Signal::HeadTimeout));
}

#[test]
fn a_response_may_take_any_time_and_then_the_connection_is_idle_anew() {
    let checked = checked();
    checked.state.enter(ConnectionPhase::Head);
    let end = checked.state.begin_request(false);
    checked.check(0, None);
    checked.check(1_000_000, None);
    drop(end);
    assert_eq!(checked.state.phase.get(), ConnectionPhase::Request);
    checked.check(1_000_100, None);
    checked.check(1_020_100, None);
    checked.check(1_020_101, Some(Signal::Close));
}

#[test]
fn only_what_hyper_writes_of_itself_is_kept_from_the_client() {
    let Checked { state, .. } = checked();
    let end = state.begin_request(false);
    // A response, or the interim response before it.
    assert!(!state.keeps_hyper_silent());
    drop(end);
    // The rest of the response, which the client does not read.
    assert!(!state.keeps_hyper_silent());
    state.enter(ConnectionPhase::Head);
    assert!(!state.keeps_hyper_silent() && !state.is_refused());
    state.has_written_all();
    assert!(state.keeps_hyper_silent() && state.is_refused());
}

#[test]
fn a_first_head_may_be_malformed_too() {
    let Checked { state, .. } = checked();
    assert!(state.keeps_hyper_silent());
}

#[test]
fn a_client_that_reads_nothing_is_disconnected_in_every_phase() {
    for phase in [ConnectionPhase::Request, ConnectionPhase::Head, ConnectionPhase::Response] {
        let checked = checked();
        checked.state.enter(phase);
        checked.state.write_stalls.set(true);
        checked.check(100, None);
        // Neither head-time nor idle-time holds while a response waits to be read.
        checked.check(30_100, None);
        checked.check(30_101, Some(Signal::Close));
    }
}

#[test]
fn a_client_that_reads_something_has_all_its_time_again() {
    let checked = checked();
    checked.state.enter(ConnectionPhase::Response);
    checked.state.write_stalls.set(true);
    checked.check(100, None);
    checked.state.changed.set(true);
    checked.check(30_000, None);
    checked.check(60_000, None);
    checked.check(60_001, Some(Signal::Close));
}

#[test]
fn a_clock_that_goes_back_closes_nothing() {
    let checked = checked();
    checked.state.enter(ConnectionPhase::Head);
    checked.check(50_000, None);
    checked.check(10_000, None);
    checked.check(60_000, None);
    checked.check(60_001, Some(Signal::HeadTimeout));
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_signal_wakes_the_connection_and_comes_once() {
    let checked = checked();
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let context = Context::from_waker(&waker);
    assert_eq!(checked.state.poll_signal(&context), None);
    checked.state.drain();
    assert!(woken.0.load(Ordering::Relaxed));
    assert_eq!(checked.state.poll_signal(&context), Some(Signal::Drain));
    assert_eq!(checked.state.poll_signal(&context), None);
}

#[test]
fn a_signal_that_comes_before_the_connection_runs_is_kept() {
    let checked = checked();
    checked.state.drain();
    let context = Context::from_waker(Waker::noop());
    assert_eq!(checked.state.poll_signal(&context), Some(Signal::Drain));
}
