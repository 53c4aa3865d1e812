//! The state of a connection, shared by its socket, its requests and the worker.
//!
//! A connection is always in one phase ([`ConnectionPhase`]). At intervals, the worker checks how
//! long each connection has been in its phase, and ends those that have waited too long. So a
//! request needs neither a timer nor the clock, and a slow client cannot keep a connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Instant;

use crate::config::limits::ServerLimits;
use crate::http::streams::Streams;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionPhase {
    /// For the first byte of a request.
    Request,
    /// For the rest of a head.
    Head,
    /// For the response. Other limits apply.
    Response,
}

/// What the worker tells a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Finish the current request, and those that have arrived, then close.
    Drain,
    /// See whether a part of the next head was read together with the last request.
    LookAhead,
    /// Close: the head did not arrive in time.
    HeadTimeout,
    /// Close: the client has sent or read nothing for too long.
    Close,
}

/// The state of a connection. Shared by its socket, its requests and the worker.
pub(crate) struct ConnectionState {
    pub(crate) phase: Cell<ConnectionPhase>,
    /// Whether the phase has changed, or the client has read something, since the worker last
    /// checked.
    pub(crate) changed: Cell<bool>,
    /// When the worker first saw the current phase.
    since: Cell<Instant>,
    /// Whether it is known that nothing was read beyond the last request.
    has_looked_ahead: Cell<bool>,
    /// Whether a write waits for the client to read.
    pub(crate) write_stalls: Cell<bool>,
    /// Whether a response was sent before the request's body was read.
    body_unread: Cell<bool>,
    /// Whether the next response is the last one.
    is_draining: Cell<bool>,
    /// How many requests are in progress. With HTTP/1 it is one at most.
    requests: Cell<usize>,
    /// Whether a request has begun.
    pub(crate) has_begun: Cell<bool>,
    /// Whether it is HTTP/2: there may be several requests at once.
    is_multiplexed: Cell<bool>,
    /// The requests of HTTP/2.
    pub(crate) streams: Streams,
    signal: Cell<Option<Signal>>,
    waker: RefCell<Option<Waker>>,
}

impl ConnectionState {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(ConnectionPhase::Request),
            changed: Cell::new(false),
            since: Cell::new(Instant::now()),
            has_looked_ahead: Cell::new(true),
            write_stalls: Cell::new(false),
            body_unread: Cell::new(false),
            is_draining: Cell::new(false),
            requests: Cell::new(0),
            has_begun: Cell::new(false),
            is_multiplexed: Cell::new(false),
            streams: Streams::default(),
            signal: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// A head has arrived. The request ends when the returned value is dropped, with the response.
    pub(crate) fn begin_request(self: &Rc<Self>) -> EndOfRequest {
        self.has_begun.set(true);
        self.requests.update(|count| count + 1);
        self.enter(ConnectionPhase::Response);
        EndOfRequest(Rc::clone(self))
    }

    pub(crate) fn has_requests(&self) -> bool {
        self.requests.get() > 0
    }

    /// It is HTTP/2 from now on.
    pub(crate) fn multiplex(&self) {
        self.is_multiplexed.set(true);
        self.enter(ConnectionPhase::Request);
    }

    pub(crate) fn is_multiplexed(&self) -> bool {
        self.is_multiplexed.get()
    }

    /// Something was read, or nothing.
    pub(crate) fn reads(&self, something: bool) {
        // With HTTP/2, what is read need not belong to a head.
        let may_be_head = self.phase.get() == ConnectionPhase::Request && !self.is_multiplexed();
        if something && may_be_head {
            self.enter(ConnectionPhase::Head);
        }
    }

    pub(crate) fn enter(&self, phase: ConnectionPhase) {
        self.phase.set(phase);
        self.changed.set(true);
    }

    /// Whether hyper has neither a request nor a part of a response, so that it can be taken apart.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.phase.get() == ConnectionPhase::Request
            && !self.is_multiplexed()
            && !self.write_stalls.get()
            && !self.body_unread.get()
    }

    /// A part of the next head was read together with the last request. Its time counts from the
    /// response to that.
    pub(crate) fn has_part_of_head(&self) {
        self.phase.set(ConnectionPhase::Head);
    }

    pub(crate) fn leaves_body_unread(&self) {
        // With HTTP/2, hyper resets the request alone.
        self.body_unread.set(!self.is_multiplexed());
    }

    pub(crate) fn is_body_unread(&self) -> bool {
        self.body_unread.get()
    }

    /// Ends the connection after the current request.
    pub(crate) fn drain(&self) {
        self.is_draining.set(true);
        self.send(Signal::Drain);
    }

    /// Whether a response must say that the connection is closed after it.
    pub(crate) fn closes_after_response(&self) -> bool {
        !self.is_multiplexed() && (self.body_unread.get() || self.is_draining.get())
    }

    /// Ends the connection if it has waited too long.
    pub(crate) fn check(&self, now: Instant, limits: &ServerLimits) {
        if self.changed.take() {
            self.since.set(now);
            self.has_looked_ahead.set(false);
        }
        let waited = now.saturating_duration_since(self.since.get());
        if self.write_stalls.get() {
            if waited > limits.response_time.0 {
                self.send(Signal::Close);
            }
            return;
        }
        if self.is_multiplexed() && self.streams.is_abusive(now, limits) {
            self.send(Signal::Close);
            return;
        }
        let head_or_idle = limits.head_time.0.min(limits.idle_time.0);
        match self.phase.get() {
            ConnectionPhase::Head if waited > limits.head_time.0 => self.send(Signal::HeadTimeout),
            ConnectionPhase::Request if waited > head_or_idle && self.can_look_ahead() => {
                self.has_looked_ahead.set(true);
                self.send(Signal::LookAhead);
            }
            ConnectionPhase::Request if waited > limits.idle_time.0 => self.send(Signal::Close),
            ConnectionPhase::Request | ConnectionPhase::Head | ConnectionPhase::Response => {}
        }
    }

    /// Whether it makes sense to look. A signal that has not arrived yet is not replaced.
    fn can_look_ahead(&self) -> bool {
        !self.has_looked_ahead.get() && self.is_between_requests() && self.signal.get().is_none()
    }

    fn send(&self, signal: Signal) {
        self.signal.set(Some(signal));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The signal that has arrived, if any. The task is woken by the next one.
    pub(crate) fn poll_signal(&self, context: &Context<'_>) -> Option<Signal> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.signal.take()
    }
}

/// A request in progress. It ends when this is dropped.
pub(crate) struct EndOfRequest(Rc<ConnectionState>);

impl Drop for EndOfRequest {
    fn drop(&mut self) {
        self.0.requests.update(|count| count - 1);
        if !self.0.has_requests() {
            self.0.enter(ConnectionPhase::Request);
        }
    }
}

#[cfg(test)]
mod tests {
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
        let end = checked.state.begin_request();
        checked.check(0, None);
        checked.check(1_000_000, None);
        drop(end);
        assert_eq!(checked.state.phase.get(), ConnectionPhase::Request);
        checked.check(1_000_100, None);
        checked.check(1_010_100, None);
        checked.check(1_010_101, Some(Signal::LookAhead));
        checked.check(1_020_100, None);
        checked.check(1_020_101, Some(Signal::Close));
    }

    #[test]
    fn a_part_of_a_head_that_was_read_ahead_has_its_time_from_the_response() {
        for (head_time, idle_time) in [(10, 20), (20, 10)] {
            let mut checked = checked();
            checked.limits.head_time = Timeout(Duration::from_secs(head_time));
            checked.limits.idle_time = Timeout(Duration::from_secs(idle_time));
            drop(checked.state.begin_request());
            checked.check(0, None);
            checked.check(10_000, None);
            checked.check(10_001, Some(Signal::LookAhead));
            checked.state.has_part_of_head();
            checked.check(1000 * head_time, None);
            checked.check(1000 * head_time + 1, Some(Signal::HeadTimeout));
        }
    }

    #[test]
    fn hyper_is_not_taken_apart_while_it_has_a_part_of_a_message() {
        let checked = checked();
        drop(checked.state.begin_request());
        assert!(checked.state.is_between_requests());
        checked.state.write_stalls.set(true);
        assert!(!checked.state.is_between_requests());
        checked.state.write_stalls.set(false);
        checked.state.leaves_body_unread();
        assert!(!checked.state.is_between_requests());
        checked.check(0, None);
        checked.check(20_000, None);
        checked.check(20_001, Some(Signal::Close));
    }

    #[test]
    fn a_look_ahead_does_not_replace_a_drain() {
        let checked = checked();
        drop(checked.state.begin_request());
        checked.check(0, None);
        checked.state.drain();
        checked.check(10_001, Some(Signal::Drain));
        checked.check(10_001, Some(Signal::LookAhead));
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
}
