//! One request, from its head to its answer: route, limits, body, slot, guest, response.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};

use crate::component::world::World;
use crate::config::limits::Limits;
use crate::http::body::{self, Body};
use crate::http::connection::Activity;
use crate::http::problem::Problem;
use crate::http::records;
use crate::http::wasi_http;
use crate::pool::slots::Slots;
use crate::pool::stats::{CLIENT_LEFT, RouteStats};
use crate::runtime::bindings;
use crate::server::worker::Worker;

/// Answers a request. Never fails: what goes wrong is an answer, or the end of the connection.
pub(crate) async fn answer(
    worker: Rc<Worker>,
    activity: Rc<Activity>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let begun = Instant::now();
    let end = activity.begin_request();
    let (head, incoming) = request.into_parts();
    let has_body = !incoming.is_end_stream();
    let checked = check_head(&head, &worker.limits);
    let mut response = match worker.router.find(head.uri.path()) {
        None => {
            let what = checked.err().unwrap_or(Problem::NoRoute);
            worker.unrouted.responded(what.status().as_u16());
            Err((what, &worker.limits))
        }
        Some(slots) => {
            let mut observed = Observed { stats: &slots.stats, begun, status: CLIENT_LEFT };
            let answer = match checked {
                Ok(()) => dispatch(&worker, slots, &activity, head, incoming).await,
                Err(what) => Err(what),
            };
            observed.status =
                answer.as_ref().map_or_else(Problem::status, Response::status).as_u16();
            answer.map_err(|what| (what, &slots.route.limits))
        }
    }
    .unwrap_or_else(|(what, limits)| {
        if has_body && what.leaves_body_unread() {
            activity.leaves_body_unread();
        }
        what.response(limits)
    });
    if activity.is_body_unread() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| body.ending(end)))
}

/// Counts a request when it ends, however it ends.
struct Observed<'stats> {
    stats: &'stats RouteStats,
    begun: Instant,
    status: u16,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.stats.responded(self.status);
        self.stats.duration.observe(self.begun.elapsed());
    }
}

async fn dispatch(
    worker: &Rc<Worker>,
    slots: &Rc<Slots>,
    activity: &Rc<Activity>,
    head: Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Problem> {
    if slots.route.world != World::Processor {
        return wasi_http::answer(worker, slots, activity, head, incoming).await;
    }
    let received_at = SystemTime::now();
    if slots.route.records && records::is_stream(&head.headers) {
        return records::answer(worker, slots, head, incoming, nanoseconds(received_at)).await;
    }
    let (body, reserved) = body::collect(incoming, &slots.route.limits, &worker.bodies).await?;
    let mut forwarded = Vec::new();
    let request = lower(slots, &head, &body, nanoseconds(received_at), &mut forwarded)?;
    let mut lease = slots.acquire().await.map_err(Problem::Shed)?;
    let answer = lease.handle(request).await;
    drop((lease, reserved));
    lift(worker, answer.map_err(Problem::Fault)?)
}

/// Checks what HTTP asks of a head and what the limits do, counted roughly as it was on the wire.
fn check_head(head: &Parts, limits: &Limits) -> Result<(), Problem> {
    if head.method == Method::CONNECT {
        return Err(Problem::BadRequest("there is no tunnel here"));
    }
    // Spaces, version and line ends of a head; ": " and line end of a field.
    const HEAD_MARKS: usize = 14;
    const FIELD_MARKS: usize = 4;
    let mut bytes =
        HEAD_MARKS + head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let (mut hosts, mut codings) = (0, 0);
    for (name, value) in &head.headers {
        bytes += FIELD_MARKS + name.as_str().len() + value.len();
        if name == HOST {
            hosts += 1;
        } else if name == TRANSFER_ENCODING {
            codings += if value.as_bytes().eq_ignore_ascii_case(b"chunked") { 1 } else { 2 };
        }
    }
    if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
        return Err(Problem::BadRequest("a request has one host field"));
    }
    if codings > 1 {
        return Err(Problem::BadRequest("the only transfer-encoding here is chunked, once"));
    }
    if head.headers.len() > limits.request_headers {
        return Err(Problem::HeadTooLarge("request-headers", limits.request_headers.to_string()));
    }
    if bytes > limits.request_head.bytes() {
        return Err(Problem::HeadTooLarge("request-head", limits.request_head.to_string()));
    }
    Ok(())
}

/// The request as the guest sees it: borrowed, with the header fields that the route forwards.
pub(crate) fn lower<'a>(
    slots: &'a Slots,
    head: &'a Parts,
    body: &'a Bytes,
    received_at: u64,
    forwarded: &'a mut Vec<(&'a str, &'a str)>,
) -> Result<bindings::Request<'a>, Problem> {
    for (name, value) in &head.headers {
        if slots.route.forwards(name) {
            let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                Problem::BadRequest("a header field that is forwarded is not UTF-8")
            })?;
            forwarded.push((name.as_str(), value));
        }
    }
    Ok(bindings::Request {
        method: head.method.as_str(),
        path_with_query: head.uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: forwarded,
        body,
        received_at,
    })
}

/// The guest's answer as a response, if HTTP has such a one.
fn lift(worker: &Worker, answer: bindings::Response) -> Result<Response<Body>, Problem> {
    let status = match answer.status {
        200..=599 => StatusCode::from_u16(answer.status).expect("it is in range"),
        other => {
            return Err(Problem::BadResponse(format!("its status {other} is not in 200 to 599")));
        }
    };
    let headers = header_map(&answer.headers)?;
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body { answer.body } else { Vec::new() };
    let body = worker.bodies.hold(body).ok_or(Problem::BodiesSaturated)?;
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn header_map(fields: &[(String, String)]) -> Result<HeaderMap, Problem> {
    /// Framing is the host's.
    const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    const FIELDS_MAX: usize = 256;
    const FIELDS_BYTES_MAX: usize = 64 << 10;
    if fields.len() > FIELDS_MAX {
        let count = fields.len();
        let what = format!("it has {count} header fields, of which {FIELDS_MAX} may be");
        return Err(Problem::BadResponse(what));
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > FIELDS_BYTES_MAX {
        let what =
            format!("its header fields have {bytes} bytes, of which {FIELDS_BYTES_MAX} may be");
        return Err(Problem::BadResponse(what));
    }
    let mut headers = HeaderMap::with_capacity(fields.len() + 1);
    for (name, value) in fields {
        let bad =
            |what: &str, text: &str| Problem::BadResponse(format!("{what} {}", excerpt(text)));
        let key = HeaderName::from_bytes(name.as_bytes());
        let key = key.map_err(|_| bad("it has a malformed header name,", name))?;
        if FRAMING.contains(&key) {
            return Err(bad("it sets a header that is the host's,", name));
        }
        let text = HeaderValue::from_bytes(value.as_bytes());
        let text = text.map_err(|_| bad("it has a malformed header value,", value))?;
        if key != DATE {
            headers.append(key, text);
        }
    }
    Ok(headers)
}

/// The beginning of what a guest wrote, made printable.
fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let mut excerpt: String = text.chars().take(CHARACTERS_MAX).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    format!("{excerpt:?}")
}

/// The media type of a head, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}
