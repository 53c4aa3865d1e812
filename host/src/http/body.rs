//! Bodies on their way: collected under a limit on the way in, counted on the way out.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::config::limits::Limits;
use crate::http::body_budget::{BodyBudget, Reserved};
use crate::http::connection::EndOfRequest;
use crate::http::problem::Problem;
use crate::http::wasi_http::Outflow;

/// A response's body. Dropped when the last of it is handed to the socket.
pub(crate) struct Body {
    content: Content,
    /// Ends the request with it.
    _end: Option<EndOfRequest>,
}

enum Content {
    Whole(Option<Bytes>),
    /// Frames as they are made. An error ends the connection without a last chunk, so that a
    /// client can tell a truncated stream from a complete one.
    Stream(mpsc::Receiver<Result<Frame<Bytes>, Aborted>>),
    /// Frames as a guest makes them.
    Guest(Box<Outflow>),
}

/// A stream that cannot be completed.
#[derive(Debug)]
pub(crate) struct Aborted;

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let content = Content::Whole((!bytes.is_empty()).then_some(bytes));
        Self { content, _end: None }
    }

    pub(crate) fn stream(frames: mpsc::Receiver<Result<Frame<Bytes>, Aborted>>) -> Self {
        Self { content: Content::Stream(frames), _end: None }
    }

    pub(crate) fn guest(outflow: Outflow) -> Self {
        Self { content: Content::Guest(Box::new(outflow)), _end: None }
    }

    pub(crate) fn ending(self, end: EndOfRequest) -> Self {
        Self { _end: Some(end), ..self }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut self.get_mut().content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(frames) => frames.poll_recv(context),
            Content::Guest(outflow) => outflow.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Stream(_) => false,
            Content::Guest(outflow) => outflow.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(None) => SizeHint::with_exact(0),
            Content::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
            Content::Guest(outflow) => outflow.size_hint(),
        }
    }
}

/// Collects a body. What has arrived is set aside in the budget, so that bodies on their way never
/// take more than that, however many clients send how slowly; what is only announced is not.
pub(crate) async fn collect(
    mut body: Incoming,
    limits: &Limits,
    budget: &Arc<BodyBudget>,
) -> Result<(Bytes, Option<Reserved>), Problem> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    if body.size_hint().exact().is_some_and(|declared| declared > limits.request_body.0) {
        return Err(Problem::BodyTooLarge);
    }
    let mut held = budget.part();
    let gathered = timeout(limits.body_time.0, gather(&mut body, limits, &mut held)).await;
    let bytes = gathered.map_err(|_| Problem::BodyTimeout)??;
    Ok((bytes, Some(held)))
}

async fn gather(
    body: &mut Incoming,
    limits: &Limits,
    held: &mut Reserved,
) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(data) = next_data(body).await? {
        let total = first.len() + all.len() + data.len();
        if total > limits.request_body.bytes() {
            return Err(Problem::BodyTooLarge);
        }
        if !held.resize(total as u64) {
            return Err(Problem::BodiesSaturated);
        }
        if total == data.len() {
            // Most bodies come in one piece, which then needs no copy.
            first = data;
            continue;
        }
        if all.is_empty() {
            // Some of what was announced: the rest when it comes, by doubling.
            const AHEAD_MAX: u64 = 64 << 10;
            all.reserve(total + body.size_hint().lower().min(AHEAD_MAX) as usize);
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
