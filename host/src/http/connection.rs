//! One connection: hyper over a watched socket.
//!
//! A connection is always in one state ([`Waits`]). The worker looks at all connections now and then,
//! notes since when each has been as it is, and ends those that wait for too long. So no request
//! costs a timer or a look at the clock, and no client can hold a connection by being slow.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::limits::Limits;
use crate::http::handler;
use crate::server::worker::Worker;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// For the first byte of a request.
    Request,
    /// For the rest of a head.
    Head,
    /// For the answer. Its own limits apply.
    Answer,
}

/// What the worker wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Answer what was asked, then close.
    Drain,
    /// Close: the head did not come in time.
    HeadTimeout,
    /// Close: nothing came, or nothing was read, for too long.
    Close,
}

/// What is known of a connection. Shared by its socket, its requests and the worker.
pub(crate) struct Activity {
    waits: Cell<Waits>,
    /// Whether that has changed, or the client has taken something, since the worker looked last.
    changed: Cell<bool>,
    /// When the worker first saw the connection as it is.
    since: Cell<Instant>,
    /// Whether something waits for the client to read.
    write_stalls: Cell<bool>,
    /// Whether a request was answered before its body was read.
    body_unread: Cell<bool>,
    signal: Cell<Option<Signal>>,
    waker: RefCell<Option<Waker>>,
}

impl Activity {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            waits: Cell::new(Waits::Request),
            changed: Cell::new(false),
            since: Cell::new(Instant::now()),
            write_stalls: Cell::new(false),
            body_unread: Cell::new(false),
            signal: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    /// A head has come. The request ends when what this returns is dropped, with the response.
    pub(crate) fn begin_request(self: &Rc<Self>) -> EndOfRequest {
        self.wait(Waits::Answer);
        EndOfRequest(Rc::clone(self))
    }

    fn wait(&self, waits: Waits) {
        self.waits.set(waits);
        self.changed.set(true);
    }

    pub(crate) fn leaves_body_unread(&self) {
        self.body_unread.set(true);
    }

    pub(crate) fn is_body_unread(&self) -> bool {
        self.body_unread.get()
    }

    /// Ends the connection once what runs is answered.
    pub(crate) fn drain(&self) {
        self.send(Signal::Drain);
    }

    /// Ends the connection if it waits for too long.
    pub(crate) fn check(&self, now: Instant, limits: &Limits) {
        if self.changed.take() {
            self.since.set(now);
        }
        let waited = now.saturating_duration_since(self.since.get());
        if self.write_stalls.get() {
            if waited > limits.response_time.0 {
                self.send(Signal::Close);
            }
            return;
        }
        match self.waits.get() {
            Waits::Head if waited > limits.head_time.0 => self.send(Signal::HeadTimeout),
            Waits::Request if waited > limits.idle_time.0 => self.send(Signal::Close),
            Waits::Request | Waits::Head | Waits::Answer => {}
        }
    }

    fn send(&self, signal: Signal) {
        self.signal.set(Some(signal));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The signal that has come, if any. The task is woken when the next one comes.
    fn poll_signal(&self, context: &Context<'_>) -> Option<Signal> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.signal.take()
    }
}

/// A request that is being answered.
pub(crate) struct EndOfRequest(Rc<Activity>);

impl Drop for EndOfRequest {
    fn drop(&mut self) {
        self.0.wait(Waits::Request);
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, socket: TcpStream, activity: Rc<Activity>) {
    // Hyper keeps no socket back when a connection ends, and the last words are sometimes ours.
    let socket = Rc::new(RefCell::new(socket));
    let end = converse(&worker, &socket, &activity).await;
    let socket = Rc::into_inner(socket).expect("hyper's half ended with the conversation");
    let mut socket = socket.into_inner();
    match end {
        End::HeadTimeout => refuse_slow_head(&mut socket, &worker.limits).await,
        End::Refused => {}
        End::Answered if activity.body_unread.get() => {}
        End::Answered | End::Closed => return,
    }
    linger(socket, &worker.limits).await;
}

async fn converse(
    worker: &Rc<Worker>,
    socket: &Rc<RefCell<TcpStream>>,
    activity: &Rc<Activity>,
) -> End {
    let io = Watched { socket: Rc::clone(socket), activity: Rc::clone(activity) };
    let service =
        service_fn(|request| handler::answer(Rc::clone(worker), Rc::clone(activity), request));
    let mut connection = pin!(builder(&worker.limits).serve_connection(TokioIo::new(io), service));
    if worker.is_draining() {
        activity.drain();
    }
    poll_fn(|context| {
        match activity.poll_signal(context) {
            None => {}
            Some(Signal::Drain) => connection.as_mut().graceful_shutdown(),
            Some(Signal::HeadTimeout) => return Poll::Ready(End::HeadTimeout),
            Some(Signal::Close) => return Poll::Ready(End::Closed),
        }
        connection.as_mut().poll(context).map(|result| match result {
            Ok(()) => End::Answered,
            Err(error) if error.is_parse() => End::Refused,
            Err(_) => End::Closed,
        })
    })
    .await
}

enum End {
    /// All requests are answered.
    Answered,
    /// What came is no HTTP; hyper has said so.
    Refused,
    HeadTimeout,
    Closed,
}

fn builder(limits: &Limits) -> http1::Builder {
    /// Hyper's own bounds are wider than ours, so that our answer, which says more, comes first.
    const SLACK: usize = 2;
    /// What hyper reads at once, and so the size of a batch of records.
    const BUFFER_BYTES: usize = 64 << 10;
    /// Hyper parses that many fields on its stack.
    const FIELDS_ON_STACK: usize = 100;
    let head_bytes = SLACK * limits.request_head.bytes();
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    builder.max_header_size(head_bytes).max_buf_size(head_bytes.max(BUFFER_BYTES));
    if limits.request_headers >= FIELDS_ON_STACK {
        builder.max_headers(SLACK * limits.request_headers);
    }
    builder
}

/// Hyper closes without a word when a head is slow; a client deserves to know why.
async fn refuse_slow_head(socket: &mut TcpStream, limits: &Limits) {
    let body = format!(
        "{{\"type\":\"urn:arenaria:problem:timeout\",\"title\":\"the head came too slowly\",\"status\":408,\
         \"detail\":\"the head did not arrive within {0}\",\"limit\":\"head-time\",\"value\":\"{0}\"}}",
        limits.head_time
    );
    let head = format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = [head, body].concat();
    // The socket's buffer takes so little at once or the client is not reading at all.
    let _ = timeout(Duration::from_millis(100), socket.write_all(answer.as_bytes())).await;
}

/// Reads on for a while, so that the last answer is not lost: closing a socket that has unread
/// bytes resets it, and a reset takes along what the client has not read yet.
async fn linger(mut socket: TcpStream, limits: &Limits) {
    const TIME: Duration = Duration::from_secs(2);
    if socket.shutdown().await.is_err() {
        return;
    }
    let mut left = limits.request_body.bytes().saturating_mul(4);
    let mut scrap = vec![0; 16 << 10];
    let read_on = async {
        while let Ok(count @ 1..) = socket.read(&mut scrap).await {
            left = left.saturating_sub(count);
            if left == 0 {
                break;
            }
        }
    };
    // Either way the connection ends here.
    let _ = timeout(TIME, read_on).await;
}

/// A socket that notes when a head begins and when the client stops reading.
struct Watched {
    socket: Rc<RefCell<TcpStream>>,
    activity: Rc<Activity>,
}

impl Watched {
    /// The socket, borrowed for one poll: nobody else uses it while the conversation lasts.
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut TcpStream>) -> Poll<T>) -> Poll<T> {
        poll(Pin::new(&mut self.socket.borrow_mut()))
    }

    fn note_write<T>(&self, poll: Poll<T>) -> Poll<T> {
        // While the client takes nothing, nothing changes.
        if poll.is_ready() || !self.activity.write_stalls.get() {
            self.activity.changed.set(true);
        }
        self.activity.write_stalls.set(poll.is_pending());
        poll
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = self.poll(|socket| socket.poll_read(context, buffer));
        if buffer.filled().len() > before && self.activity.waits.get() == Waits::Request {
            self.activity.wait(Waits::Head);
        }
        poll
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note_write(self.poll(|socket| socket.poll_write(context, bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        /// Up to here it is cheaper to copy head and body together than to pass two addresses.
        const TOGETHER_MAX: usize = 1024;
        let len = slices.iter().map(|slice| slice.len()).sum();
        if len > TOGETHER_MAX {
            return self
                .note_write(self.poll(|socket| socket.poll_write_vectored(context, slices)));
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
