//! The body of a request to a `wasi:http` component, as the guest reads it, and how it ended.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

use crate::config::limits::RouteLimits;
use crate::http::meter::Meter;
use crate::http::problem::Problem;
use crate::pool::body_budget::Reserved;

/// How a request's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Complete,
    TooLarge,
    TooSlow,
    Broken,
    Saturated,
}

/// How a request's body ended, if it has. The body that the guest reads must be `Send`, hence the lock.
#[derive(Debug)]
pub(crate) struct Progress(OnceLock<BodyEnd>);

impl Progress {
    pub(crate) fn new(has_body: bool) -> Self {
        Self(if has_body { OnceLock::new() } else { BodyEnd::Complete.into() })
    }

    /// Notes the end of the body. Only the first one counts.
    fn end(&self, end: BodyEnd) {
        self.0.get_or_init(|| end);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.0.get() == Some(&BodyEnd::Complete)
    }

    /// The problem with the body, if there was one.
    pub(crate) fn problem(&self) -> Option<Problem> {
        match self.0.get()? {
            BodyEnd::Complete => None,
            BodyEnd::TooLarge => Some(Problem::BodyTooLarge),
            BodyEnd::TooSlow => Some(Problem::BodyTimeout),
            BodyEnd::Broken => Some(Problem::BodyBroken),
            BodyEnd::Saturated => Some(Problem::BodiesSaturated),
        }
    }
}

/// A request's body as the guest reads it. Enforces `request-body` and `body-time`.
pub(crate) struct RequestBody {
    incoming: Incoming,
    /// How many more bytes are allowed.
    left: u64,
    /// How long the client may take to send the next piece.
    time: Duration,
    /// Runs out if the client does not send in time. Set while the guest waits.
    wait: Option<Pin<Box<Sleep>>>,
    /// The reserved memory of the last piece.
    held: Reserved,
    progress: Arc<Progress>,
    meter: Meter,
}

impl RequestBody {
    pub(crate) fn new(
        incoming: Incoming,
        limits: &RouteLimits,
        held: Reserved,
        progress: Arc<Progress>,
        meter: Meter,
    ) -> Self {
        let (left, time) = (limits.request_body.0, limits.body_time.0);
        Self { incoming, left, time, wait: None, held, progress, meter }
    }

    fn fail(&self, end: BodyEnd, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.progress.end(end);
        Poll::Ready(Some(Err(error)))
    }

    fn give(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        self.meter.received(bytes as usize);
        let Some(left) = self.left.checked_sub(bytes) else {
            return self.fail(BodyEnd::TooLarge, Error::HttpRequestBodySize(None));
        };
        self.left = left;
        if !self.held.resize(bytes) {
            return self.fail(BodyEnd::Saturated, Error::ConnectionLimitReached);
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.progress.problem().is_some() {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.wait = None;
                self.give(frame)
            }
            Poll::Ready(Some(Err(error))) => self.fail(BodyEnd::Broken, Error::Hyper(error)),
            Poll::Ready(None) => {
                self.progress.end(BodyEnd::Complete);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let time = self.time;
                let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(time)));
                match wait.as_mut().poll(context) {
                    Poll::Ready(()) => self.fail(BodyEnd::TooSlow, Error::ConnectionReadTimeout),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_end(end: BodyEnd, expected: Option<u16>) {
        let progress = Progress::new(true);
        assert!(!progress.is_complete());
        assert!(progress.problem().is_none());
        progress.end(end);
        assert_eq!(progress.problem().map(|problem| problem.status().as_u16()), expected);
        assert_eq!(progress.is_complete(), expected.is_none());
    }

    #[test]
    fn each_end_of_a_body_has_its_problem() {
        check_end(BodyEnd::Complete, None);
        check_end(BodyEnd::TooLarge, Some(413));
        check_end(BodyEnd::TooSlow, Some(408));
        check_end(BodyEnd::Broken, Some(400));
        check_end(BodyEnd::Saturated, Some(503));
    }

    #[test]
    fn a_request_without_a_body_is_complete_from_the_start() {
        let progress = Progress::new(false);
        assert!(progress.is_complete());
        progress.end(BodyEnd::Broken);
        assert!(progress.is_complete() && progress.problem().is_none());
    }
}
