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
    /// Finish the current request, then close.
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
    /// Whether a response was sent before the request's body was read.
    body_unread: Cell<bool>,
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
            body_unread: Cell::new(false),
            signal: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// A head has arrived. The request ends when the returned value is dropped, with the response.
    pub(crate) fn begin_request(self: &Rc<Self>) -> EndOfRequest {
        self.enter(ConnectionPhase::Response);
        EndOfRequest(Rc::clone(self))
    }

    pub(crate) fn enter(&self, phase: ConnectionPhase) {
        self.phase.set(phase);
        self.changed.set(true);
    }

    pub(crate) fn leaves_body_unread(&self) {
        self.body_unread.set(true);
    }

    pub(crate) fn is_body_unread(&self) -> bool {
        self.body_unread.get()
    }

    /// Ends the connection after the current request.
    pub(crate) fn drain(&self) {
        self.send(Signal::Drain);
    }

    /// Ends the connection if it has waited too long.
    pub(crate) fn check(&self, now: Instant, limits: &ServerLimits) {
        if self.changed.take() {
            self.since.set(now);
        }
        let waited = now.saturating_duration_since(self.since.get());
        if self.write_stalls.get() {
            if waited > limits.response_time.0 {
                self.send(Signal::Close);
            }
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
        self.0.enter(ConnectionPhase::Request);
    }
}
