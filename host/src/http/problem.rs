//! Error responses that the host itself makes: `application/problem+json` (RFC 9457).
//!
//! Each has a stable `type`. If a limit was exceeded, the document names the limit and its value.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::config::limits::RequestLimits;
use crate::http::body::Body;
use crate::http::decoding::coding::{CODINGS, Undecodable};
use crate::http::problem_words::{
    SATURATED, Words, client_words, fault_words, shed_words, undecodable_words,
};
use crate::pool::clients::Excess;
use crate::pool::policy::Shed;
use crate::pool::route::Route;
use crate::runtime::fault::Fault;
use crate::runtime::request_ids::{MakeIds, RequestIds};

/// Why a request has an error response.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The request is malformed or not supported. The text says why.
    BadRequest(&'static str),
    /// The head cannot be parsed. The text says why.
    BadHead(String),
    /// No route matches the path.
    NoRoute,
    /// The newest sources of a project do not serve. The text says why.
    NotBuilt(Arc<str>),
    /// The target alone is larger than a whole head may be.
    TargetTooLong,
    /// The target is longer than the HTTP library can hold: so many bytes.
    TargetTooLarge(usize),
    /// The head is too large, in bytes or fields. The limit and its value.
    HeadTooLarge(&'static str, String),
    /// The head did not arrive in time.
    HeadTimeout,
    /// The body has a content coding, and cannot be decoded.
    Undecodable(Undecodable),
    /// The body is too large.
    BodyTooLarge,
    /// The body is incomplete, or its framing is invalid.
    BodyBroken,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The memory for bodies is full.
    BodiesSaturated,
    /// No slot was free. The body, if there is one, was read.
    Shed(Shed),
    /// No slot was free. The body was not read.
    ShedUnread(Shed),
    /// The client asks more of the route than one client may.
    ClientExcess(Excess),
    /// The guest failed.
    Fault(Fault),
    /// The guest returned a response that is not valid HTTP.
    BadResponse(String),
    /// The head of the guest's response exceeds a limit: its key and its value.
    ResponseHeadTooLarge(&'static str, String),
    /// The guest rejected a batch of records with this status.
    BatchRefused(u16),
}

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

#[derive(Debug, Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    /// Names the request, so that its lines in the log can be found. It has some if the host failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The number of the failed record in its stream, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
}

/// An error line in a response to a stream of records.
#[derive(Serialize)]
struct Line<'a> {
    error: Document<'a>,
}

impl Problem {
    /// The problem of the request with these ids as a response.
    pub(crate) fn response(
        &self,
        limits: RequestLimits<'_>,
        ids: Option<RequestIds>,
    ) -> Response<Body> {
        self.with_body(self.json_of(limits, ids)).map(Body::whole)
    }

    /// The problem as a response with a body that any listener can send.
    pub(crate) fn whole(&self, limits: RequestLimits<'_>) -> Response<Bytes> {
        self.with_body(self.json(limits))
    }

    fn with_body(&self, body: Vec<u8>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(CODINGS));
        }
        response
    }

    /// After how many seconds it is worth while to try again.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::ClientExcess(Excess::Rate(wait)) => {
                Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Self::ClientExcess(Excess::Requests) => Some(1),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    /// The problem as a JSON document.
    pub(crate) fn json(&self, limits: RequestLimits<'_>) -> Vec<u8> {
        self.json_of(limits, None)
    }

    fn json_of(&self, limits: RequestLimits<'_>, ids: Option<RequestIds>) -> Vec<u8> {
        let document = self.document(limits, None, ids);
        serde_json::to_vec(&document).expect("texts and numbers can be serialized")
    }

    /// The problem as a line in a response to a stream of records.
    pub(crate) fn line(
        &self,
        limits: RequestLimits<'_>,
        record: u64,
        ids: Option<RequestIds>,
    ) -> Vec<u8> {
        let line = Line { error: self.document(limits, Some(record), ids) };
        let mut json = serde_json::to_vec(&line).expect("texts and numbers can be serialized");
        json.push(b'\n');
        json
    }

    /// Writes the reason to the log if the component's response was not valid. Faults are in the log already.
    pub(crate) fn log(&self, route: &Route, limits: RequestLimits<'_>, ids: MakeIds<'_>) {
        let is_bad_response = matches!(
            self,
            Self::BadResponse(_) | Self::ResponseHeadTooLarge(..) | Self::BatchRefused(_)
        );
        if is_bad_response && route.log().admits_line() {
            let Words { title, detail, .. } = self.words(limits);
            let (route, ids) = (&route.path, ids());
            tracing::warn!(
                route,
                "request-id" = %ids.request_id(),
                "trace-id" = %ids.trace_id(),
                "{title}: {detail}"
            );
        }
    }

    /// Whether the host responds before it has read the request's body to its end.
    pub(crate) fn leaves_body_unread(&self) -> bool {
        match self {
            Self::BadRequest(_)
            | Self::BadHead(_)
            | Self::NoRoute
            | Self::NotBuilt(_)
            | Self::TargetTooLong
            | Self::TargetTooLarge(_)
            | Self::HeadTooLarge(..)
            | Self::HeadTimeout => true,
            Self::Undecodable(_) => true,
            Self::BodyTooLarge | Self::BodyBroken | Self::BodyTimeout | Self::BodiesSaturated => {
                true
            }
            Self::ShedUnread(_) | Self::ClientExcess(_) => true,
            Self::Shed(_)
            | Self::Fault(_)
            | Self::BadResponse(_)
            | Self::ResponseHeadTooLarge(..)
            | Self::BatchRefused(_) => false,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_)
            | Self::BadHead(_)
            | Self::BodyBroken
            | Self::Undecodable(Undecodable::Flawed(..)) => StatusCode::BAD_REQUEST,
            Self::Undecodable(Undecodable::Unsupported) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::ClientExcess(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TargetTooLong | Self::TargetTooLarge(_) => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge(..) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge | Self::Undecodable(Undecodable::Ratio) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotBuilt(_) | Self::BodiesSaturated | Self::Shed(_) | Self::ShedUnread(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Fault(Fault::Memory(_) | Fault::OwnMemory(..)) => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            Self::Fault(Fault::Deadline | Fault::RequestTimeout | Fault::ConfigureTimeout) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Fault(
                Fault::Trap(_)
                | Fault::Panic { .. }
                | Fault::Stack(_)
                | Fault::Handles(_)
                | Fault::NoResponse
                | Fault::Refused(_),
            )
            | Self::BadResponse(_)
            | Self::ResponseHeadTooLarge(..)
            | Self::BatchRefused(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn document(
        &self,
        limits: RequestLimits<'_>,
        record: Option<u64>,
        ids: Option<RequestIds>,
    ) -> Document<'static> {
        let Words { kind, title, detail, limit } = self.words(limits);
        let (limit, value) = limit.unzip();
        let status = self.status();
        let ids = ids.filter(|_| status.is_server_error());
        Document {
            r#type: format!("urn:arenaria:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail,
            instance: ids.map(|ids| format!("urn:arenaria:request:{}", ids.request_id())),
            limit,
            value,
            record,
        }
    }

    fn words(&self, limits: RequestLimits<'_>) -> Words {
        match self {
            Self::BadRequest(what) => Words::plain("bad-request", MALFORMED, what),
            Self::BadHead(what) => Words::plain("bad-request", MALFORMED, what),
            Self::NoRoute => Words::plain("no-route", "no such route", NO_ROUTE),
            Self::NotBuilt(text) => Words::plain("not-built", "the component is not built", text),
            Self::TargetTooLarge(most) => Words::plain(
                "target-too-long",
                TARGET_TOO_LONG,
                &format!("expected a target of at most {most} bytes, got a longer one"),
            ),
            Self::TargetTooLong => Words::of_limit(
                "target-too-long",
                TARGET_TOO_LONG,
                ["the target exceeds", ""],
                ("request-head", &limits.server.request_head),
            ),
            Self::HeadTooLarge(key, value) => Words::of_limit(
                "head-too-large",
                "the request head is too large",
                ["the request line and headers exceed", ""],
                (key, value),
            ),
            Self::HeadTimeout => Words::of_limit(
                "timeout",
                "the request head arrived too slowly",
                ["the request head did not arrive within", ""],
                ("head-time", &limits.server.head_time),
            ),
            Self::Undecodable(why) => undecodable_words(*why, limits.route),
            Self::BodyTooLarge => Words::of_limit(
                "body-too-large",
                "the request body is too large",
                ["the request body is larger than", ""],
                ("request-body", &limits.route.request_body),
            ),
            Self::BodyBroken => Words::plain("bad-request", MALFORMED, BODY_BROKEN),
            Self::BodyTimeout => Words::of_limit(
                "timeout",
                "the request body arrived too slowly",
                ["the request body did not arrive within", ""],
                ("body-time", &limits.route.body_time),
            ),
            Self::BodiesSaturated => Words::of_limit(
                "saturated",
                SATURATED,
                ["request and response bodies use half of", "; try again later"],
                ("host-memory", &limits.server.host_memory),
            ),
            Self::Shed(shed) | Self::ShedUnread(shed) => shed_words(*shed, limits.route),
            Self::ClientExcess(excess) => client_words(*excess, limits.route),
            Self::Fault(fault) => fault_words(fault, limits.route),
            Self::BadResponse(what) => Words::plain("bad-response", INVALID, what),
            Self::ResponseHeadTooLarge(key, value) => Words::of_limit(
                "bad-response",
                "the head of the component's response is too large",
                ["the headers exceed", ""],
                (key, value),
            ),
            Self::BatchRefused(status) => Words::plain(
                "bad-response",
                "the component rejected the records",
                &format!(
                    "expected a status from 200 to 299 for the batch of this record, got {status}"
                ),
            ),
        }
    }
}

const MALFORMED: &str = "the request is malformed";
const BODY_BROKEN: &str = "the request body is incomplete or its framing is invalid";
const NO_ROUTE: &str = "no route matches this path";
const INVALID: &str = "the component returned an invalid response";
const TARGET_TOO_LONG: &str = "the request target is too long";
