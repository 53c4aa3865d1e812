//! A request to a `wasi:http` component: streamed in, streamed out, while the guest runs.
//!
//! The guest's call is a task of its own, which holds the slot until the guest has ended. The request
//! that waits for its answer, and then the response's body, hold the task: a client that leaves ends
//! it, which costs the instance. All waits have an end: `body-time` for the client to go on sending,
//! `response-time` for it to go on reading, `request-time` for everything together.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
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

/// Has a `wasi:http` component answer a request.
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
        // The guest sees an error where its body ends, and is left to its end.
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
        return Err(Problem::BadResponse(format!("its status {status} is not in 200 to 599")));
    }
    let is_bodiless = is_bodiless
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // Once it has that many bytes, hyper asks for no more, also not for the end.
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

/// The target of a request as `wasi:http` has it: with the authority, which is in the host field or,
/// from a client of HTTP/1.0, nowhere.
fn with_authority(head: &Parts) -> Result<Uri, Problem> {
    let host = head.headers.get(HOST).map_or(&b"localhost"[..], HeaderValue::as_bytes);
    let authority = match head.uri.authority() {
        Some(authority) => Ok(authority.clone()),
        None => Authority::try_from(host),
    };
    let target = head.uri.path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let malformed = |_| Problem::BadRequest("the host field is no host and port");
    let authority = authority.map_err(malformed)?;
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(target);
    uri.build().map_err(|_| Problem::BadRequest("the target is none of this host"))
}

/// The guest's call, which says whether it ended well. Dropping it ends the call.
struct Task(Option<JoinHandle<bool>>);

impl Task {
    /// Lets the call go on by itself, within its limits.
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

/// How far a request's body has come. Written where the guest reads it, which must be `Send`.
struct Progress(AtomicU8);

impl Progress {
    const READING: u8 = 0;
    const ENDED: u8 = 1;
    const TOO_LARGE: u8 = 2;
    const TOO_SLOW: u8 = 3;
    const BROKEN: u8 = 4;
    const SATURATED: u8 = 5;

    fn new(has_body: bool) -> Self {
        Self(AtomicU8::new(if has_body { Self::READING } else { Self::ENDED }))
    }

    fn set(&self, state: u8) {
        self.0.store(state, Relaxed);
    }

    fn is_ended(&self) -> bool {
        self.0.load(Relaxed) == Self::ENDED
    }

    /// What was wrong with the body.
    fn problem(&self) -> Option<Problem> {
        match self.0.load(Relaxed) {
            Self::TOO_LARGE => Some(Problem::BodyTooLarge),
            Self::TOO_SLOW => Some(Problem::BodyTimeout),
            Self::BROKEN => Some(Problem::BodyBroken),
            Self::SATURATED => Some(Problem::BodiesSaturated),
            _ => None,
        }
    }
}

/// A request's body on its way to the guest: as much as is allowed, as fast as is demanded.
struct RequestBody {
    incoming: Incoming,
    /// Bytes that may still come.
    left: u64,
    /// How long the client may take to go on.
    time: Duration,
    /// Since the guest waits.
    wait: Option<Pin<Box<Sleep>>>,
    /// For the piece that the guest was given last.
    held: Reserved,
    progress: Arc<Progress>,
}

impl RequestBody {
    fn fail(&self, state: u8, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.progress.set(state);
        Poll::Ready(Some(Err(error)))
    }

    fn give(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(bytes) else {
            return self.fail(Progress::TOO_LARGE, Error::HttpRequestBodySize(None));
        };
        self.left = left;
        if !self.held.resize(bytes) {
            return self.fail(Progress::SATURATED, Error::ConnectionLimitReached);
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
            Poll::Ready(Some(Err(error))) => self.fail(Progress::BROKEN, Error::Hyper(error)),
            Poll::Ready(None) => {
                self.progress.set(Progress::ENDED);
                Poll::Ready(None)
            }
            Poll::Pending => {
                let time = self.time;
                let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(time)));
                match wait.as_mut().poll(context) {
                    Poll::Ready(()) => self.fail(Progress::TOO_SLOW, Error::ConnectionReadTimeout),
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

/// A response's body on its way from the guest.
struct ResponseBody {
    body: WasiBody,
    /// Whether the client has all that it will be sent.
    ended: bool,
    /// Bytes that are still to be sent, if their number was announced.
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
                // Who would write the rest has ended, but keeps what it would be written to.
                this.ended = true;
                return Poll::Ready(Some(Err(Aborted)));
            }
            Poll::Ready(None) => {
                this.ended = true;
                // Neither an answer to a question that was cut may look whole, whether or not the guest
                // has looked at why its body ended, nor one whose guest failed in the middle of it.
                let is_cut = this.progress.problem().is_some()
                    || this.poll_call(context) == Poll::Ready(false);
                return Poll::Ready(is_cut.then_some(Err(Aborted)));
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!("a response was cut: {error}");
                // The guest has ended, or ends at its next write.
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
    /// How the guest's call ended, if it has: its store is gone in the same poll, before the body can
    /// be seen to end.
    fn poll_call(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(Task(Some(call))) = &mut self.task else { return Poll::Pending };
        let ended = Pin::new(call).poll(context).map(|ended| ended.unwrap_or(false));
        if ended.is_ready() {
            // It must not be polled again.
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
        if !self.progress.is_ended() {
            self.connection.leaves_body_unread();
        }
    }
}
