//! The texts of the host's error responses.

use std::fmt;

use crate::config::limits::RouteLimits;
use crate::config::units::Size;
use crate::http::decoding::coding::{CODINGS, Undecodable};
use crate::pool::clients::Excess;
use crate::pool::policy::Shed;
use crate::runtime::fault::Fault;

pub(super) const SATURATED: &str = "the server is saturated";

/// The texts of a problem. `limit` is a limit's name and its value.
pub(super) struct Words {
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
    pub(super) limit: Option<(&'static str, String)>,
}

impl Words {
    pub(super) fn plain(kind: &'static str, title: &'static str, detail: &str) -> Self {
        Self { kind, title, detail: detail.to_owned(), limit: None }
    }

    /// The texts for an exceeded limit. The detail contains the limit between two texts.
    pub(super) fn of_limit(
        kind: &'static str,
        title: &'static str,
        [before, after]: [&str; 2],
        (key, value): (&'static str, &dyn fmt::Display),
    ) -> Self {
        let detail = format!("{before} {key} = {value}{after}");
        Self { kind, title, detail, limit: Some((key, value.to_string())) }
    }
}

pub(super) fn undecodable_words(why: Undecodable, limits: &RouteLimits) -> Words {
    match why {
        Undecodable::Unsupported => Words::plain(
            "unsupported-coding",
            "the coding of the request body is not supported",
            &format!("expected one content-encoding of {CODINGS}, or none"),
        ),
        Undecodable::Flawed(coding, flaw) => Words::plain(
            "bad-coding",
            "the request body cannot be decoded",
            &format!("expected a body in {coding}, as content-encoding says, got {flaw}"),
        ),
        Undecodable::Ratio => Words::of_limit(
            "decoding-ratio",
            "the request body expands too much",
            ["the ratio of its decoded to its encoded bytes exceeds", ""],
            ("decoding-ratio", &limits.decoding_ratio),
        ),
    }
}

pub(super) fn shed_words(shed: Shed, limits: &RouteLimits) -> Words {
    let (detail, limit): (_, (_, &dyn fmt::Display)) = match shed {
        Shed::QueueLength => {
            (["the queue is full:", "; try again later"], ("queue-length", &limits.queue_length))
        }
        Shed::QueueTime => (
            ["no instance was free within", "; try again later"],
            ("queue-time", &limits.queue_time),
        ),
    };
    Words::of_limit("saturated", SATURATED, detail, limit)
}

pub(super) fn client_words(excess: Excess, limits: &RouteLimits) -> Words {
    let (detail, limit): (_, (_, &dyn fmt::Display)) = match excess {
        Excess::Rate(_) => (
            ["this client sent requests more often than", "; try again later"],
            ("client-rate", &limits.client_rate),
        ),
        Excess::Requests => (
            ["this client has as many requests in progress as", " allows; try again later"],
            ("client-requests", &limits.client_requests),
        ),
    };
    Words::of_limit("too-many-requests", "the client sent too many requests", detail, limit)
}

/// The client is told which limit was exceeded. Stack frames and messages of the guest go only to
/// the log.
pub(super) fn fault_words(fault: &Fault, limits: &RouteLimits) -> Words {
    const FAILED: &str = "the component failed";
    const TOO_LONG: &str = "the component took too long";
    const EXHAUSTED: &str = "the component's memory is exhausted";
    match fault {
        Fault::Trap(_) | Fault::Panic { .. } | Fault::Refused(_) => {
            Words::plain("trap", FAILED, "the instance trapped and is replaced")
        }
        Fault::NoResponse => Words::plain(
            "bad-response",
            FAILED,
            "the component returned no response; the instance is replaced",
        ),
        Fault::Stack(_) => Words::plain(
            "stack-exhausted",
            FAILED,
            "the instance used up its stack and is replaced",
        ),
        Fault::Handles(_) => Words::of_limit(
            "handles",
            FAILED,
            ["the request needs more handles than", "; the instance is replaced"],
            ("guest-handles", &limits.guest_handles),
        ),
        Fault::Memory(_) => Words::of_limit(
            "memory",
            EXHAUSTED,
            ["the request needs more than", "; the instance is replaced"],
            ("memory", &limits.memory),
        ),
        // The limit is shown, but does not decide: the component cannot grow its memory to it.
        Fault::OwnMemory(bytes, _) => Words {
            kind: "memory",
            title: EXHAUSTED,
            detail: format!(
                "the request needs more than the component's own memory of {}, which it does not \
                 grow to memory = {}; the instance is replaced",
                Size(*bytes),
                limits.memory
            ),
            limit: Some(("memory", limits.memory.to_string())),
        },
        Fault::ConfigureTimeout => Words::of_limit(
            "configure-time",
            TOO_LONG,
            ["the start of the instance took longer than", ""],
            ("configure-time", &limits.configure_time),
        ),
        Fault::RequestTimeout => Words::of_limit(
            "request-time",
            TOO_LONG,
            ["the request took longer than", ", including waits; the instance is replaced"],
            ("request-time", &limits.request_time),
        ),
        Fault::Deadline => Words::of_limit(
            "guest-time",
            TOO_LONG,
            ["the request ran for longer than", "; the instance is replaced"],
            ("guest-time", &limits.guest_time),
        ),
    }
}
