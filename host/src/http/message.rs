//! Converts an HTTP request to a processor's WIT request, and its WIT response to HTTP.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName,
    HeaderValue, TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use crate::component::guest_text::GuestText;
use crate::config::limits::RouteLimits;
use crate::http::body::Body;
use crate::http::decoding::coding::Coding;
use crate::http::problem::Problem;
use crate::pool::body_budget::BodyBudget;
use crate::pool::route::Route;
use crate::runtime::bindings;

/// The coding of a request's body, which the guest sees decoded: so the fields that describe it encoded are
/// removed.
///
/// # Errors
///
/// If it cannot be decoded.
pub(crate) fn take_coding(headers: &mut HeaderMap) -> Result<Option<Coding>, Problem> {
    let coding = Coding::of(headers).map_err(Problem::Undecodable)?;
    if coding.is_some() {
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
    }
    Ok(coding)
}

/// The request as the guest sees it: borrowed, with the header fields that the route forwards.
pub(crate) fn lower<'a>(
    route: &'a Route,
    head: &'a Parts,
    body: &'a Bytes,
    received_at: u64,
    forwarded: &'a mut Vec<(&'a str, &'a str)>,
) -> Result<bindings::Request<'a>, Problem> {
    for (name, value) in &head.headers {
        if route.forwards(name) {
            let value = std::str::from_utf8(value.as_bytes())
                .map_err(|_| Problem::BadRequest("a forwarded header field is not valid UTF-8"))?;
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

/// The guest's response as an HTTP response.
///
/// # Errors
///
/// If it is not valid HTTP, or the memory for bodies is full.
pub(crate) fn lift(
    route: &Route,
    bodies: &Arc<BodyBudget>,
    guest_response: bindings::Response,
) -> Result<Response<Body>, Problem> {
    let status = match guest_response.status {
        200..=599 => StatusCode::from_u16(guest_response.status).expect("it is in range"),
        other => {
            return Err(Problem::BadResponse(format!(
                "expected a status from 200 to 599, got {other}"
            )));
        }
    };
    let headers = header_map(&guest_response.headers, &route.limits)?;
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = if has_body { guest_response.body } else { Vec::new() };
    let body = bodies.hold(body).ok_or(Problem::BodiesSaturated)?;
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn header_map(fields: &[(String, String)], limits: &RouteLimits) -> Result<HeaderMap, Problem> {
    /// The host decides how a message is framed.
    const FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
    let too_large = |key, value| Err(Problem::ResponseHeadTooLarge(key, value));
    if fields.len() > limits.response_headers {
        return too_large("response-headers", limits.response_headers.to_string());
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > limits.response_head.bytes() {
        return too_large("response-head", limits.response_head.to_string());
    }
    let mut headers = HeaderMap::with_capacity(fields.len() + 1);
    for (name, value) in fields {
        let bad = |what: &str, text: &str| {
            Problem::BadResponse(format!("{what} \"{}\"", GuestText::name(text)))
        };
        let key = HeaderName::from_bytes(name.as_bytes());
        let key = key.map_err(|_| bad("expected a valid header name, got", name))?;
        if FRAMING.contains(&key) {
            return Err(bad("only the host may set the header", name));
        }
        let text = HeaderValue::from_bytes(value.as_bytes());
        let text = text.map_err(|_| bad("expected a valid header value, got", value))?;
        if key != DATE {
            headers.append(key, text);
        }
    }
    Ok(headers)
}

/// The media type in `content-type`, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}
