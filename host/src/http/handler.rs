//! Handles one request: checks its head, finds its route, counts its response.
//!
//! Three sibling modules do the rest: `buffered` (whole bodies), `records` (streams of records) and
//! `wasi_http`.

use std::convert::Infallible;
use std::num::NonZeroU128;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Request, Response, Version};

use crate::component::world::World;
use crate::config::limits::ServerLimits;
use crate::http::access::Access;
use crate::http::body::Body;
use crate::http::buffered;
use crate::http::connection_state::{ConnectionState, EndOfRequest};
use crate::http::meter::{Meter, Stage};
use crate::http::playground::Playground;
use crate::http::problem::Problem;
use crate::http::records;
use crate::http::service::Service;
use crate::http::target::{self, is_host, target_length};
use crate::http::wasi_http;
use crate::pool::slots::Slots;
use crate::pool::stats::{CLIENT_LEFT, RouteStats};
use crate::runtime::request_ids::{RequestIds, RequestNumber, Trace};

/// W3C Server Timing.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Handles a request. Never fails: an error becomes a response or ends the connection.
pub(crate) async fn handle(
    service: Rc<Service>,
    connection: Rc<ConnectionState>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let begun = Instant::now();
    let number = service.numbers.next();
    let (mut head, incoming) = request.into_parts();
    let has_body = !incoming.is_end_stream();
    let mut end = connection.begin_request(has_body);
    let checked = target::check(&mut head, connection.has_fragment.get())
        .and_then(|()| check_head(&head, &service.limits))
        .and_then(|()| check_size(&connection, &service.limits));
    let open = service.development.as_ref().map(|development| development.begin(&head, begun));
    let path = head.uri.path();
    let playground = service.playground.as_ref().filter(|_| Playground::has(path));
    // Lives as long as the errors below, which show its limits.
    let route = service.router.find(path);
    let answers = route.as_ref().filter(|_| playground.is_none());
    let meter = service.meter(answers, begun);
    let shown = answers.map(|slots| &**slots);
    let mut access = begin_access(&service, &connection, &head, shown, number, &meter);
    let mut response = match (playground, &route) {
        (Some(playground), _) => {
            if has_body {
                connection.leaves_body_unread();
            }
            let result = checked.map(|()| playground.respond(&head).map(Body::whole));
            let status = result.as_ref().map_or_else(Problem::status, Response::status);
            service.unrouted.responded(status.as_u16());
            result.map_err(|what| (what, service.limits_without_route()))
        }
        (None, None) => {
            let what = checked.err().unwrap_or_else(|| service.no_route());
            service.unrouted.responded(what.status().as_u16());
            Err((what, service.limits_without_route()))
        }
        (None, Some(slots)) => {
            let exemplar = if service.exemplars { Trace::sampled(&head.headers) } else { None };
            let mut observed =
                Observed { stats: &slots.stats, begun, status: CLIENT_LEFT, exemplar };
            let admitted = checked.and_then(|()| admit(slots, &connection, &head, &mut end));
            let result = match admitted {
                Ok(()) => {
                    let head = &mut head;
                    dispatch(&service, slots, &connection, number, head, incoming, &meter).await
                }
                Err(what) => Err(what),
            };
            observed.status =
                result.as_ref().map_or_else(Problem::status, Response::status).as_u16();
            result.map_err(|what| {
                let limits = service.limits_of(&slots.route);
                what.log(&slots.route, limits, &|| RequestIds::of(number, &head.headers));
                (what, limits)
            })
        }
    }
    .unwrap_or_else(|(what, limits)| {
        if has_body && what.leaves_body_unread() {
            connection.leaves_body_unread();
        }
        what.response(limits, service.shown(&|| RequestIds::of(number, &head.headers)))
    });
    if let Some(open) = open {
        open.end(&response);
    }
    if connection.closes_after_response() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if meter.is_on() {
        finish(&mut response, shown, &meter, access.as_deref_mut());
    }
    Ok(response.map(|body| body.ending(end, access)))
}

/// The line of a request in the access log, if that is switched on.
#[inline]
fn begin_access(
    service: &Service,
    connection: &ConnectionState,
    head: &Parts,
    slots: Option<&Slots>,
    number: RequestNumber,
    meter: &Meter,
) -> Option<Box<Access>> {
    if !meter.is_on() || !service.accesses.is_on() {
        return None;
    }
    let route = slots.map(|slots| slots.route.path.as_str());
    let (client, ids) = (connection.address(), RequestIds::of(number, &head.headers));
    Some(service.accesses.begin(head, route, client, ids, meter.clone()))
}

/// Tells the figures of a request, as far as they are known when its response begins.
#[cold]
fn finish(
    response: &mut Response<Body>,
    slots: Option<&Slots>,
    meter: &Meter,
    access: Option<&mut Access>,
) {
    meter.enter(Stage::Host);
    if slots.is_some_and(|slots| slots.route.server_timing) {
        response.headers_mut().append(SERVER_TIMING, meter.header());
    }
    if let Some(access) = access {
        access.responded(response.status());
    }
}

/// Counts a request when this is dropped, also if the client left.
struct Observed<'stats> {
    stats: &'stats RouteStats,
    begun: Instant,
    status: u16,
    /// The trace that is kept with its duration.
    exemplar: Option<NonZeroU128>,
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        self.stats.responded(self.status);
        let duration = self.begun.elapsed();
        self.stats.duration.observe(duration);
        if let Some(trace) = self.exemplar {
            self.stats.duration.keep_exemplar(duration, trace);
        }
    }
}

/// Counts a request for its client, if the route limits single clients.
#[inline]
fn admit(
    slots: &Slots,
    connection: &ConnectionState,
    head: &Parts,
    end: &mut EndOfRequest,
) -> Result<(), Problem> {
    if let Some(clients) = &slots.route.clients {
        let admitted = clients.admit(&connection.client.borrow(), &head.headers);
        end.place = admitted.map_err(Problem::ClientExcess)?;
    }
    Ok(())
}

async fn dispatch(
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    connection: &Rc<ConnectionState>,
    number: RequestNumber,
    head: &mut Parts,
    incoming: Incoming,
    meter: &Meter,
) -> Result<Response<Body>, Problem> {
    // The longer ways are boxed, because hyper moves the future of each request, and its size is that of the
    // longest way.
    if slots.route.world != World::Processor {
        let response =
            wasi_http::respond(service, slots, connection, number, head, incoming, meter);
        return Box::pin(response).await;
    }
    let received_at = SystemTime::now();
    if slots.route.records && records::is_stream(&head.headers) {
        let response = records::respond(service, slots, number, head, incoming, received_at, meter);
        return Box::pin(response).await;
    }
    buffered::respond(service, slots, number, head, incoming, received_at, meter).await
}

/// Checks the size of the head as it was sent. If it is larger, the end of the request is not known.
fn check_size(connection: &ConnectionState, limits: &ServerLimits) -> Result<(), Problem> {
    if !connection.is_head_too_large.get() {
        return Ok(());
    }
    connection.leaves_body_unread();
    Err(Problem::HeadTooLarge("request-head", limits.request_head.to_string()))
}

/// Checks the head against the rules of HTTP and the limits. Its size is computed from the parsed
/// fields, so it may differ slightly from the bytes that arrived.
fn check_head(head: &Parts, limits: &ServerLimits) -> Result<(), Problem> {
    // Spaces, version and line ends of a head; ": " and the line end of a field.
    const HEAD_MARKS: usize = 14;
    const FIELD_MARKS: usize = 4;
    let target = target_length(&head.uri);
    if target > limits.request_head.bytes() {
        return Err(Problem::TargetTooLong);
    }
    let mut bytes = HEAD_MARKS + head.method.as_str().len() + target;
    let (mut hosts, mut codings) = (0, 0);
    // RFC 9113, 8.3.1: with HTTP/2, both must be the same. With HTTP/1, the target wins.
    let authority = head.uri.authority().filter(|_| head.version == Version::HTTP_2);
    let is_other = |host: &[u8]| {
        authority.is_some_and(|authority| !host.eq_ignore_ascii_case(authority.as_str().as_bytes()))
    };
    for (name, value) in &head.headers {
        bytes += FIELD_MARKS + name.as_str().len() + value.len();
        if name == HOST {
            let is_good = is_host(value.as_bytes()) && !is_other(value.as_bytes());
            hosts += if is_good { 1 } else { 2 };
        } else if name == TRANSFER_ENCODING {
            codings += if value.as_bytes().eq_ignore_ascii_case(b"chunked") { 1 } else { 2 };
        }
    }
    let needs_host = match head.version {
        Version::HTTP_2 => head.uri.authority().is_none(),
        version => version == Version::HTTP_11,
    };
    if hosts > 1 || (hosts == 0 && needs_host) {
        return Err(Problem::BadRequest(
            "a request must have exactly one Host header, a host with or without a port",
        ));
    }
    if codings > 1 {
        return Err(Problem::BadRequest("Transfer-Encoding must be chunked, given once"));
    }
    if head.headers.len() > limits.request_headers {
        return Err(Problem::HeadTooLarge("request-headers", limits.request_headers.to_string()));
    }
    if bytes > limits.request_head.bytes() {
        return Err(Problem::HeadTooLarge("request-head", limits.request_head.to_string()));
    }
    Ok(())
}
