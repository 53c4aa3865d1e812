//! The requests of an HTTP/2 connection, as far as their client may misuse them.
//!
//! HTTP/1 sends one response at a time, so a client that stops reading stalls the socket. With HTTP/2 each response has
//! a window of its own, and the socket may be as busy as ever. So a body is sent in pieces, and each piece tells when
//! its bytes have gone to the socket.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::limits::ServerLimits;
use crate::pool::body_budget::{BodyBudget, Reserved};

/// The requests of an HTTP/2 connection.
#[derive(Default)]
pub(crate) struct Streams {
    responses: RefCell<Vec<Watched>>,
    /// How many more requests their client has cancelled than it let be answered.
    cancelled: Cell<u32>,
}

/// A request that has no answer yet. If this is dropped, the client has cancelled it.
pub(crate) struct Unanswered<'a>(Option<&'a Streams>);

/// The pieces of one response, and the memory of its request. Only one thread uses it. It is atomic because hyper keeps
/// bodies in [`Bytes`], which must be `Send`.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// How many pieces wait for the client.
    waiting: AtomicUsize,
    /// How many have gone to the socket.
    gone: AtomicUsize,
    reserved: Mutex<Reserved>,
}

/// The bytes of a piece.
struct Piece {
    bytes: Bytes,
    outgoing: Arc<Outgoing>,
}

/// A response as the worker sees it from time to time.
struct Watched {
    outgoing: Weak<Outgoing>,
    /// How many pieces had gone when it last looked.
    gone: usize,
    /// Since when none has gone though one waits.
    since: Instant,
}

impl Streams {
    /// A request begins. The result is what its client will have read of the response.
    pub(crate) fn begin(&self, budget: &Arc<BodyBudget>) -> (Arc<Outgoing>, Unanswered<'_>) {
        let outgoing = Arc::new(Outgoing::new(budget));
        self.responses.borrow_mut().push(outgoing.watched());
        (outgoing, Unanswered(Some(self)))
    }

    /// Whether a part of a response waits for the client.
    pub(crate) fn have_waiting(&self) -> bool {
        self.responses.borrow().iter().any(Watched::is_waiting)
    }

    /// Whether the client has not read a response for too long, or cancels nearly all of its requests, which costs
    /// it next to nothing.
    pub(crate) fn is_abusive(&self, now: Instant, limits: &ServerLimits) -> bool {
        /// How many times as many requests as there may be at once.
        const CANCELLED_MAX: u32 = 10;
        if self.cancelled.get() > CANCELLED_MAX.saturating_mul(limits.http2_streams) {
            return true;
        }
        let mut responses = self.responses.borrow_mut();
        responses.retain(Watched::is_alive);
        let mut stalled = responses.iter_mut().map(|response| response.stalled(now));
        stalled.any(|stalled| stalled > limits.response_time.0)
    }
}

impl Unanswered<'_> {
    pub(crate) fn answered(mut self) {
        if let Some(streams) = self.0.take() {
            streams.cancelled.update(|count| count.saturating_sub(1));
        }
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(streams) = self.0 {
            streams.cancelled.update(|count| count.saturating_add(1));
        }
    }
}

impl Outgoing {
    fn new(budget: &Arc<BodyBudget>) -> Self {
        let reserved = Mutex::new(budget.part());
        Self { waiting: AtomicUsize::new(0), gone: AtomicUsize::new(0), reserved }
    }

    /// Reserves so many bytes in all until the socket has taken the response. False if too little is left.
    #[must_use]
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).resize(bytes)
    }

    /// A part of a body, perhaps empty. It is on its way from now until it is dropped.
    pub(crate) fn piece(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.waiting.fetch_add(1, Relaxed);
        Bytes::from_owner(Piece { bytes, outgoing: Arc::clone(self) })
    }

    fn watched(self: &Arc<Self>) -> Watched {
        Watched { outgoing: Arc::downgrade(self), gone: 0, since: Instant::now() }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.outgoing.waiting.fetch_sub(1, Relaxed);
        self.outgoing.gone.fetch_add(1, Relaxed);
    }
}

impl Watched {
    /// Whether any of it is left.
    fn is_alive(&self) -> bool {
        self.outgoing.strong_count() > 0
    }

    fn is_waiting(&self) -> bool {
        let outgoing = self.outgoing.upgrade();
        outgoing.is_some_and(|outgoing| outgoing.waiting.load(Relaxed) > 0)
    }

    /// How long the client has not read what waits for it.
    fn stalled(&mut self, now: Instant) -> Duration {
        let Some(outgoing) = self.outgoing.upgrade() else { return Duration::ZERO };
        let gone = outgoing.gone.load(Relaxed);
        if gone != self.gone || outgoing.waiting.load(Relaxed) == 0 {
            (self.gone, self.since) = (gone, now);
        }
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_stalls_only_while_a_piece_waits() {
        let outgoing = Arc::new(Outgoing::new(&BodyBudget::new(0)));
        let mut watched = outgoing.watched();
        let begun = Instant::now();
        let mut stalled = |seconds| watched.stalled(begun + Duration::from_secs(seconds)).as_secs();
        // The guest has not answered yet.
        assert_eq!(stalled(10), 0);
        let first = outgoing.piece(Bytes::from_static(b"a"));
        let second = outgoing.piece(Bytes::from_static(b"b"));
        assert_eq!((stalled(11), stalled(14)), (1, 4));
        drop(first);
        assert_eq!((stalled(15), stalled(17)), (0, 2));
        drop(second);
        assert_eq!((stalled(18), stalled(99)), (0, 0));
        let empty = outgoing.piece(Bytes::new());
        assert_eq!((stalled(200), stalled(203)), (101, 104));
        drop(empty);
        drop(outgoing);
        assert!(!watched.is_alive());
    }

    #[test]
    fn a_piece_outlives_its_body() {
        let budget = BodyBudget::new(10);
        let outgoing = Arc::new(Outgoing::new(&budget));
        assert!(outgoing.reserve(10) && !outgoing.reserve(11));
        let watched = outgoing.watched();
        let piece = outgoing.piece(Bytes::from_static(b"a"));
        drop(outgoing);
        assert!(watched.is_alive() && watched.is_waiting() && !budget.part().resize(1));
        drop(piece);
        assert!(!watched.is_alive() && !watched.is_waiting() && budget.part().resize(10));
    }
}
