//! The bodies of responses.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::http::access::Access;
use crate::http::connection_state::EndOfRequest;
use crate::http::streams::Outgoing;

/// A response's body. With HTTP/1, it is dropped when the socket has taken the last of it. With HTTP/2, that is when the
/// last of its pieces is dropped.
pub(crate) struct Body {
    content: Content,
    /// With HTTP/2.
    stream: Option<Stream>,
    /// Ends the request when the body is dropped.
    _end: Option<EndOfRequest>,
    /// With the access log.
    access: Option<Box<Access>>,
}

/// What a body of HTTP/2 has beside its content.
struct Stream {
    outgoing: Arc<Outgoing>,
    /// Of the current frame, what is not sent yet.
    rest: Bytes,
    /// Whether there was a piece. There is one at least, so that it is known when the client has the response.
    has_begun: bool,
}

enum Content {
    None,
    Whole(Option<Bytes>),
    /// Frames from a channel. An error ends the connection without the last chunk, so that the
    /// client can tell a truncated stream from a complete one.
    Stream(mpsc::Receiver<Result<Frame<Bytes>, Aborted>>),
    /// Frames from another body.
    Other(Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = Aborted>>>),
}

/// A stream that cannot be completed.
#[derive(Debug)]
pub(crate) struct Aborted;

impl Body {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let content = Content::Whole((!bytes.is_empty()).then_some(bytes));
        Self { content, stream: None, _end: None, access: None }
    }

    pub(crate) fn stream(frames: mpsc::Receiver<Result<Frame<Bytes>, Aborted>>) -> Self {
        Self { content: Content::Stream(frames), stream: None, _end: None, access: None }
    }

    pub(crate) fn other(
        body: impl hyper::body::Body<Data = Bytes, Error = Aborted> + 'static,
    ) -> Self {
        Self { content: Content::Other(Box::pin(body)), stream: None, _end: None, access: None }
    }

    /// The same, sent in pieces.
    pub(crate) fn in_pieces(self, outgoing: Arc<Outgoing>) -> Self {
        let stream = Some(Stream { outgoing, rest: Bytes::new(), has_begun: false });
        Self { stream, ..self }
    }

    /// The same for a response that has no content, and so no length of it.
    pub(crate) fn without_content(self) -> Self {
        Self { content: Content::None, ..self }
    }

    /// The same for a request that ends with it, and has a line in the access log then.
    pub(crate) fn ending(self, end: EndOfRequest, access: Option<Box<Access>>) -> Self {
        Self { _end: Some(end), access, ..self }
    }

    /// Another response with this status is sent instead.
    pub(crate) fn is_replaced(&mut self, status: StatusCode) {
        self.access.iter_mut().for_each(|access| access.responded(status));
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let Self { content, stream, access, .. } = self.get_mut();
        let poll = match stream {
            None => content.poll_frame(context),
            Some(stream) => stream.poll_frame(content, context),
        };
        if let Some(access) = access {
            access.polled(&poll);
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.has_begun && stream.rest.is_empty())
            && self.content.is_end_stream()
    }

    /// Is asked for before the first frame.
    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::None => SizeHint::default(),
            Content::Whole(None) => SizeHint::with_exact(0),
            Content::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
            Content::Other(body) => body.size_hint(),
        }
    }
}

impl Content {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self {
            Self::None => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(frames) => frames.poll_recv(context),
            Self::Other(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(_) => false,
            Self::Other(body) => body.is_end_stream(),
        }
    }
}

impl Stream {
    /// The next piece of the content.
    fn poll_frame(
        &mut self,
        content: &mut Content,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        /// As much as a frame has by default.
        const PIECE: usize = 16 << 10;
        if self.rest.is_empty() {
            let frame = ready!(content.poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(aborted)) => return Poll::Ready(Some(Err(aborted))),
                None if self.has_begun => return Poll::Ready(None),
                None => {}
            }
        }
        self.has_begun = true;
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(self.outgoing.piece(piece)))))
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was aborted")
    }
}

impl std::error::Error for Aborted {}
