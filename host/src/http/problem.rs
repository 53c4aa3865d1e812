//! What a client is told when the host, not the guest, answers: `application/problem+json`
//! (RFC 9457) with a stable `type`, and the limit with its value where one was met.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::config::limits::{RequestLimits, RouteLimits};
use crate::http::body::Body;
use crate::pool::policy::Shed;
use crate::runtime::fault::Fault;

/// Why the host answers.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The request is none that can be passed on.
    BadRequest(&'static str),
    /// No route has this path.
    NoRoute,
    /// The head is too large, in bytes or fields.
    HeadTooLarge(&'static str, String),
    /// The head came too slowly.
    HeadTimeout,
    /// The body is too large.
    BodyTooLarge,
    /// The body ended early, or its framing is wrong.
    BodyBroken,
    /// The body came too slowly.
    BodyTimeout,
    /// The host holds as many bytes of bodies as it may.
    BodiesSaturated,
    /// No slot was to be had.
    Shed(Shed),
    /// No slot was to be had, and nothing of the body has been read.
    ShedUnread(Shed),
    /// The guest gave no answer.
    Fault(Fault),
    /// The guest gave an answer that HTTP does not have.
    BadResponse(String),
    /// The guest refused a batch of records, with this status.
    BatchRefused(u16),
}

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

#[derive(Debug, Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The record of a stream that this is about, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
}

/// An error in its place among the answers to a stream of records.
#[derive(Serialize)]
struct Line<'a> {
    error: Document<'a>,
}

impl Problem {
    /// As a response.
    pub(crate) fn response(&self, limits: RequestLimits<'_>) -> Response<Body> {
        let mut response = Response::new(Body::whole(Bytes::from(self.json(limits))));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// As a document of its own.
    pub(crate) fn json(&self, limits: RequestLimits<'_>) -> Vec<u8> {
        let document = self.document(limits, None);
        serde_json::to_vec(&document).expect("texts and numbers have a JSON form")
    }

    /// As a line among answers to records.
    pub(crate) fn line(&self, limits: RequestLimits<'_>, record: u64) -> Vec<u8> {
        let line = Line { error: self.document(limits, Some(record)) };
        let mut json = serde_json::to_vec(&line).expect("texts and numbers have a JSON form");
        json.push(b'\n');
        json
    }

    /// Whether it is said before the request's body, if there is one, has been read to its end.
    pub(crate) fn leaves_body_unread(&self) -> bool {
        match self {
            Self::BadRequest(_) | Self::NoRoute | Self::HeadTooLarge(..) | Self::HeadTimeout => {
                true
            }
            Self::BodyTooLarge | Self::BodyBroken | Self::BodyTimeout | Self::BodiesSaturated => {
                true
            }
            Self::ShedUnread(_) => true,
            Self::Shed(_) | Self::Fault(_) | Self::BadResponse(_) | Self::BatchRefused(_) => false,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::HeadTooLarge(..) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodiesSaturated | Self::Shed(_) | Self::ShedUnread(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Fault(Fault::Memory(_)) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Fault(Fault::Deadline | Fault::RequestTimeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Fault(
                Fault::Trap(_) | Fault::Stack(_) | Fault::NoResponse | Fault::Refused(_),
            )
            | Self::BadResponse(_)
            | Self::BatchRefused(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn document(&self, limits: RequestLimits<'_>, record: Option<u64>) -> Document<'static> {
        let Words { kind, title, detail, limit } = self.words(limits);
        let (limit, value) = limit.unzip();
        let (r#type, status) = (format!("urn:arenaria:problem:{kind}"), self.status().as_u16());
        Document { r#type, title, status, detail, limit, value, record }
    }

    fn words(&self, limits: RequestLimits<'_>) -> Words {
        match self {
            Self::BadRequest(what) => Words::plain("bad-request", "the request is malformed", what),
            Self::NoRoute => {
                Words::plain("no-route", "nothing is served here", "no route has this path")
            }
            Self::HeadTooLarge(key, value) => Words {
                kind: "head-too-large",
                title: "the request's head is too large",
                detail: format!("the head is larger than {key} = {value}"),
                limit: Some((key, value.clone())),
            },
            Self::HeadTimeout => Words {
                kind: "timeout",
                title: "the head came too slowly",
                detail: format!("the head did not arrive within {}", limits.server.head_time),
                limit: Some(("head-time", limits.server.head_time.to_string())),
            },
            Self::BodyTooLarge => Words {
                kind: "body-too-large",
                title: "the body is too large",
                detail: format!("the body is larger than {}", limits.route.request_body),
                limit: Some(("request-body", limits.route.request_body.to_string())),
            },
            Self::BodyBroken => Words::plain(
                "bad-request",
                "the request is malformed",
                "the body ends too early or its framing is wrong",
            ),
            Self::BodyTimeout => Words {
                kind: "timeout",
                title: "the body came too slowly",
                detail: format!("the body did not arrive within {}", limits.route.body_time),
                limit: Some(("body-time", limits.route.body_time.to_string())),
            },
            Self::BodiesSaturated => Words {
                kind: "saturated",
                title: "the server is saturated",
                detail: "too many bytes of bodies are on their way; try again later".to_owned(),
                limit: Some(("host-memory", limits.server.host_memory.to_string())),
            },
            Self::Shed(shed) | Self::ShedUnread(shed) => shed_words(*shed, limits.route),
            Self::Fault(fault) => fault_words(fault, limits.route),
            Self::BadResponse(what) => {
                Words::plain("bad-response", "the component gave no valid response", what)
            }
            Self::BatchRefused(status) => Words::plain(
                "bad-response",
                "the component refused the records",
                &format!("it answered {status} to the batch that begins here"),
            ),
        }
    }
}

/// What a problem says; `limit` is a key and its value.
struct Words {
    kind: &'static str,
    title: &'static str,
    detail: String,
    limit: Option<(&'static str, String)>,
}

impl Words {
    fn plain(kind: &'static str, title: &'static str, detail: &str) -> Self {
        Self { kind, title, detail: detail.to_owned(), limit: None }
    }
}

fn shed_words(shed: Shed, limits: &RouteLimits) -> Words {
    let (detail, limit) = match shed {
        Shed::QueueLength => (
            format!("{} requests wait already; try again later", limits.queue_length),
            ("queue-length", limits.queue_length.to_string()),
        ),
        Shed::QueueTime => (
            format!("no instance was free within {}; try again later", limits.queue_time),
            ("queue-time", limits.queue_time.to_string()),
        ),
    };
    Words { kind: "saturated", title: "the server is saturated", detail, limit: Some(limit) }
}

/// A client learns which bound was met; frames and messages of the guest are for the log alone.
fn fault_words(fault: &Fault, limits: &RouteLimits) -> Words {
    const FAILED: &str = "the component failed";
    match fault {
        Fault::Trap(_) | Fault::Refused(_) => {
            Words::plain("trap", FAILED, "the instance trapped and is replaced")
        }
        Fault::NoResponse => Words::plain(
            "bad-response",
            FAILED,
            "the component ended without an answer; the instance is replaced",
        ),
        Fault::Stack(_) => Words::plain(
            "stack-exhausted",
            FAILED,
            "the instance's stack is exhausted; it is replaced",
        ),
        Fault::Memory(_) => Words {
            kind: "memory",
            title: "the component's memory is exhausted",
            detail: format!(
                "the request needs more than {}; the instance is replaced",
                limits.memory
            ),
            limit: Some(("memory", limits.memory.to_string())),
        },
        Fault::RequestTimeout => Words {
            kind: "request-time",
            title: "the component took too long",
            detail: format!(
                "the request took longer than {}, waits included; the instance is replaced",
                limits.request_time
            ),
            limit: Some(("request-time", limits.request_time.to_string())),
        },
        Fault::Deadline => Words {
            kind: "guest-time",
            title: "the component took too long",
            detail: format!(
                "the request ran for longer than {}; the instance is replaced",
                limits.guest_time
            ),
            limit: Some(("guest-time", limits.guest_time.to_string())),
        },
    }
}
