//! A request to a `wasi:http` component. Both bodies are streamed while the guest runs.
//!
//! The guest's call runs in a task of its own, which holds the slot until the guest returns.
//! Dropping the request or its response body cancels the task, so a client that disconnects costs
//! the instance. All waits are bounded: `body-time` for the client to send, `response-time` for the
//! client to read, and `request-time` for the whole request.

use std::rc::Rc;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::task::spawn_local;
use wasmtime_wasi_http::WasiBody;

use crate::http::body::Body;
use crate::http::connection_state::ConnectionState;
use crate::http::meter::{Meter, Stage};
use crate::http::problem::Problem;
use crate::http::service::Service;
use crate::http::wasi_http_request::{Progress, RequestBody};
use crate::http::wasi_http_response::{OfRequest, ResponseBody, Task};
use crate::pool::slots::Slots;
use crate::runtime::fault::Fault;
use crate::runtime::request_ids::{RequestIds, RequestNumber};
use crate::runtime::wasi_http_call::{CallError, Reply, WasiHttpCall};

/// Lets a `wasi:http` component handle a request.
pub(crate) async fn respond(
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    connection: &Rc<ConnectionState>,
    number: RequestNumber,
    head: &Parts,
    incoming: Incoming,
    meter: &Meter,
) -> Result<Response<Body>, Problem> {
    let limits = &slots.route.limits;
    if incoming.size_hint().exact().is_some_and(|declared| declared > limits.request_body.0) {
        return Err(Problem::BodyTooLarge);
    }
    let uri = with_authority(head)?;
    let has_body = !incoming.is_end_stream();
    let shed = if has_body { Problem::ShedUnread } else { Problem::Shed };
    meter.enter(Stage::Queue);
    let lease = slots.acquire().await.map_err(shed)?;
    meter.enter(Stage::Guest);
    let ids = RequestIds::of(number, &head.headers);
    let headers = head
        .headers
        .iter()
        .filter(|(name, _)| slots.route.forwards(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let progress = Arc::new(Progress::new(has_body));
    let held = slots.bodies.part();
    let body = RequestBody::new(incoming, limits, held, Arc::clone(&progress), meter.clone());
    let is_bodiless = head.method == Method::HEAD;
    let mut request = Request::new(body.boxed_unsync());
    (*request.method_mut(), *request.uri_mut()) = (head.method.clone(), uri);
    (*request.version_mut(), *request.headers_mut()) = (head.version, headers);
    let (reply, received) = Reply::new();
    let task = Task::new(spawn_local(lease.call_wasi_http(WasiHttpCall { request, reply }, ids)));
    let response = received.await;
    meter.enter(Stage::Host);
    if let Some(problem) = progress.problem() {
        // The guest sees the error when it reads the body. Its call continues within its limits.
        task.detach();
        return Err(problem);
    }
    let mut response = match response {
        Ok(Ok(response)) => response,
        Ok(Err(CallError::Fault(fault))) => return Err(Problem::Fault(fault)),
        Ok(Err(CallError::GuestError(what))) => {
            return Err(Problem::BadResponse(format!("the component returned the error {what}")));
        }
        Err(_) => return Err(Problem::Fault(Fault::NoResponse)),
    };
    check_head(&mut response)?;
    let is_bodiless = is_bodiless
        || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // After that many bytes, hyper does not poll the body again, not even for its end.
    let announced =
        response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let announced = if is_bodiless { Some(0) } else { announced };
    let (head, body) = response.into_parts();
    let (slots, connection) = (Rc::clone(slots), Rc::clone(connection));
    let request = OfRequest { slots, connection, ids, progress };
    let mut body = ResponseBody::new(body, announced, task, service, request);
    body.look_ahead().await?;
    Ok(Response::from_parts(head, Body::other(body)))
}

/// Checks the head of a guest's response against the rules of HTTP.
fn check_head(response: &mut Response<WasiBody>) -> Result<(), Problem> {
    let status = response.status();
    if !(200..=599).contains(&status.as_u16()) {
        return Err(Problem::BadResponse(format!(
            "expected a status from 200 to 599, got {}",
            status.as_u16()
        )));
    }
    if status == StatusCode::NO_CONTENT {
        // A client would wait for that many bytes, or take the next response for them.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    Ok(())
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
