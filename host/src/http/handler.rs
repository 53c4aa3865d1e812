//! Handles one request: checks its head, finds its route, counts its response.
//!
//! Three sibling modules do the rest: `buffered` (whole bodies), `records` (streams of records) and
//! `wasi_http`.

use std::convert::Infallible;
use std::net::Ipv6Addr;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Uri, Version};

use crate::component::world::World;
use crate::config::limits::ServerLimits;
use crate::http::body::Body;
use crate::http::buffered;
use crate::http::connection_state::ConnectionState;
use crate::http::playground::Playground;
use crate::http::problem::Problem;
use crate::http::records;
use crate::http::service::Service;
use crate::http::wasi_http;
use crate::pool::slots::Slots;
use crate::pool::stats::{CLIENT_LEFT, RouteStats};

/// Handles a request. Never fails: an error becomes a response or ends the connection.
pub(crate) async fn handle(
    service: Rc<Service>,
    connection: Rc<ConnectionState>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let begun = Instant::now();
    let end = connection.begin_request();
    let (head, incoming) = request.into_parts();
    let has_body = !incoming.is_end_stream();
    let checked = check_head(&head, &service.limits);
    let open = service.development.as_ref().map(|development| development.begin(&head, begun));
    let path = head.uri.path();
    let playground = service.playground.as_ref().filter(|_| Playground::has(path));
    // Lives as long as the errors below, which show its limits.
    let route = service.router.find(path);
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
            let mut observed = Observed { stats: &slots.stats, begun, status: CLIENT_LEFT };
            let result = match checked {
                Ok(()) => dispatch(&service, slots, &connection, head, incoming).await,
                Err(what) => Err(what),
            };
            observed.status =
                result.as_ref().map_or_else(Problem::status, Response::status).as_u16();
            result.map_err(|what| {
                let limits = service.limits_of(&slots.route);
                what.log(&slots.route, limits);
                (what, limits)
            })
        }
    }
    .unwrap_or_else(|(what, limits)| {
        if has_body && what.leaves_body_unread() {
            connection.leaves_body_unread();
        }
        what.response(limits)
    });
    if let Some(open) = open {
        open.end(&response);
    }
    if connection.closes_after_response() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| body.ending(end)))
}

/// Counts a request when this is dropped, also if the client left.
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
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    connection: &Rc<ConnectionState>,
    head: Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Problem> {
    // The longer ways are boxed, because hyper moves the future of each request, and its size is that of the
    // longest way.
    if slots.route.world != World::Processor {
        return Box::pin(wasi_http::respond(service, slots, connection, head, incoming)).await;
    }
    let received_at = SystemTime::now();
    if slots.route.records && records::is_stream(&head.headers) {
        return Box::pin(records::respond(service, slots, head, incoming, received_at)).await;
    }
    buffered::respond(service, slots, head, incoming, received_at).await
}

/// Checks the head against the rules of HTTP and the limits. Its size is computed from the parsed
/// fields, so it may differ slightly from the bytes that arrived.
fn check_head(head: &Parts, limits: &ServerLimits) -> Result<(), Problem> {
    if head.method == Method::CONNECT {
        return Err(Problem::BadRequest("CONNECT is not supported"));
    }
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
    if head.uri.authority().is_some_and(|authority| !is_host(authority.as_str().as_bytes())) {
        return Err(Problem::BadRequest("a target must have a host, with or without a port"));
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

/// The length of the request's target, which may be a whole URI.
fn target_length(uri: &Uri) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let Some(authority) = uri.authority() else { return path };
    path + authority.as_str().len()
        + uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len())
}

/// Whether this is what RFC 9112 allows in `Host`: a host, and a port after a colon. It may be empty.
fn is_host(value: &[u8]) -> bool {
    let is_port = |rest: &[u8]| match rest {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if let [b'[', rest @ ..] = value {
        let Some(length) = rest.iter().position(|byte| *byte == b']') else { return false };
        let address = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok() && is_port(&rest[length + 1..]);
    }
    let length = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
    let (name, port) = value.split_at(length);
    is_port(port) && is_name(name)
}

/// Whether this is a name of a host: characters that need no encoding, and encoded ones.
fn is_name(mut name: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_plain(*byte) => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        let good = [
            "",
            "a",
            "a.example",
            "A-b_c~",
            "a:80",
            "a:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]:",
            "%61",
            "a!$&'()*+,;=",
        ];
        for host in good {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
        let bad = [
            "x/y", "user@x", "a b", "a:b", "a:80:80", "[::1", "::1]", "[::1]80", "[g]", "[]",
            "[....]", "a%zz", "a%6", "[]]", "a#", "a?b", "a\\b", "\u{e4}", "a\t", "\"a\"", "<a>",
            "a,b:c",
        ];
        for host in bad {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }
}
