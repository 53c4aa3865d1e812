//! The operator's listener: liveness, readiness, metrics, the live page, and reloads of the configuration. With
//! `arenaria dev` also the state of the build.
//!
//! It runs on the control thread, so a busy worker does not delay it. The exception is reading the
//! slots, which skips busy ones. It forwards no requests, and `guard`
//! rejects requests from the pages of other sites.

mod arena_series;
mod event;
mod exemplars;
mod exposition;
mod guard;
mod instances;
mod limits;
mod page;
mod readings;
mod reload;
mod state;
mod stream;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_socket_send_buffer_size;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::config::limits::RequestLimits;
use crate::http::http1;
use crate::http::response::{protect, text};
use crate::server::operator::instances::Instances;
use crate::server::operator::limits::Limits;
pub(crate) use crate::server::operator::state::Operator;
use crate::server::operator::stream::{Events, Hold};

type Answer = Response<Either<Full<Bytes>, Events>>;

/// What the system keeps of a response that its client does not read. By itself it keeps megabytes, which a stream
/// would fill unnoticed for minutes.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// Accepts the operator's connections. Never returns.
pub(crate) async fn listen(operator: Arc<Operator>, listener: TcpListener) {
    let limits = &operator.limits;
    // So that clients that do not read cannot keep health checks out for longer.
    let connection_time = limits.head_time.0 + limits.response_time.0;
    loop {
        let permit = Arc::clone(&operator.connections).acquire_owned();
        let permit = permit.await.expect("the semaphore is never closed");
        let Ok((socket, _)) = listener.accept().await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // If this fails, the client has left.
        let _ = set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES);
        let operator = Arc::clone(&operator);
        tokio::spawn(async move {
            let mut builder = http1::builder(&operator.limits);
            builder.timer(TokioTimer::new()).header_read_timeout(operator.limits.head_time.0);
            let hold = Arc::new(Hold::default());
            let held = Arc::clone(&hold);
            let service = service_fn(move |request| {
                respond(Arc::clone(&operator), Arc::clone(&held), request)
            });
            let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
            loop {
                tokio::select! {
                    // An error only means that the connection has ended.
                    _ = &mut connection => break,
                    () = hold.is_unread.notified() => break,
                    // A reload may take longer, as it compiles, and a stream while its client reads.
                    () = sleep(connection_time) => {
                        if !hold.is_held.load(Relaxed) {
                            break;
                        }
                    }
                }
            }
            drop(permit);
        });
    }
}

async fn respond(
    operator: Arc<Operator>,
    hold: Arc<Hold>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    if request.uri().path() == "/events" && request.method() == Method::GET {
        let refused = check(&operator, &request);
        return Ok(refused.map_or_else(|| events(operator, hold, request), whole));
    }
    Ok(whole(respond_whole(&operator, &hold, &request).await))
}

/// Why a request is refused, if it is.
fn check(operator: &Operator, request: &Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    if let Err(sentence) = guard::check(request.headers()) {
        return Some(text(StatusCode::FORBIDDEN, sentence));
    }
    let path = request.uri().path();
    // Probes often cannot send a token, and learn no more than whether the server serves. The page holds no data.
    let is_open = matches!(path, "/livez" | "/readyz") || page::file(path).is_some();
    if is_open || operator.token.admits(request.headers()) {
        return None;
    }
    let sentence = "expected authorization: Bearer TOKEN, with operator-token as TOKEN\n";
    let mut response = text(StatusCode::UNAUTHORIZED, sentence);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(response)
}

/// The response to all requests but those for a stream.
async fn respond_whole(
    operator: &Operator,
    hold: &Hold,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    if let Some(refused) = check(operator, request) {
        return refused;
    }
    let path = request.uri().path();
    if let (Some(reloads), "/-/reload") = (&operator.reloads, path) {
        if request.method() != Method::POST {
            return not_allowed("expected the method POST\n", "POST");
        }
        hold.is_held.store(true, Relaxed);
        let outcome = reloads.reload().await;
        hold.is_held.store(false, Relaxed);
        return reload::response(outcome);
    }
    if path == "/events" {
        return not_allowed("expected the method GET\n", "GET");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed("expected the method GET or HEAD\n", "GET, HEAD");
    }
    match path {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" if operator.is_ready() => text(StatusCode::OK, "ready\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        "/metrics" => metrics(operator).await,
        "/instances" => instances(operator).await,
        "/limits" => limits(operator),
        "/build" if operator.development.is_some() => build(operator),
        _ => page::file(path).unwrap_or_else(|| {
            let sentence = "expected the path / (the live page), /livez, /readyz, /metrics, /instances, /limits or /events\n";
            text(StatusCode::NOT_FOUND, sentence)
        }),
    }
}

fn not_allowed(sentence: &'static str, allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, sentence);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Whether the newest sources serve, with `arenaria dev`.
fn build(operator: &Operator) -> Response<Full<Bytes>> {
    let development = operator.development.as_ref();
    match development.and_then(|development| development.problem()) {
        None => text(StatusCode::OK, "the newest sources serve\n"),
        Some(problem) => {
            let (server, route) = (&operator.limits, &operator.route_limits);
            problem.whole(RequestLimits { server, route }).map(Full::new)
        }
    }
}

async fn metrics(operator: &Operator) -> Response<Full<Bytes>> {
    let readings = operator.read_slots().await;
    let mut response = text(StatusCode::OK, exposition::encode(&operator.metrics, &readings));
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(openmetrics));
    response
}

async fn instances(operator: &Operator) -> Response<Full<Bytes>> {
    let readings = operator.read_slots().await;
    let instances = Instances::new(&operator.metrics, &operator.routes.serving(), &readings);
    json(&instances)
}

fn limits(operator: &Operator) -> Response<Full<Bytes>> {
    let Operator { limits, route_limits, routes, .. } = operator;
    json(&Limits::new(limits, route_limits, &routes.serving()))
}

fn json(document: &impl Serialize) -> Response<Full<Bytes>> {
    let text =
        serde_json::to_string(document).expect("its keys are texts, and nothing of it fails");
    let mut response = Response::new(Full::new((text + "\n").into()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    protect(response.headers_mut(), page::POLICY);
    response
}

/// Begins a stream of events.
fn events(operator: Arc<Operator>, hold: Arc<Hold>, request: Request<Incoming>) -> Answer {
    let Ok(permit) = Arc::clone(&operator.streams).try_acquire_owned() else {
        let sentence = "half of operator-connections are streams of events already; close another live page, or raise operator-connections\n";
        return whole(text(StatusCode::SERVICE_UNAVAILABLE, sentence));
    };
    let fields = request.into_parts().0.headers;
    let events = stream::begin(operator, fields, hold, permit);
    let mut response = Response::new(Either::Right(events));
    let media_type = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    protect(response.headers_mut(), page::POLICY);
    response
}

fn whole(response: Response<Full<Bytes>>) -> Answer {
    response.map(Either::Left)
}
