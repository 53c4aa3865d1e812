//! Serves one connection: hyper over a tracked socket.
//!
//! The socket reports to the connection's state ([`ConnectionState`]) when a head begins and when
//! the client stops reading. The worker ends connections that wait for too long.
//!
//! The socket cannot know whether hyper has read a part of the next head together with a request.
//! Hyper shows its buffer only when it is taken apart. So if nothing happens for a while after a
//! response, the connection takes hyper apart, looks, and puts it together again.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy, sink,
};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use crate::config::connection_memory::buffer;
use crate::config::limits::{RequestLimits, ServerLimits};
use crate::http::connection_state::{ConnectionPhase, ConnectionState, Signal};
use crate::http::handler;
use crate::http::problem::{self, Problem};
use crate::http::service::Service;

/// Serves a connection to its end.
pub(crate) async fn serve(service: Rc<Service>, socket: TcpStream, state: Rc<ConnectionState>) {
    // Hyper does not return the socket when a connection ends, but we may still have to write to
    // it.
    let socket = Rc::new(RefCell::new(socket));
    let end = serve_requests(&service, &socket, &state).await;
    let socket = Rc::into_inner(socket).expect("hyper has dropped its half");
    let mut socket = socket.into_inner();
    let goodbye = async {
        match end {
            End::HeadTimeout => refuse_slow_head(&mut socket, service.limits_without_route()).await,
            End::Refused => {}
            End::Finished if state.is_body_unread() => {}
            End::Finished | End::Closed => return,
        }
        linger(&mut socket, service.linger_bytes()).await;
    };
    // Whether it runs out of time or not, the connection ends here.
    let _ = timeout(service.limits.linger_time.0, goodbye).await;
}

async fn serve_requests(
    service: &Rc<Service>,
    socket: &Rc<RefCell<TcpStream>>,
    state: &Rc<ConnectionState>,
) -> End {
    let io = TrackedSocket {
        socket: Rc::clone(socket),
        state: Rc::clone(state),
        read_ahead: Bytes::new(),
    };
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
                return Poll::Ready(Pause::End(End::of(result)));
            }
            let Some(look) = &mut last_look else { return Poll::Pending };
            look.as_mut().poll(context).map(|()| Pause::LastLook)
        })
        .await;
        if let Pause::End(end) = pause {
            return end;
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

/// When the server drains, how long a request may still arrive on an idle connection: those that the client sent
/// before it could know.
const LAST_LOOK: Duration = Duration::from_millis(100);

enum End {
    /// All requests have their responses.
    Finished,
    /// The client sent malformed HTTP. Hyper has responded with 400.
    Refused,
    HeadTimeout,
    Closed,
}

impl End {
    fn of(result: hyper::Result<()>) -> Self {
        match result {
            Ok(()) => Self::Finished,
            Err(error) if error.is_parse() => Self::Refused,
            Err(_) => Self::Closed,
        }
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

/// Tells the client that its head was too slow. Hyper would close the connection without a
/// response.
async fn refuse_slow_head(socket: &mut TcpStream, limits: RequestLimits<'_>) {
    let problem = Problem::HeadTimeout;
    let (status, body) = (problem.status(), problem.json(limits));
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        problem::MEDIA_TYPE,
        body.len()
    );
    let response = [head.into_bytes(), body].concat();
    // An error here only means that the client has disconnected.
    let _ = socket.write_all(&response).await;
}

/// Reads and discards data, so that the client receives the last response. Closing a socket with
/// unread data resets the connection, and the client may then lose the response. A client that
/// sends more than `bytes` does not read responses anyway.
async fn linger(socket: &mut TcpStream, bytes: u64) {
    if socket.shutdown().await.is_err() {
        return;
    }
    let mut unread = socket.take(bytes);
    let _ = copy(&mut unread, &mut sink()).await;
}

/// A socket that records when a head begins and when the client stops reading.
struct TrackedSocket {
    socket: Rc<RefCell<TcpStream>>,
    state: Rc<ConnectionState>,
    /// What an earlier hyper has read and not used. It is read again before the socket.
    read_ahead: Bytes,
}

impl TrackedSocket {
    /// Borrows the socket for one poll. Nothing else uses it while hyper serves the connection.
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<T>) -> Poll<T> {
        poll(Pin::new(&mut self.socket.borrow_mut()))
    }

    fn record_write<T>(&self, poll: Poll<T>) -> Poll<T> {
        // As long as the client does not read, this does not count as progress.
        if poll.is_ready() || !self.state.write_stalls.get() {
            self.state.changed.set(true);
        }
        self.state.write_stalls.set(poll.is_pending());
        poll
    }
}

impl AsyncRead for TrackedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read_ahead.is_empty() {
            let length = self.read_ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.read_ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let poll = self.poll(|socket| socket.poll_read(context, buffer));
        if buffer.filled().len() > before && self.state.phase.get() == ConnectionPhase::Request {
            self.state.enter(ConnectionPhase::Head);
        }
        poll
    }
}

impl AsyncWrite for TrackedSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.record_write(self.poll(|socket| socket.poll_write(context, bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        /// Up to this size, copying head and body together is faster than a vectored write.
        const TOGETHER_MAX: usize = 1024;
        let len = slices.iter().map(|slice| slice.len()).sum();
        if len > TOGETHER_MAX {
            return self
                .record_write(self.poll(|socket| socket.poll_write_vectored(context, slices)));
        }
        let mut together = [0; TOGETHER_MAX];
        let mut end = 0;
        for slice in slices {
            together[end..end + slice.len()].copy_from_slice(slice);
            end += slice.len();
        }
        self.poll_write(context, &together[..len])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_shutdown(context))
    }
}
