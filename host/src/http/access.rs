//! The access log: a line of the log for each request, when its response has ended. It is off unless the operator
//! wants it, because it costs each request, and may tell of persons.
//!
//! A line never has the query or a header field but the trace, which is 32 digits: they may hold secrets.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Frame;
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};
use tracing::field::display;
use tracing::info;

use crate::component::guest_text::GuestText;
use crate::config::log::{AccessConfig, AccessLog};
use crate::http::meter::{Meter, Times, milliseconds};
use crate::pool::stats::CLIENT_LEFT;
use crate::runtime::request_ids::RequestIds;

/// Which requests have a line. All workers share it, and a reload may change it.
#[derive(Debug, Default)]
pub(crate) struct AccessSwitch(
    /// [`OFF`], [`ERRORS`], or of how many requests one has a line.
    AtomicU64,
);

const OFF: u64 = 0;
const ERRORS: u64 = u64::MAX;

/// The access log of a worker.
#[derive(Clone)]
pub(crate) struct Accesses {
    switch: Arc<AccessSwitch>,
    /// How many requests there were that did not fail.
    seen: Rc<Cell<u64>>,
}

/// A request. Its line is written when this is dropped, with its response.
pub(crate) struct Access {
    log: Accesses,
    meter: Meter,
    method: GuestText,
    path: GuestText,
    version: Version,
    route: Option<String>,
    client: Option<IpAddr>,
    ids: RequestIds,
    status: u16,
    /// The bytes of the response's body that hyper has taken.
    sent: u64,
    is_cut: bool,
}

impl AccessSwitch {
    pub(crate) fn new(config: AccessConfig) -> Arc<Self> {
        let switch = Self::default();
        switch.replace(config);
        Arc::new(switch)
    }

    /// From now on, these requests have a line. True if they were others before.
    pub(crate) fn replace(&self, config: AccessConfig) -> bool {
        let every = match config.which {
            AccessLog::Off => OFF,
            AccessLog::Errors => ERRORS,
            AccessLog::All => config.sample,
        };
        self.0.swap(every, Relaxed) != every
    }
}

impl Accesses {
    pub(crate) fn new(switch: Arc<AccessSwitch>) -> Self {
        Self { switch, seen: Rc::default() }
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.switch.0.load(Relaxed) != OFF
    }

    /// A request begins.
    #[cold]
    pub(crate) fn begin(
        &self,
        head: &Parts,
        route: Option<&str>,
        client: Option<IpAddr>,
        ids: RequestIds,
        meter: Meter,
    ) -> Box<Access> {
        Box::new(Access {
            log: self.clone(),
            meter,
            method: GuestText::name(head.method.as_str()),
            path: GuestText::new(head.uri.path()),
            version: head.version,
            route: route.map(str::to_owned),
            client,
            ids,
            status: CLIENT_LEFT,
            sent: 0,
            is_cut: false,
        })
    }

    /// A request without a valid head was refused.
    pub(crate) fn refused(&self, client: Option<IpAddr>, status: StatusCode) {
        if self.is_on() && self.admits(status.is_server_error()) {
            let (status, client) = (status.as_u16(), client.map(display));
            info!(target: "arenaria::access", status, client, "request");
        }
    }

    /// Whether a request has a line. Counts it.
    fn admits(&self, is_error: bool) -> bool {
        match self.switch.0.load(Relaxed) {
            OFF => false,
            _ if is_error => true,
            ERRORS => false,
            every => {
                let seen = self.seen.get();
                self.seen.set(seen.wrapping_add(1));
                seen.is_multiple_of(every)
            }
        }
    }
}

impl Access {
    pub(crate) fn responded(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// Hyper has polled the response's body.
    pub(crate) fn polled<E>(&mut self, poll: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        match poll {
            Poll::Ready(Some(Ok(frame))) => {
                self.sent += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            Poll::Ready(Some(Err(_))) => self.is_cut = true,
            Poll::Ready(None) | Poll::Pending => {}
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if !self.log.admits(self.is_cut || self.status >= 500) {
            return;
        }
        let Times { queue, guest } = self.meter.times();
        info!(
            target: "arenaria::access",
            method = %self.method,
            path = %self.path,
            route = self.route.as_deref(),
            status = self.status,
            cut = self.is_cut.then_some(true),
            version = ?self.version,
            client = self.client.map(display),
            "duration-ms" = milliseconds(self.meter.total()),
            "queue-ms" = queue.map(milliseconds),
            "guest-ms" = guest.map(milliseconds),
            "request-bytes" = self.meter.received_bytes(),
            "response-bytes" = self.sent,
            "request-id" = %self.ids.request_id(),
            "trace-id" = %self.ids.trace_id(),
            "request"
        );
    }
}
