//! A socket that tells the state of its connection what hyper does with it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::connection_state::ConnectionState;
use crate::http::socket::Socket;

/// With what a client begins HTTP/2 (RFC 9113, 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket that records when a head begins and when the client stops reading.
pub(crate) struct TrackedSocket {
    socket: Rc<RefCell<Socket>>,
    state: Rc<ConnectionState>,
    /// What an earlier hyper has read and not used. It is read again before the socket.
    pub(crate) read_ahead: Bytes,
    /// Until it is clear whether the client speaks HTTP/2: what was read.
    beginning: Option<Vec<u8>>,
}

impl TrackedSocket {
    pub(crate) fn new(socket: Rc<RefCell<Socket>>, state: Rc<ConnectionState>) -> Self {
        let beginning = (!state.is_multiplexed()).then(Vec::new);
        Self { socket, state, read_ahead: Bytes::new(), beginning }
    }

    /// Borrows the socket for one poll. Nothing else uses it while hyper serves the connection.
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut Socket>) -> Poll<T>) -> Poll<T> {
        poll(Pin::new(&mut self.socket.borrow_mut()))
    }

    /// Reads the first bytes. As long as they may be the preface of HTTP/2, they are held back, because hyper refuses
    /// a part of it.
    fn poll_beginning(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        buffer.put_slice(&self.beginning.take().unwrap_or_default());
        loop {
            let known = buffer.filled().len();
            let poll = self.poll(|socket| socket.poll_read(context, buffer));
            let read = &buffer.filled()[before..];
            let has_ended = poll.is_ready() && buffer.filled().len() == known;
            let may_be_preface = read.len() < PREFACE.len() && PREFACE.starts_with(read);
            if has_ended || !may_be_preface {
                return poll.map(|result| if read.is_empty() { result } else { Ok(()) });
            }
            self.state.reads(!read.is_empty());
            if poll.is_pending() {
                self.beginning = Some(read.to_vec());
                buffer.set_filled(before);
                return Poll::Pending;
            }
        }
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
        let poll = match self.beginning {
            None => self.poll(|socket| socket.poll_read(context, buffer)),
            Some(_) => self.poll_beginning(context, buffer),
        };
        self.state.reads(buffer.filled().len() > before);
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
        let poll = self.poll(|socket| socket.poll_flush(context));
        // With TLS, what was written may still be here.
        if poll.is_pending() || self.state.write_stalls.get() {
            self.record_write(poll)
        } else {
            poll
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|socket| socket.poll_shutdown(context))
    }
}
