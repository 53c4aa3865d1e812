//! The state of a connection, shared by its socket, its requests and the worker.
//!
//! A connection is always in one phase ([`ConnectionPhase`]). At intervals, the worker checks how
//! long each connection has been in its phase, and ends those that have waited too long. So a
//! request needs neither a timer nor the clock, and a slow client cannot keep a connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::config::limits::ServerLimits;
use crate::http::streams::Streams;
use crate::pool::clients::{Client, Place};

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
    pub(crate) all_written: Cell<bool>,
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
    /// Whether the client has closed its sending direction, and everything before it was read.
    pub(crate) has_closed_its_half: Cell<bool>,
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
    /// The place of a request of HTTP/1 among those of its client, while the end of its response is written.
    place: Cell<Option<Place>>,
    /// Where the requests come from.
    pub(crate) client: RefCell<Client>,
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
            write_stalls: Cell::new(false),
            all_written: Cell::new(true),
            refused: Cell::new(false),
            has_body: Cell::new(false),
            has_fragment: Cell::new(false),
            is_head_too_large: Cell::new(false),
            has_sent_more: Cell::new(false),
            has_closed_its_half: Cell::new(false),
            body_unread: Cell::new(false),
            is_draining: Cell::new(false),
            requests: Cell::new(0),
            has_begun: Cell::new(false),
            is_multiplexed: Cell::new(false),
            place: Cell::default(),
            client: RefCell::default(),
            streams: Streams::default(),
            signal: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// The address of the client, if it has one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.client.borrow().address
    }

    /// A head has arrived. The request ends when the returned value is dropped, with the response.
    pub(crate) fn begin_request(self: &Rc<Self>, has_body: bool) -> EndOfRequest {
        self.has_begun.set(true);
        self.requests.update(|count| count + 1);
        self.enter(ConnectionPhase::Response);
        // HTTP/1 has one at a time.
        self.place.take();
        self.has_body.set(has_body);
        self.has_sent_more.set(false);
        EndOfRequest { connection: Rc::clone(self), place: None }
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
        self.place.take();
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

    /// Waits until the server ends.
    pub(crate) async fn drained(&self) {
        poll_fn(|context| match self.poll_signal(context) {
            Some(Signal::Drain) => Poll::Ready(()),
            // Nothing else is to be done for a connection that ends anyway.
            Some(Signal::HeadTimeout | Signal::Close) | None => Poll::Pending,
        })
        .await;
    }

    /// Whether the server ends.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.get()
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
pub(crate) struct EndOfRequest {
    connection: Rc<ConnectionState>,
    /// Its place among the requests of its client.
    pub(crate) place: Option<Place>,
}

impl Drop for EndOfRequest {
    fn drop(&mut self) {
        self.connection.requests.update(|count| count - 1);
        // Hyper still has the end of the response.
        self.connection.all_written.set(false);
        if !self.connection.is_multiplexed() {
            self.connection.place.set(self.place.take());
        }
        if !self.connection.has_requests() {
            self.connection.enter(ConnectionPhase::Request);
        }
    }
}

#[cfg(test)]
#[path = "connection_state_tests.rs"]
mod tests;
