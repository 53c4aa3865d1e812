//! One request, from its head to its answer: route, limits, body, slot, guest, response.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use crate::bindings;
use crate::body::{self, Body};
use crate::connection::Activity;
use crate::limits::Limits;
use crate::metrics::{CLIENT_LEFT, RouteStats};
use crate::problem::Problem;
use crate::records;
use crate::slots::Slots;
use crate::worker::Worker;

/// Answers a request. Never fails: what goes wrong is an answer, or the end of the connection.
pub(crate) async fn answer(
    worker: Rc<Worker>,
    activity: Rc<Activity>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let begun = Instant::now();
    activity.request_begins();
    let (head, incoming) = request.into_parts();
    let response = match worker.router.find(head.uri.path()) {
        None => {
            let response = problem(&Problem::NoRoute, &worker.limits, &activity);
            worker.unrouted.responded(response.status().as_u16());
            response
        }
        Some(slots) => {
            let mut observed = Observed { stats: &slots.stats, begun, status: CLIENT_LEFT };
            let response = match dispatch(&worker, slots, head, incoming).await {
                Ok(response) => response,
                Err(what) => problem(&what, &slots.route.limits, &activity),
            };
            observed.status = response.status().as_u16();
            response
        }
    };
    activity.request_ends();
    Ok(response)
}

fn problem(what: &Problem, limits: &Limits, activity: &Activity) -> Response<Body> {
    if what.leaves_body_unread() {
        activity.leaves_body_unread();
    }
    what.response(limits)
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
    head: Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Problem> {
    check_head(&head, &worker.limits)?;
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

/// Counts what a head takes, roughly as it was on the wire.
fn check_head(head: &Parts, limits: &Limits) -> Result<(), Problem> {
    let fields = head.headers.len();
    if fields > limits.request_headers {
        return Err(Problem::HeadTooLarge("request-headers", limits.request_headers.to_string()));
    }
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    // The line ends, ": " of each field, spaces and version of the request line.
    let marks = 4 * fields + 14;
    let texts: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if target + marks + texts > limits.request_head.bytes() {
        return Err(Problem::HeadTooLarge("request-head", limits.request_head.to_string()));
    }
    Ok(())
}

pub(crate) fn nanoseconds(moment: SystemTime) -> u64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The request as the guest sees it: borrowed, with the header fields that the route forwards.
pub(crate) fn lower<'a>(
    slots: &'a Slots,
    head: &'a Parts,
    body: &'a Bytes,
    received_at: u64,
    forwarded: &'a mut Vec<(&'a str, &'a str)>,
) -> Result<bindings::Request<'a>, Problem> {
    for name in &slots.route.forward_headers {
        for value in head.headers.get_all(name) {
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
        _ => return Err(Problem::BadResponse("its status is not in 200 to 599")),
    };
    let headers = header_map(&answer.headers)?;
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body { Bytes::from(answer.body) } else { Bytes::new() };
    let held = (!body.is_empty()).then(|| worker.bodies.take(body.len() as u64));
    let mut response = Response::new(Body::Whole((!body.is_empty()).then_some(body), held));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn header_map(fields: &[(String, String)]) -> Result<HeaderMap, Problem> {
    /// Framing is the host's.
    const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    const FIELDS_MAX: usize = 256;
    if fields.len() > FIELDS_MAX {
        return Err(Problem::BadResponse("it has more than 256 header fields"));
    }
    let mut headers = HeaderMap::with_capacity(fields.len() + 1);
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Problem::BadResponse("it has a malformed header name"))?;
        if FRAMING.contains(&name) {
            return Err(Problem::BadResponse(
                "it sets content-length, transfer-encoding or connection",
            ));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Problem::BadResponse("it has a malformed header value"))?;
        if name != DATE {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// The media type of a head, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}
