//! The bodies of responses.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::http::connection_state::EndOfRequest;

/// A response's body. It is dropped when the socket has taken the last of it.
pub(crate) struct Body {
    content: Content,
    /// Ends the request when the body is dropped.
    _end: Option<EndOfRequest>,
}

enum Content {
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
        Self { content, _end: None }
    }

    pub(crate) fn stream(frames: mpsc::Receiver<Result<Frame<Bytes>, Aborted>>) -> Self {
        Self { content: Content::Stream(frames), _end: None }
    }

    pub(crate) fn other(
        body: impl hyper::body::Body<Data = Bytes, Error = Aborted> + 'static,
    ) -> Self {
        Self { content: Content::Other(Box::pin(body)), _end: None }
    }

    pub(crate) fn ending(self, end: EndOfRequest) -> Self {
        Self { _end: Some(end), ..self }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut self.get_mut().content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(frames) => frames.poll_recv(context),
            Content::Other(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Stream(_) => false,
            Content::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(None) => SizeHint::with_exact(0),
            Content::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
            Content::Other(body) => body.size_hint(),
        }
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was aborted")
    }
}

impl std::error::Error for Aborted {}
