//! HTTP/1 on one connection: hyper over a tracked socket.
//!
//! The socket reports to the connection's state ([`ConnectionState`]) when a head begins and when
//! the client stops reading. The worker ends connections that wait for too long.
//!
//! The socket cannot know whether hyper has read a part of the next head together with a request.
//! Hyper shows its buffer only when it is taken apart. So if nothing happens for a while after a
//! response, the connection takes hyper apart, looks, and puts it together again.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

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

/// Serves requests until the connection ends.
pub(crate) async fn serve_requests(
    service: &Rc<Service>,
    socket: &Rc<RefCell<Socket>>,
    state: &Rc<ConnectionState>,
) -> End {
    let io = TrackedSocket::new(Rc::clone(socket), Rc::clone(state));
    let handle =
        service_fn(|request| handler::handle(Rc::clone(service), Rc::clone(state), request));
    let builder = builder(&service.limits);
    let mut hyper = builder.serve_connection(TokioIo::new(io), handle);
    // On the heap, because few connections see a drain.
    let mut last_look: Option<Pin<Box<Sleep>>> = None;
    loop {
        let pause = poll_fn(|context| {
            match state.poll_signal(context) {
                None => {}
                Some(Signal::Drain) => last_look = Some(Box::pin(sleep(LAST_LOOK))),
                Some(Signal::LookAhead) => return Poll::Ready(Pause::Look),
                Some(Signal::HeadTimeout) => return Poll::Ready(Pause::End(End::HeadTimeout)),
                Some(Signal::Close) => return Poll::Ready(Pause::End(End::Closed)),
            }
            if let Poll::Ready(result) = Pin::new(&mut hyper).poll(context) {
                return Poll::Ready(Pause::End(end_of(result)));
            }
            let Some(look) = &mut last_look else { return Poll::Pending };
            look.as_mut().poll(context).map(|()| Pause::LastLook)
        })
        .await;
        if let Pause::End(end) = pause {
            let is_http2 = matches!(end, End::Refused) && !state.has_begun.get();
            let read = is_http2.then(|| hyper.into_parts().read_buf);
            let preface = read.filter(|read| read.starts_with(PREFACE));
            return preface.map_or(end, End::Http2);
        }
        if state.is_between_requests() {
            let http1::Parts { io, read_buf, service, .. } = hyper.into_parts();
            let mut io = io.into_inner();
            if !read_buf.is_empty() {
                state.has_part_of_head();
                io.read_ahead = read_buf;
            }
            hyper = builder.serve_connection(TokioIo::new(io), service);
        }
        if let Pause::LastLook = pause {
            last_look = None;
            // Hyper would close a connection in the middle of a head. The response to that head says
            // that the connection is closed.
            if state.phase.get() != ConnectionPhase::Head {
                Pin::new(&mut hyper).graceful_shutdown();
            }
        }
    }
}

/// Why hyper is not polled for a moment.
enum Pause {
    /// The connection ends.
    End(End),
    /// Nothing has happened for a while. See whether a part of a head was read.
    Look,
    /// The same, before the server ends.
    LastLook,
}

fn end_of(result: hyper::Result<()>) -> End {
    match result {
        Ok(()) => End::Finished,
        Err(error) if error.is_parse() => End::Refused,
        Err(_) => End::Closed,
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
    builder.header_read_timeout(None);
    builder.max_header_size(bytes).max_buf_size(bytes);
    if limits.request_headers >= FIELDS_ON_STACK {
        builder.max_headers(SLACK * limits.request_headers);
    }
    builder
}
