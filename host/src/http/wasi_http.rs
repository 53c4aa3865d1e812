//! A request to a `wasi:http` component. Both bodies are streamed while the guest runs.
//!
//! The guest's call runs in a task of its own, which holds the slot until the guest returns.
//! Dropping the request or its response body cancels the task, so a client that disconnects costs
//! the instance. All waits are bounded: `body-time` for the client to send, `response-time` for the
//! client to read, and `request-time` for the whole request.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::http::body::{Aborted, Body};
use crate::http::body_budget::{BodyBudget, Reserved};
use crate::http::connection_state::ConnectionState;
use crate::http::problem::Problem;
use crate::http::service::Service;
use crate::pool::slots::Slots;
use crate::runtime::fault::Fault;
use crate::runtime::wasi_http_call::{CallError, Reply, WasiHttpCall};

/// Lets a `wasi:http` component handle a request.
pub(crate) async fn respond(
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    connection: &Rc<ConnectionState>,
    mut head: Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Problem> {
    let limits = &slots.route.limits;
    if incoming.size_hint().exact().is_some_and(|declared| declared > limits.request_body.0) {
        return Err(Problem::BodyTooLarge);
    }
    head.uri = with_authority(&head)?;
    let has_body = !incoming.is_end_stream();
    let shed = if has_body { Problem::ShedUnread } else { Problem::Shed };
    let lease = slots.acquire().await.map_err(shed)?;
    head.headers = head
        .headers
        .iter()
        .filter(|(name, _)| slots.route.forwards(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let progress = Arc::new(Progress::new(has_body));
    let body = RequestBody {
        incoming,
        left: limits.request_body.0,
        time: limits.body_time.0,
        wait: None,
        held: service.bodies.part(),
        progress: Arc::clone(&progress),
    };
    let is_bodiless = head.method == Method::HEAD;
    let request = Request::from_parts(head, body.boxed_unsync());
    let (reply, received) = Reply::new();
    let task = Task(Some(spawn_local(lease.call_wasi_http(WasiHttpCall { request, reply }))));
    let response = received.await;
    if let Some(problem) = progress.problem() {
        // The guest sees the error when it reads the body. Its call continues within its limits.
        task.detach();
        return Err(problem);
    }
    let response = match response {
        Ok(Ok(response)) => response,
        Ok(Err(CallError::Fault(fault))) => return Err(Problem::Fault(fault)),
        Ok(Err(CallError::GuestError(what))) => return Err(Problem::BadResponse(what)),
        Err(_) => return Err(Problem::Fault(Fault::NoResponse)),
    };
    if !(200..=599).contains(&response.status().as_u16()) {
        let status = response.status().as_u16();
        return Err(Problem::BadResponse(format!(
            "expected a status from 200 to 599, got {status}"
        )));
    }
    let is_bodiless = is_bodiless
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // After that many bytes, hyper does not poll the body again, not even for its end.
    let announced =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let response_body = |body| ResponseBody {
        body,
        ended: is_bodiless || announced == Some(0),
        left: announced,
        task: Some(task),
        budget: Arc::clone(&service.bodies),
        connection: Rc::clone(connection),
        progress,
    };
    Ok(response.map(|body| Body::other(response_body(body))))
}

/// The request's target with its authority, which `wasi:http` requires. The authority comes from
/// the Host header; an HTTP/1.0 client may send none.
fn with_authority(head: &Parts) -> Result<Uri, Problem> {
    let host = head.headers.get(HOST).map_or(&b"localhost"[..], HeaderValue::as_bytes);
    let authority = match head.uri.authority() {
        Some(authority) => Ok(authority.clone()),
        None => Authority::try_from(host),
    };
    let target = head.uri.path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let malformed = |_| Problem::BadRequest("the Host header is not a valid host and port");
    let authority = authority.map_err(malformed)?;
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(target);
    uri.build().map_err(|_| Problem::BadRequest("the request target is not a valid URI"))
}

/// The guest's call. Its result says whether it succeeded. Dropping it cancels the call.
struct Task(Option<JoinHandle<bool>>);

impl Task {
    /// Lets the call continue on its own, within its limits.
    fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

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
struct Progress(OnceLock<BodyEnd>);

impl Progress {
    fn new(has_body: bool) -> Self {
        Self(if has_body { OnceLock::new() } else { BodyEnd::Complete.into() })
    }

    /// Notes the end of the body. Only the first one counts.
    fn end(&self, end: BodyEnd) {
        self.0.get_or_init(|| end);
    }

    fn is_complete(&self) -> bool {
        self.0.get() == Some(&BodyEnd::Complete)
    }

    /// The problem with the body, if there was one.
    fn problem(&self) -> Option<Problem> {
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
struct RequestBody {
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
}

impl RequestBody {
    fn fail(&self, end: BodyEnd, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.progress.end(end);
        Poll::Ready(Some(Err(error)))
    }

    fn give(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
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

/// A response's body as hyper reads it from the guest.
struct ResponseBody {
    body: WasiBody,
    /// Whether nothing more will be sent to the client.
    ended: bool,
    /// How many bytes are still to be sent, if the response has a `content-length`.
    left: Option<u64>,
    task: Option<Task>,
    budget: Arc<BodyBudget>,
    connection: Rc<ConnectionState>,
    progress: Arc<Progress>,
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = &mut *self;
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending if this.poll_call(context).is_pending() => return Poll::Pending,
            Poll::Pending => {
                // The guest returned without closing its body stream: no more data can come.
                this.ended = true;
                return Poll::Ready(Some(Err(Aborted)));
            }
            Poll::Ready(None) => {
                this.ended = true;
                // Abort the response if the request body was incomplete or the guest failed, so
                // that a truncated response cannot pass for a complete one.
                let is_truncated = this.progress.problem().is_some()
                    || this.poll_call(context) == Poll::Ready(false);
                return Poll::Ready(is_truncated.then_some(Err(Aborted)));
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!("a response was truncated: {error}");
                // The guest has returned, or fails at its next write.
                this.ended = true;
                return Poll::Ready(Some(Err(Aborted)));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => {
                if let Some(left) = &mut this.left {
                    *left = left.saturating_sub(data.len() as u64);
                    this.ended |= *left == 0;
                }
                this.budget.hold(data).map(Frame::data).ok_or(Aborted)
            }
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl ResponseBody {
    /// Whether the guest's call succeeded, once it has ended. Its store is dropped in the same
    /// poll, before the body can report its end.
    fn poll_call(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(Task(Some(call))) = &mut self.task else { return Poll::Pending };
        let ended = Pin::new(call).poll(context).map(|ended| ended.unwrap_or(false));
        if ended.is_ready() {
            // A finished task must not be polled again.
            self.task = None;
        }
        ended
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(task) = self.task.take()
            && (self.ended || self.body.is_end_stream())
        {
            task.detach();
        }
        if !self.progress.is_complete() {
            self.connection.leaves_body_unread();
        }
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
