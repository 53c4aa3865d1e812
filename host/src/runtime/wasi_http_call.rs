//! Calls of `wasi:http` exports: one request in, one response out.
//!
//! The guest responds in the middle of its call. Then it writes the body, and may continue after
//! that. So the response arrives through a channel ([`Reply`]), and the call returns when the guest
//! does.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

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

use crate::component::guest_text::GuestText;
use crate::runtime::fault::Fault;
use crate::runtime::store::{Outgoing, StoreData};

/// A request, and the channel for its response.
pub(crate) struct WasiHttpCall {
    pub(crate) request: http::Request<WasiBody>,
    pub(crate) reply: Reply,
}

/// Why a call has no response.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The guest failed.
    Fault(Fault),
    /// The guest returned an error instead of a response.
    GuestError(GuestText),
}

/// A response, or why there is none.
pub(crate) type CallResult = Result<http::Response<WasiBody>, CallError>;

/// The channel for one response. Only the first result is sent. One thread uses it; the lock is
/// there because wasmtime's callback must be `Sync`.
#[derive(Clone)]
pub(crate) struct Reply(Arc<Mutex<Option<oneshot::Sender<CallResult>>>>);

impl Reply {
    pub(crate) fn new() -> (Self, oneshot::Receiver<CallResult>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Whether no result has been sent yet.
    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Sends the result, unless one was sent before.
    pub(crate) fn send(&self, result: CallResult) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The receiver is gone if the client has left.
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
        reply.send(result.map_err(|code| CallError::GuestError(GuestText::debug(code))));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
}

/// Calls `wasi:http/handler@0.3`, and returns when the guest has no more tasks and its body has
/// been read. The store makes progress only while this future is polled.
///
/// True if the guest would begin another call at once. False if it still asks for backpressure:
/// nothing of it runs any more that could end that, so another call would never begin.
pub(crate) async fn service(
    store: &mut Store<StoreData>,
    service: &Service,
    call: WasiHttpCall,
) -> wasmtime::Result<bool> {
    let WasiHttpCall { request, reply } = call;
    // This only filters header fields. The future below borrows it.
    let mut hooks = Outgoing::nowhere();
    let (request, received) = p3::Request::from_http(&mut hooks, request);
    let handle = *service.wasi_http_handler().func_handle().func();
    let call = store.run_concurrent(async move |accessor| {
        match service.handle(accessor, request).await? {
            Err(code) => {
                reply.send(Err(CallError::GuestError(GuestText::debug(code))));
            }
            Ok(response) => {
                let response = accessor.with(|store| response.into_http(store, received))?;
                let (dropped, end) = oneshot::channel();
                let signalled = |body| BodyEndSignal { body, _end: dropped }.boxed_unsync();
                reply.send(Ok(response.map(signalled)));
                // Nothing is ever sent: the sender is dropped with the body.
                let _: Result<(), _> = end.await;
            }
        }
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        let mut context = Context::from_waker(Waker::noop());
        Ok(accessor.poll_ready_for_concurrent_call(handle, &mut context).is_ready())
    });
    call.await?
}

/// A body that signals its end when it is dropped.
struct BodyEndSignal {
    body: WasiBody,
    _end: oneshot::Sender<()>,
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
