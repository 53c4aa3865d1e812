//! The state of a connection, shared by its socket, its requests and the worker.
//!
//! A connection is always in one phase ([`ConnectionPhase`]). At intervals, the worker checks how
//! long each connection has been in its phase, and ends those that have waited too long. So a
//! request needs neither a timer nor the clock, and a slow client cannot keep a connection.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
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
    /// Close: the head did not arrive in time.
    HeadTimeout,
    /// Close: the client has sent or read nothing for too long.
    Close,
}

/// The state of a connection. Shared by its socket, its requests and the worker.
pub(crate) struct ConnectionState {
    /// The address of the client, if it has one.
    pub(crate) client: Cell<Option<IpAddr>>,
    pub(crate) phase: Cell<ConnectionPhase>,
    /// Whether the phase has changed, or the client has read something, since the worker last
    /// checked.
    pub(crate) changed: Cell<bool>,
    /// When the worker first saw the current phase.
    since: Cell<Instant>,
    /// Whether a write waits for the client to read.
    pub(crate) write_stalls: Cell<bool>,
    /// Whether the socket has taken all responses. What hyper writes then before a request begins is
    /// its own response to a head that it cannot parse.
    all_written: Cell<bool>,
    /// Whether hyper has responded so. The client does not see it, but gets the host's response.
    refused: Cell<bool>,
    /// Whether the current request has a body.
    pub(crate) has_body: Cell<bool>,
    /// Whether the current request's target has a fragment, which hyper leaves out.
    pub(crate) has_fragment: Cell<bool>,
    /// Whether the current request's head is larger than its limit as it was sent, perhaps by spaces.
    pub(crate) is_head_too_large: Cell<bool>,
    /// Whether nothing is to be learned from the socket until the response has been sent: the client
    /// has sent more, or has closed its sending direction.
    pub(crate) has_sent_more: Cell<bool>,
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
            client: Cell::new(None),
            phase: Cell::new(ConnectionPhase::Request),
            changed: Cell::new(false),
            since: Cell::new(Instant::now()),
            write_stalls: Cell::new(false),
            all_written: Cell::new(true),
            refused: Cell::new(false),
            has_body: Cell::new(false),
            has_fragment: Cell::new(false),
            is_head_too_large: Cell::new(false),
            has_sent_more: Cell::new(false),
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
    pub(crate) fn begin_request(self: &Rc<Self>, has_body: bool) -> EndOfRequest {
        self.has_begun.set(true);
        self.requests.update(|count| count + 1);
        self.enter(ConnectionPhase::Response);
        self.has_body.set(has_body);
        self.has_sent_more.set(false);
        EndOfRequest(Rc::clone(self))
    }

    fn has_requests(&self) -> bool {
        self.requests.get() > 0
    }

    /// Whether no request is in progress, and the socket has taken all responses of HTTP/2.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.has_requests() && !self.streams.have_waiting()
    }

    /// It is HTTP/2 from now on.
    pub(crate) fn multiplex(&self) {
        self.is_multiplexed.set(true);
        self.enter(ConnectionPhase::Request);
        // The server may have begun to end before that.
        if self.is_draining.get() {
            self.send(Signal::Drain);
        }
    }

    pub(crate) fn is_multiplexed(&self) -> bool {
        self.is_multiplexed.get()
    }

    pub(crate) fn enter(&self, phase: ConnectionPhase) {
        self.phase.set(phase);
        self.changed.set(true);
    }

    /// Hyper has nothing left to write, and no request is in progress.
    pub(crate) fn has_written_all(&self) {
        self.all_written.set(true);
    }

    /// Whether what hyper writes now is its own response to a malformed head. If so, notes it.
    pub(crate) fn keeps_hyper_silent(&self) -> bool {
        let is_http1 = !self.is_multiplexed();
        let is_silent =
            is_http1 && self.all_written.get() && self.phase.get() != ConnectionPhase::Response;
        if is_silent {
            self.refused.set(true);
        }
        is_silent
    }

    /// Whether hyper has responded to a malformed head, and the client has not seen that.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.get()
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
        if self.changed.take() || (self.is_multiplexed() && !self.is_at_rest()) {
            self.since.set(now);
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
        match self.phase.get() {
            ConnectionPhase::Head if waited > limits.head_time.0 => self.send(Signal::HeadTimeout),
            ConnectionPhase::Request if waited > limits.idle_time.0 => self.send(Signal::Close),
            ConnectionPhase::Request | ConnectionPhase::Head | ConnectionPhase::Response => {}
        }
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
        // Hyper still has the end of the response.
        self.0.all_written.set(false);
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
}
