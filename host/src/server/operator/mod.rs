//! The operator's listener: liveness, readiness, metrics, and reloads of the configuration. With `arenaria dev` also the
//! state of the build.
//!
//! It runs on the control thread, so a busy worker does not delay it. The exception is reading the
//! arena usage for the metrics, which skips busy slots. It forwards no requests, and `guard`
//! rejects requests from the pages of other sites.

mod exemplars;
mod exposition;
mod guard;
mod reload;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::limits::{RequestLimits, RouteLimits, ServerLimits};
use crate::http::development::Development;
use crate::http::http1;
use crate::http::response::text;
use crate::pool::stats::{Metrics, RouteStats};
use crate::server::reload::Reloads;
use crate::server::token::Token;
use crate::server::worker::Command;

/// The state that the operator's listener reports.
pub(crate) struct Operator {
    pub(crate) limits: ServerLimits,
    /// The limits of a route that sets none of its own.
    pub(crate) route_limits: RouteLimits,
    /// The state of the build, with `arenaria dev`.
    pub(crate) development: Option<Arc<Development>>,
    /// What requests must bring, except those of probes.
    pub(crate) token: Arc<Token>,
    /// Asks for reloads, with `arenaria serve`.
    pub(crate) reloads: Option<Reloads>,
    /// One for each further connection that the operator's listener may have open.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) ready: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) workers: Vec<mpsc::UnboundedSender<Command>>,
}

/// How long a scrape waits for busy workers.
const READ_TIME: Duration = Duration::from_secs(2);

/// Accepts the operator's connections. Never returns.
pub(crate) async fn listen(operator: Arc<Operator>, listener: TcpListener) {
    let limits = &operator.limits;
    // So that clients that do not read cannot keep health checks out for longer.
    let connection_time = limits.head_time.0 + limits.response_time.0;
    loop {
        let permit = Arc::clone(&operator.connections).acquire_owned();
        let permit = permit.await.expect("the semaphore is never closed");
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let operator = Arc::clone(&operator);
        tokio::spawn(async move {
            let mut builder = http1::builder(&operator.limits);
            builder.timer(TokioTimer::new()).header_read_timeout(operator.limits.head_time.0);
            let waiting = Arc::new(AtomicBool::new(false));
            let waits = Arc::clone(&waiting);
            let service = service_fn(move |request| {
                respond(Arc::clone(&operator), Arc::clone(&waits), request)
            });
            let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
            // An error here only means that the connection has ended. A reload may take longer, as it compiles.
            while timeout(connection_time, &mut connection).await.is_err() && waiting.load(Relaxed)
            {
            }
            drop(permit);
        });
    }
}

/// `waiting` is true while the response waits for a reload.
async fn respond(
    operator: Arc<Operator>,
    waiting: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Err(sentence) = guard::check(request.headers()) {
        return Ok(text(StatusCode::FORBIDDEN, sentence));
    }
    // Probes often cannot send it, and learn no more than whether the server serves.
    let is_probe = matches!(request.uri().path(), "/livez" | "/readyz");
    if !is_probe && !operator.token.admits(request.headers()) {
        let sentence = "expected authorization: Bearer TOKEN, with operator-token as TOKEN\n";
        let mut response = text(StatusCode::UNAUTHORIZED, sentence);
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Ok(response);
    }
    if let (Some(reloads), "/-/reload") = (&operator.reloads, request.uri().path()) {
        if request.method() != Method::POST {
            return Ok(not_allowed("expected the method POST\n", "POST"));
        }
        waiting.store(true, Relaxed);
        let outcome = reloads.reload().await;
        waiting.store(false, Relaxed);
        return Ok(reload::response(outcome));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(not_allowed("expected the method GET or HEAD\n", "GET, HEAD"));
    }
    Ok(match request.uri().path() {
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/readyz" if operator.is_ready() => text(StatusCode::OK, "ready\n"),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        "/metrics" => metrics(&operator).await,
        "/build" if operator.development.is_some() => build(&operator),
        _ => text(StatusCode::NOT_FOUND, "expected the path /livez, /readyz or /metrics\n"),
    })
}

fn not_allowed(sentence: &'static str, allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, sentence);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

impl Operator {
    /// Whether every route has a warm instance on every worker, and the server is not draining.
    fn is_ready(&self) -> bool {
        let live =
            |stats: &Arc<RouteStats>| stats.idle.load(Relaxed) + stats.busy.load(Relaxed) > 0;
        self.ready.load(Relaxed)
            && self
                .metrics
                .routes()
                .iter()
                .filter(|route| !route.is_removed())
                .all(|route| route.workers.iter().all(live))
    }
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
    let asked: Vec<_> = operator
        .workers
        .iter()
        .map(|worker| {
            let (reply, received) = oneshot::channel();
            // If the worker has ended, the reply's channel is closed and its usage is left out.
            let _ = worker.send(Command::ReadUsage(reply));
            received
        })
        .collect();
    let mut usages = Vec::new();
    let end = Instant::now() + READ_TIME;
    for received in asked {
        if let Ok(Ok(read)) = timeout_at(end, received).await {
            usages.extend(read);
        }
    }
    let mut response = text(StatusCode::OK, exposition::encode(&operator.metrics, usages));
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(openmetrics));
    response
}
