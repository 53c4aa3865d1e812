//! Receives request bodies within limits of size, time and memory.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{EXPECT, HeaderMap};
use tokio::time::timeout;

use crate::config::limits::RouteLimits;
use crate::http::decoding::Decoding;
use crate::http::decoding::coding::Coding;
use crate::http::meter::Meter;
use crate::http::problem::Problem;
use crate::pool::body_budget::{BodyBudget, Reserved};

/// Receives a whole body, and decodes it if it has a coding. Its bytes are charged to the budget when they arrive, not when
/// Content-Length announces them. So incomplete bodies of many slow clients cannot exceed the
/// budget.
pub(crate) async fn collect(
    mut body: Incoming,
    coding: Option<Coding>,
    limits: &RouteLimits,
    budget: &Arc<BodyBudget>,
    meter: &Meter,
) -> Result<(Bytes, Reserved), Problem> {
    if body.size_hint().exact().is_some_and(|declared| declared > limits.request_body.0) {
        return Err(Problem::BodyTooLarge);
    }
    let whole = Whole { bytes: Vec::new(), most: limits.request_body.bytes(), held: budget.part() };
    let time = limits.body_time.0;
    let received = match coding {
        None => timeout(time, gather(&mut body, whole, meter)).await,
        Some(coding) => {
            let decoding = Decoding::new(coding, Some(whole.most), limits, budget)?;
            timeout(time, decode(&mut body, decoding, whole, meter)).await
        }
    };
    received.map_err(|_| Problem::BodyTimeout)?
}

/// Whether all of a body has arrived, if it is short. It is discarded then, so that its connection can go on after a
/// refusal: a new one would cost both sides more than the request. Waits for nothing.
pub(crate) async fn has_arrived(body: &mut Incoming, headers: &HeaderMap) -> bool {
    /// What a client sends together with its head.
    const BYTES_MAX: usize = 64 << 10;
    /// How often hyper is given the time to read, which it does only after it was asked for the body.
    const TURNS: usize = 3;
    // If hyper was asked for the body, it would ask the client for it.
    if headers.contains_key(EXPECT) {
        return false;
    }
    let (mut bytes, mut turns) = (0, 0);
    poll_fn(|context| {
        while !body.is_end_stream() {
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    bytes += frame.data_ref().map_or(0, Bytes::len);
                    if bytes > BYTES_MAX {
                        return Poll::Ready(false);
                    }
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending if turns == TURNS => return Poll::Ready(false),
                Poll::Pending => {
                    turns += 1;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(true)
    })
    .await
}

async fn gather(
    body: &mut Incoming,
    mut whole: Whole,
    meter: &Meter,
) -> Result<(Bytes, Reserved), Problem> {
    while let Some(data) = next_data(body, meter).await? {
        if whole.bytes.is_empty() && body.is_end_stream() {
            // Most bodies arrive in one piece, which needs no copy.
            whole.check(data.len())?;
            whole.reserve(data.len())?;
            return Ok((data, whole.held));
        }
        let rest = body.size_hint().exact();
        whole.add(&data, rest)?;
    }
    Ok(whole.end())
}

/// The limit of a body holds for the encoded bytes too, because they may decode to nothing for ever.
async fn decode(
    body: &mut Incoming,
    mut decoding: Decoding,
    mut whole: Whole,
    meter: &Meter,
) -> Result<(Bytes, Reserved), Problem> {
    let mut encoded = 0;
    while let Some(data) = next_data(body, meter).await? {
        encoded += data.len();
        whole.check(encoded)?;
        decoding.give(data);
        while let Some(piece) = decoding.next().await? {
            whole.add(&piece, None)?;
        }
    }
    decoding.end()?;
    Ok(whole.end())
}

/// The bytes of a body so far.
struct Whole {
    bytes: Vec<u8>,
    /// The most bytes of a body.
    most: usize,
    held: Reserved,
}

impl Whole {
    fn check(&self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.most { Err(Problem::BodyTooLarge) } else { Ok(()) }
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Problem> {
        if self.held.resize(bytes as u64) { Ok(()) } else { Err(Problem::BodiesSaturated) }
    }

    /// Adds bytes, after which so many are still to come, if that is known.
    fn add(&mut self, data: &[u8], rest: Option<u64>) -> Result<(), Problem> {
        let total = self.bytes.len() + data.len();
        self.check(total)?;
        if total > self.bytes.capacity() {
            // Grows by doubling as data arrives, and not beyond what may still arrive.
            let announced = rest.map_or(self.most, |rest| total + rest as usize);
            let capacity = (2 * self.bytes.capacity()).max(total).min(announced);
            self.reserve(capacity)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        // A copy, because a piece keeps all of the buffer that it was read into.
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn end(self) -> (Bytes, Reserved) {
        (self.bytes.into(), self.held)
    }
}

/// The next piece of a body. Trailers are skipped.
async fn next_data(body: &mut Incoming, meter: &Meter) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Problem::BodyBroken)?.into_data() {
            meter.received(data.len());
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The next piece of a stream.
///
/// # Errors
///
/// If it does not arrive in time, or the body is malformed.
pub(crate) async fn next_in_time(
    body: &mut Incoming,
    time: Duration,
    meter: &Meter,
) -> Result<Option<Bytes>, Problem> {
    match timeout(time, next_data(body, meter)).await {
        Ok(data) => data,
        Err(_) => Err(Problem::BodyTimeout),
    }
}
