//! Bodies on their way: collected under a limit on the way in, counted on the way out.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::budget::{BodyBudget, Reserved};
use crate::limits::Limits;
use crate::problem::Problem;

/// A response's body.
pub(crate) enum Body {
    /// All of it, and the part of the budget that it takes until it is sent.
    Whole(Option<Bytes>, #[expect(dead_code, reason = "held to be dropped")] Option<Reserved>),
    /// Frames as they are made. An error ends the connection without a last chunk, so that a
    /// client can tell a truncated stream from a complete one.
    Stream(mpsc::Receiver<Result<Frame<Bytes>, Aborted>>),
}

/// A stream that cannot be completed.
#[derive(Debug)]
pub(crate) struct Aborted;

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes), None)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.get_mut() {
            Self::Whole(bytes, _) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(frames) => frames.poll_recv(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None, _))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Collects a body. Its bytes are set aside before one of them is read, so that bodies on their way
/// never take more than the budget, however many clients send how slowly.
pub(crate) async fn collect(
    mut body: Incoming,
    limits: &Limits,
    budget: &Rc<BodyBudget>,
) -> Result<(Bytes, Option<Reserved>), Problem> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    let declared = body.size_hint().exact();
    let most = limits.request_body.0;
    if declared.is_some_and(|bytes| bytes > most) {
        return Err(Problem::BodyTooLarge);
    }
    let reserved = budget.reserve(declared.unwrap_or(most));
    let reserved = reserved.ok_or(Problem::BodiesSaturated)?;
    let collected =
        timeout(limits.body_time.0, gather(&mut body, declared, limits.request_body.bytes()));
    match collected.await {
        Ok(bytes) => Ok((bytes?, Some(reserved))),
        Err(_) => Err(Problem::BodyTimeout),
    }
}

async fn gather(body: &mut Incoming, declared: Option<u64>, most: usize) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(data) = next_data(body).await? {
        if first.len() + all.len() + data.len() > most {
            return Err(Problem::BodyTooLarge);
        }
        if first.is_empty() && all.is_empty() {
            // Most bodies come in one piece, which then needs no copy.
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(
                declared.map_or(first.len() + data.len(), |bytes| bytes.min(most as u64) as usize),
            );
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// The next piece of a body; trailers are none.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Problem::BodyBroken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The next piece of a stream, if it comes in time.
pub(crate) async fn next_in_time(
    body: &mut Incoming,
    time: Duration,
) -> Result<Option<Bytes>, Problem> {
    match timeout(time, next_data(body)).await {
        Ok(data) => data,
        Err(_) => Err(Problem::BodyTimeout),
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was cut")
    }
}

impl std::error::Error for Aborted {}
