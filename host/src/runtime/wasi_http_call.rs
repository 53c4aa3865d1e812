//! One request and its answer through `wasi:http`: the calls, and how the answer comes back.
//!
//! The guest answers in the middle of its call and goes on: it writes the body, and may work after
//! that. So the answer comes through a channel ([`Reply`]), and the call ends when the guest does.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use hyper::http;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView as _};

use crate::runtime::fault::Fault;
use crate::runtime::store::{Outgoing, StoreData};

/// A request, and where its answer goes.
pub(crate) struct WasiHttpCall {
    pub(crate) request: http::Request<WasiBody>,
    pub(crate) reply: Reply,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The guest failed.
    Fault(Fault),
    /// The guest said an error.
    GuestError(String),
}

pub(crate) type CallResult = Result<http::Response<WasiBody>, CallError>;

/// Where one answer goes, by whoever has it first. One thread uses it; the lock is for a callback that
/// must be `Sync`.
#[derive(Clone)]
pub(crate) struct Reply(Arc<Mutex<Option<oneshot::Sender<CallResult>>>>);

impl Reply {
    pub(crate) fn new() -> (Self, oneshot::Receiver<CallResult>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Whether no answer has been given.
    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Gives the answer, unless one has been given.
    pub(crate) fn send(&self, result: CallResult) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // Who asked may have left.
            let _ = sender.send(result);
        }
    }
}

/// Calls `wasi:http/incoming-handler@0.2`.
pub(crate) async fn proxy(
    store: &mut Store<StoreData>,
    proxy: &Proxy,
    call: WasiHttpCall,
) -> wasmtime::Result<()> {
    let WasiHttpCall { request, reply } = call;
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request)?;
    let out = http.new_response_outparam_from_callback(move |result| {
        let result =
            result.map(|response| response.map(|body| body.map_err(Error::from).boxed_unsync()));
        reply.send(result.map_err(|code| CallError::GuestError(format!("it answered {code:?}"))));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
}

/// Calls `wasi:http/handler@0.3`, and stays until the guest has no more to do and its body is taken:
/// only while somebody waits does anything in the store go on.
pub(crate) async fn service(
    store: &mut Store<StoreData>,
    service: &Service,
    call: WasiHttpCall,
) -> wasmtime::Result<()> {
    let WasiHttpCall { request, reply } = call;
    // It only filters header fields here; the type of what goes on borrows it.
    let mut hooks = Outgoing::nowhere();
    let (request, received) = p3::Request::from_http(&mut hooks, request);
    let conversation = store.run_concurrent(async move |accessor| {
        match service.handle(accessor, request).await? {
            Err(code) => {
                reply.send(Err(CallError::GuestError(format!("it answered {code:?}"))));
            }
            Ok(response) => {
                let response = accessor.with(|store| response.into_http(store, received))?;
                let (taken, end) = oneshot::channel();
                let signalled = |body| BodyEndSignal { body, _taken: taken }.boxed_unsync();
                reply.send(Ok(response.map(signalled)));
                // It is never sent: the body's end is its drop.
                let _: Result<(), _> = end.await;
            }
        }
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        Ok(())
    });
    conversation.await?
}

/// A body whose end is seen.
struct BodyEndSignal {
    body: WasiBody,
    _taken: oneshot::Sender<()>,
}

impl Body for BodyEndSignal {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
