//! A socket that stands between hyper and a client. It tells the state of the connection what hyper
//! does, gives hyper one request at a time, and keeps hyper's own words from the client.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::limits::ServerLimits;
use crate::http::connection_state::{ConnectionPhase, ConnectionState};
use crate::http::message_splitter::MessageSplitter;
use crate::http::socket::Socket;

/// With what a client begins HTTP/2 (RFC 9113, 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that records when a head begins and when the client stops reading.
pub(crate) struct TrackedSocket {
    socket: Rc<RefCell<Socket>>,
    state: Rc<ConnectionState>,
    /// What has arrived after the current request. It is read before the socket.
    read_ahead: Bytes,
    /// With HTTP/1.
    splitter: Option<MessageSplitter>,
}

impl TrackedSocket {
    pub(crate) fn new(
        socket: Rc<RefCell<Socket>>,
        state: Rc<ConnectionState>,
        limits: &ServerLimits,
    ) -> Self {
        let splitter = Some(MessageSplitter::new(limits.request_head.bytes()));
        Self { socket, state, read_ahead: Bytes::new(), splitter }
    }

    /// For HTTP/2, of which these bytes were read already.
    pub(crate) fn multiplexed(
        socket: Rc<RefCell<Socket>>,
        state: Rc<ConnectionState>,
        read_ahead: Bytes,
    ) -> Self {
        Self { socket, state, read_ahead, splitter: None }
    }

    /// The head that arrived last, as far as it arrived, and what was read after it.
    pub(crate) fn into_head(self) -> (Vec<u8>, Bytes) {
        (self.splitter.map(MessageSplitter::into_head).unwrap_or_default(), self.read_ahead)
    }

    /// Borrows the socket for one poll. Nothing else uses it at that moment.
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut Socket>) -> Poll<T>) -> Poll<T> {
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

    /// How many of these bytes hyper is given now: at most the rest of one request.
    fn split(&mut self, bytes: &[u8]) -> usize {
        // HTTP/2 has frames.
        let Some(splitter) = &mut self.splitter else { return bytes.len() };
        match self.state.phase.get() {
            ConnectionPhase::Request
                if !(self.state.has_body.get() && splitter.is_within_body()) =>
            {
                splitter.begin_head();
                self.state.enter(ConnectionPhase::Head);
            }
            ConnectionPhase::Request | ConnectionPhase::Head => {}
            ConnectionPhase::Response => {
                // That was a part of the body. Whether the client leaves after it counts again.
                self.state.has_sent_more.set(false);
            }
        }
        let given = splitter.split(bytes);
        self.state.has_fragment.set(splitter.has_fragment());
        self.state.is_head_too_large.set(splitter.is_head_too_large());
        given
    }
}

impl AsyncRead for TrackedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state.phase.get() == ConnectionPhase::Response {
            self.splitter.iter_mut().for_each(MessageSplitter::shrink);
        }
        if !self.read_ahead.is_empty() {
            let arrived = self.read_ahead.clone();
            let length = arrived.len().min(buffer.remaining());
            let given = self.split(&arrived[..length]);
            buffer.put_slice(&arrived[..given]);
            self.read_ahead.advance(given);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(self.poll(|socket| socket.poll_read(context, buffer)))?;
        let arrived = &buffer.filled()[before..];
        if arrived.is_empty() {
            self.state.has_closed_its_half.set(true);
            return Poll::Ready(Ok(()));
        }
        let given = self.split(arrived);
        if given < arrived.len() {
            self.read_ahead = Bytes::copy_from_slice(&arrived[given..]);
            buffer.set_filled(before + given);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TrackedSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.state.keeps_hyper_silent() {
            return Poll::Ready(Ok(bytes.len()));
        }
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
            if self.state.keeps_hyper_silent() {
                return Poll::Ready(Ok(len));
            }
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

    /// Hyper calls this only when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.state.phase.get() {
            ConnectionPhase::Request => {
                self.state.has_written_all();
                self.splitter.iter_mut().for_each(MessageSplitter::shrink);
            }
            ConnectionPhase::Head => self.state.has_written_all(),
            ConnectionPhase::Response => {}
        }
        let poll = self.poll(|socket| socket.poll_flush(context));
        // With TLS, what was written may still be here.
        if poll.is_pending() || self.state.write_stalls.get() {
            self.record_write(poll)
        } else {
            poll
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.is_refused() {
            // The host's own response comes now.
            return Poll::Ready(Ok(()));
        }
        self.poll(|socket| socket.poll_shutdown(context))
    }
}
