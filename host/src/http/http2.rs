//! HTTP/2 on one connection.
//!
//! A connection begins as HTTP/1. If hyper refuses its first bytes and they are the preface of HTTP/2, they are read again
//! as such. So it does not matter whether the client chose it by ALPN or knew it before.
//!
//! A connection stays on its worker, with all of its requests.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::task::spawn_local;
use tokio::time::{Sleep, sleep};

use crate::config::connection_memory::{HTTP2_STREAM_WINDOW, HTTP2_WINDOW, buffer};
use crate::config::limits::ServerLimits;
use crate::config::units::Size;
use crate::http::body::Body;
use crate::http::connection_end::{End, LAST_LOOK, Refusal};
use crate::http::connection_state::{ConnectionState, Signal};
use crate::http::handler;
use crate::http::problem::Problem;
use crate::http::service::Service;
use crate::http::socket::Socket;
use crate::http::tracked_socket::TrackedSocket;

/// Serves requests until the connection ends. `read_ahead` is what was read already, with the preface.
pub(crate) async fn serve_requests(
    service: &Rc<Service>,
    socket: &Rc<RefCell<Socket>>,
    state: &Rc<ConnectionState>,
    read_ahead: Bytes,
) -> End {
    state.multiplex();
    let io = TrackedSocket::multiplexed(Rc::clone(socket), Rc::clone(state), read_ahead);
    let handle = {
        let (service, state) = (Rc::clone(service), Rc::clone(state));
        service_fn(move |request| handle(Rc::clone(&service), Rc::clone(&state), request))
    };
    let hyper = builder(&service.limits).serve_connection(TokioIo::new(io), handle);
    let mut hyper = pin!(hyper);
    let mut last_look: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|context| {
        match state.poll_signal(context) {
            None => {}
            Some(Signal::Close) if !state.is_at_rest() || last_look.is_some() => {
                return Poll::Ready(End::Closed);
            }
            Some(Signal::HeadTimeout) => return Poll::Ready(End::Closed),
            // What the client sent before it knows of this is answered.
            Some(Signal::Drain | Signal::Close) => {
                hyper.as_mut().graceful_shutdown();
                last_look = Some(Box::pin(sleep(LAST_LOOK)));
            }
        }
        if let Poll::Ready(result) = hyper.as_mut().poll(context) {
            return Poll::Ready(if result.is_ok() { End::Finished } else { End::GoneAway });
        }
        while let Some(look) = &mut last_look {
            match look.as_mut().poll(context) {
                Poll::Pending => break,
                // Hyper waits for the client to confirm that it knows. It need not.
                Poll::Ready(())
                    if state.is_at_rest()
                        && (state.write_stalls.get() || !socket.borrow().has_unread()) =>
                {
                    return Poll::Ready(End::Finished);
                }
                Poll::Ready(()) => *look = Box::pin(sleep(LAST_LOOK)),
            }
        }
        Poll::Pending
    })
    .await
}

/// Tells a client that it cannot have HTTP/2.
pub(crate) async fn refuse(socket: &mut Socket, why: Refusal) {
    /// Empty settings, and GOAWAY of 8 bytes: no request was served, and the reason.
    const FRAMES: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0";
    let frames = [FRAMES, &[why as u8]].concat();
    // An error here only means that the client has disconnected.
    let _ = socket.write_all(&frames).await;
    let _ = socket.flush().await;
}

/// Hyper, with the server's limits.
fn builder(limits: &ServerLimits) -> http2::Builder<Here> {
    let bytes = |size: Size| u32::try_from(size.0).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(Here);
    builder
        .max_concurrent_streams(limits.http2_streams)
        // Wider than ours, so that our error response, which says more, comes first.
        .max_header_list_size(bytes(buffer(limits.request_head)))
        .initial_connection_window_size(bytes(HTTP2_WINDOW))
        .initial_stream_window_size(bytes(HTTP2_STREAM_WINDOW))
        .max_send_buf_size(HTTP2_STREAM_WINDOW.bytes());
    builder
}

/// Runs requests on this thread.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Handles a request. Never fails.
async fn handle(
    service: Rc<Service>,
    state: Rc<ConnectionState>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    /// The states of hyper and of ours.
    const STATE_BYTES: u64 = 8 << 10;
    let (connection, is_head) = (Rc::clone(&state), request.method() == Method::HEAD);
    let (outgoing, unanswered) = connection.streams.begin(&service.bodies);
    let bytes = STATE_BYTES + head_bytes(request.headers());
    let response = if outgoing.reserve(bytes) {
        let mut response = handler::handle(Rc::clone(&service), state, request).await?;
        // Until the client takes it, h2 holds it.
        let fits = outgoing.reserve(bytes + head_bytes(response.headers()));
        if fits {
            response
        } else {
            let saturated = saturated(&service);
            response.body_mut().is_replaced(saturated.status());
            saturated
        }
    } else {
        service.accesses.refused(state.address(), Problem::BodiesSaturated.status());
        saturated(&service)
    };
    unanswered.answered();
    Ok(without_forbidden_body(response, is_head).map(|body| body.in_pieces(outgoing)))
}

/// The memory for bodies is full, which heads are part of.
fn saturated(service: &Service) -> Response<Body> {
    let problem = Problem::BodiesSaturated;
    service.unrouted.responded(problem.status().as_u16());
    problem.response(service.limits_without_route(), None)
}

fn head_bytes(headers: &HeaderMap) -> u64 {
    /// What a field costs beside its bytes.
    const FIELD_BYTES: usize = 100;
    let fields =
        headers.iter().map(|(name, value)| FIELD_BYTES + name.as_str().len() + value.len());
    fields.sum::<usize>() as u64
}

/// Hyper sends whatever it is given, other than with HTTP/1.
fn without_forbidden_body(mut response: Response<Body>, is_head: bool) -> Response<Body> {
    if is_head && let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    let has_none =
        is_head || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_none { response.map(Body::without_content) } else { response }
}
