//! The body of a response from a `wasi:http` component, and the call that writes it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_local, yield_now};
use tokio::time::timeout;
use wasmtime_wasi_http::WasiBody;

use crate::http::body::Aborted;
use crate::http::connection_state::ConnectionState;
use crate::http::problem::Problem;
use crate::http::service::Service;
use crate::http::wasi_http_request::Progress;
use crate::pool::body_budget::BodyBudget;
use crate::pool::slots::Slots;
use crate::runtime::request_ids::RequestIds;

/// The guest's call. Its result says whether it succeeded. Dropping it cancels the call.
pub(crate) struct Task(Option<JoinHandle<bool>>);

impl Task {
    pub(crate) fn new(call: JoinHandle<bool>) -> Self {
        Self(Some(call))
    }

    /// Lets the call continue on its own, within its limits.
    pub(crate) fn detach(mut self) {
        self.0 = None;
    }

    /// Lets the call continue on its own, but cancels it after this time.
    fn end_within(mut self, time: Duration) {
        let Some(call) = self.0.take() else { return };
        spawn_local(async move {
            let cancel = call.abort_handle();
            if timeout(time, call).await.is_err() {
                cancel.abort();
            }
        });
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// A response's body as hyper reads it from the guest.
pub(crate) struct ResponseBody {
    body: WasiBody,
    /// What was read before the head was sent.
    ahead: VecDeque<Frame<Bytes>>,
    /// Whether all of the body was read.
    is_complete: bool,
    /// Whether the response cannot be completed.
    is_cut: bool,
    /// Whether that is because the memory for bodies is full.
    is_saturated: bool,
    /// Whether nothing more will be sent to the client.
    ended: bool,
    /// How many bytes are still to be sent, if the response has a `content-length`.
    left: Option<u64>,
    task: Option<Task>,
    budget: Arc<BodyBudget>,
    request: OfRequest,
}

/// What a response has of its request.
pub(crate) struct OfRequest {
    pub(crate) slots: Rc<Slots>,
    pub(crate) connection: Rc<ConnectionState>,
    pub(crate) ids: RequestIds,
    pub(crate) progress: Arc<Progress>,
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.is_complete {
            return Poll::Ready(None);
        }
        if self.is_cut {
            return Poll::Ready(Some(Err(Aborted)));
        }
        let poll = self.poll_guest(context);
        if matches!(poll, Poll::Ready(Some(Err(Aborted)))) {
            // Hyper first sends what it has, as the response waits. Else it would drop it, even the head.
            self.is_cut = true;
            self.request.slots.response_was_cut(&|| self.request.ids);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && (self.is_complete || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64);
        let (ahead, left) = (ahead.sum::<u64>(), self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(ahead + left.lower());
        if let Some(upper) = left.upper() {
            hint.set_upper(ahead + upper);
        }
        hint
    }
}

impl ResponseBody {
    /// `announced` is the length that the guest has announced. It is 0 where nothing is sent, as after HEAD.
    pub(crate) fn new(
        body: WasiBody,
        announced: Option<u64>,
        task: Task,
        service: &Service,
        request: OfRequest,
    ) -> Self {
        let ended = announced == Some(0);
        let task = if ended {
            // Nobody reads the body: the guest may finish, but not keep its slot for as long as it likes.
            task.end_within(service.limits.linger_time.0);
            None
        } else {
            Some(task)
        };
        Self {
            body,
            ahead: VecDeque::new(),
            is_complete: false,
            is_cut: false,
            is_saturated: false,
            ended,
            left: announced,
            task,
            budget: Arc::clone(&request.slots.bodies),
            request,
        }
    }

    /// Reads the first piece that the guest has ready, or all of a short body with a known length. If the response
    /// cannot be completed, this is known before its head is sent, and the client gets an error status.
    ///
    /// # Errors
    ///
    /// If the response ended before it was complete.
    pub(crate) async fn look_ahead(&mut self) -> Result<(), Problem> {
        /// The length of a short body.
        const BYTES_MAX: u64 = 16 << 10;
        /// How often the guest may run on, to write a short body.
        const TURNS: usize = 8;
        let is_short = self.left.is_some_and(|left| left <= BYTES_MAX);
        let mut turns = if is_short { TURNS } else { 0 };
        while !self.ended && !self.is_complete && (is_short || self.ahead.is_empty()) {
            match poll_fn(|context| Poll::Ready(self.poll_guest(context))).await {
                Poll::Pending if turns == 0 => break,
                Poll::Pending => {
                    turns -= 1;
                    yield_now().await;
                }
                Poll::Ready(None) => self.is_complete = true,
                Poll::Ready(Some(Ok(frame))) => self.ahead.push_back(frame),
                Poll::Ready(Some(Err(Aborted))) => return Err(self.cause()),
            }
        }
        Ok(())
    }

    /// Why the response cannot be completed.
    fn cause(&self) -> Problem {
        match self.request.progress.problem() {
            Some(problem) => problem,
            None if self.is_saturated => Problem::BodiesSaturated,
            None => Problem::BadResponse("the response ended before it was complete".to_owned()),
        }
    }

    /// The next part of the body, from the guest.
    fn poll_guest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self;
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending if this.poll_call(context).is_pending() => return Poll::Pending,
            Poll::Pending => {
                // The guest returned without closing its body stream: no more data can come.
                this.ended = true;
                return Poll::Ready(Some(Err(Aborted)));
            }
            Poll::Ready(None) => {
                this.ended = true;
                // Abort the response if the request body was incomplete or the guest failed, so
                // that a truncated response cannot pass for a complete one.
                let is_truncated = this.left.is_some_and(|left| left > 0)
                    || this.request.progress.problem().is_some()
                    || this.poll_call(context) == Poll::Ready(false);
                return Poll::Ready(is_truncated.then_some(Err(Aborted)));
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!("a response was truncated: {error}");
                // The guest has returned, or fails at its next write.
                this.ended = true;
                return Poll::Ready(Some(Err(Aborted)));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => {
                if let Some(left) = &mut this.left {
                    *left = left.saturating_sub(data.len() as u64);
                    this.ended |= *left == 0;
                }
                let held = this.budget.hold(data);
                this.is_saturated = held.is_none();
                held.map(Frame::data).ok_or(Aborted)
            }
            Err(trailers) => Ok(trailers),
        }))
    }

    /// Whether the guest's call succeeded, once it has ended. Its store is dropped in the same
    /// poll, before the body can report its end.
    fn poll_call(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(Task(Some(call))) = &mut self.task else { return Poll::Pending };
        let ended = Pin::new(call).poll(context).map(|ended| ended.unwrap_or(false));
        if ended.is_ready() {
            // A finished task must not be polled again.
            self.task = None;
        }
        ended
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(task) = self.task.take()
            && (self.ended || self.body.is_end_stream())
        {
            task.detach();
        }
        if !self.request.progress.is_complete() {
            self.request.connection.leaves_body_unread();
        }
    }
}
