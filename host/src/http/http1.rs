//! HTTP/1 on one connection: hyper over a tracked socket.
//!
//! The socket reports to the connection's state ([`ConnectionState`]) when a head begins and when
//! the client stops reading. The worker ends connections that wait for too long.
//!
//! Hyper does not read while a request is in progress. So a client may close its sending direction after a whole request,
//! and gets its response. The connection watches for a client that resets it instead.
//!
//! Hyper's own responses to malformed heads have no body. The socket keeps them back, and the connection ends with the
//! head, so that the host can say what is wrong with it.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Sleep, sleep};

use crate::config::connection_memory::buffer;
use crate::config::limits::ServerLimits;
use crate::http::connection_end::{End, LAST_LOOK};
use crate::http::connection_state::{ConnectionPhase, ConnectionState, Signal};
use crate::http::handler;
use crate::http::service::Service;
use crate::http::socket::Socket;
use crate::http::tracked_socket::{PREFACE, TrackedSocket};

/// The part of [`PREFACE`] that hyper refuses, even if the rest has not arrived.
const PREFACE_BEGIN: &[u8] = b"PRI * HTTP/2";

/// Serves requests until the connection ends.
pub(crate) async fn serve_requests(
    service: &Rc<Service>,
    socket: &Rc<RefCell<Socket>>,
    state: &Rc<ConnectionState>,
) -> End {
    let io = TrackedSocket::new(Rc::clone(socket), Rc::clone(state), &service.limits);
    let handle =
        service_fn(|request| handler::handle(Rc::clone(service), Rc::clone(state), request));
    let builder = builder(&service.limits);
    let mut hyper = builder.serve_connection(TokioIo::new(io), handle);
    // On the heap, because few connections see a drain.
    let mut last_look: Option<Pin<Box<Sleep>>> = None;
    let mut was_idle = false;
    let end = poll_fn(|context| {
        match state.poll_signal(context) {
            None => {}
            Some(Signal::Drain) => last_look = Some(begin_look(context)),
            Some(Signal::HeadTimeout) => return Poll::Ready(End::HeadTimeout),
            Some(Signal::Close) => return Poll::Ready(End::Closed),
        }
        if let Some(look) = &mut last_look
            && look.as_mut().poll(context).is_ready()
        {
            last_look = match state.phase.get() {
                // A server that had no time to read it learns of the request after this.
                ConnectionPhase::Request if socket.borrow().has_unread() => {
                    Some(begin_look(context))
                }
                // Hyper would close a connection in the middle of a head. The response to that head says
                // that the connection is closed.
                ConnectionPhase::Head => None,
                phase @ (ConnectionPhase::Request | ConnectionPhase::Response) => {
                    was_idle = phase == ConnectionPhase::Request && !state.write_stalls.get();
                    Pin::new(&mut hyper).graceful_shutdown();
                    None
                }
            };
        }
        if let Poll::Ready(result) = Pin::new(&mut hyper).poll(context) {
            let is_in_head = state.phase.get() == ConnectionPhase::Head && state.all_written.get();
            return Poll::Ready(match result {
                Ok(()) if was_idle || state.has_closed_its_half.get() => End::Finished,
                Ok(()) => End::LastResponse,
                Err(error) if is_in_head && error.is_incomplete_message() => {
                    End::CutOff(Vec::new())
                }
                Err(_) => End::Closed,
            });
        }
        if has_left(state, &socket.borrow(), context) {
            return Poll::Ready(End::Closed);
        }
        Poll::Pending
    })
    .await;
    if matches!(end, End::Closed | End::Finished | End::LastResponse) && state.is_refused() {
        let (head, rest) = hyper.into_parts().io.into_inner().into_head();
        let is_first = !state.has_begun.get();
        if is_first && head.starts_with(PREFACE_BEGIN) && PREFACE.starts_with(&head) {
            return End::Http2([&head, &rest[..]].concat());
        }
        return End::Refused(head);
    }
    if matches!(end, End::CutOff(_)) {
        let (head, _) = hyper.into_parts().io.into_inner().into_head();
        // An empty line before the end is not a request.
        return if head.is_empty() { End::Closed } else { End::CutOff(head) };
    }
    end
}

/// The time in which a request may still arrive. Its end wakes the task.
fn begin_look(context: &mut Context<'_>) -> Pin<Box<Sleep>> {
    let mut look = Box::pin(sleep(LAST_LOOK));
    // It is not over yet, and its waker is set.
    let _ = look.as_mut().poll(context);
    look
}

/// Whether the client has reset the connection during a request. Until something is written to a client that has only
/// closed its sending direction, nothing tells whether it still reads.
fn has_left(state: &ConnectionState, socket: &Socket, context: &mut Context<'_>) -> bool {
    if state.phase.get() != ConnectionPhase::Response || state.has_sent_more.get() {
        return false;
    }
    match socket.poll_sent(context) {
        Poll::Pending => false,
        Poll::Ready(Ok(())) => {
            state.has_sent_more.set(true);
            false
        }
        Poll::Ready(Err(_)) => true,
    }
}

/// Hyper, with the server's limits on request heads.
pub(crate) fn builder(limits: &ServerLimits) -> http1::Builder {
    /// Hyper's limit is wider than ours, so that our error response, which says more, comes first.
    const SLACK: usize = 2;
    /// Hyper parses up to this many fields on its stack.
    const FIELDS_ON_STACK: usize = 100;
    let bytes = buffer(limits.request_head).bytes();
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).half_close(true);
    builder.max_header_size(bytes).max_buf_size(bytes);
    if limits.request_headers >= FIELDS_ON_STACK {
        builder.max_headers(SLACK * limits.request_headers);
    }
    builder
}
