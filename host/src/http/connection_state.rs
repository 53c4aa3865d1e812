//! The state of a connection, shared by its socket, its requests and the worker.
//!
//! A connection is always in one state ([`ConnectionPhase`]). The worker looks at all connections at intervals,
//! notes since when each has been in its state, and ends those that wait for too long. So a request
//! needs no timer and no look at the clock, and no client can hold a connection by being slow.

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
    /// For the answer. Its own limits apply.
    Response,
}

/// What the worker wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Answer what was asked, then close.
    Drain,
    /// Close: the head did not come in time.
    HeadTimeout,
    /// Close: nothing came, or nothing was read, for too long.
    Close,
}

/// What is known of a connection. Shared by its socket, its requests and the worker.
pub(crate) struct ConnectionState {
    pub(crate) phase: Cell<ConnectionPhase>,
    /// Whether that has changed, or the client has taken something, since the worker looked last.
    pub(crate) changed: Cell<bool>,
    /// When the worker first saw the connection as it is.
    since: Cell<Instant>,
    /// Whether something waits for the client to read.
    pub(crate) write_stalls: Cell<bool>,
    /// Whether a request was answered before its body was read.
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

    /// A head has come. The request ends when what this returns is dropped, with the response.
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

    /// Ends the connection once what runs is answered.
    pub(crate) fn drain(&self) {
        self.send(Signal::Drain);
    }

    /// Ends the connection if it waits for too long.
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

    /// The signal that has come, if any. The task is woken when the next one comes.
    pub(crate) fn poll_signal(&self, context: &Context<'_>) -> Option<Signal> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.signal.take()
    }
}

/// A request that is being answered.
pub(crate) struct EndOfRequest(Rc<ConnectionState>);

impl Drop for EndOfRequest {
    fn drop(&mut self) {
        self.0.enter(ConnectionPhase::Request);
    }
}
