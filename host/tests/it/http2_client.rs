//! Clients of HTTP/2: one that follows the rules, over any stream, and one that sends what it is told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::harness::PATIENCE;

/// What a client begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client that follows the rules.
pub(crate) struct Http2 {
    pub(crate) runtime: Runtime,
    pub(crate) sender: SendRequest<Full<Bytes>>,
}

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head: Response<()>,
    pub(crate) body: Bytes,
}

#[derive(Clone)]
struct OnTokio;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for OnTokio {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

impl Http2 {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(move || tokio::net::TcpStream::connect(address), 1 << 20)
    }

    /// Over what this makes. Of each response, the client is ready to take `window` bytes before it reads them.
    #[track_caller]
    pub(crate) fn over<S, C>(connect: impl FnOnce() -> C, window: u32) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        C: Future<Output = std::io::Result<S>>,
    {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sender = runtime.block_on(async {
            let stream = connect().await.expect("the server accepts");
            let mut client = http2::Builder::new(OnTokio);
            client.initial_stream_window_size(window);
            let (sender, connection) =
                client.handshake(TokioIo::new(stream)).await.expect("both speak HTTP/2");
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Sends all requests at once, and returns the responses in their order.
    #[track_caller]
    pub(crate) fn exchange_all(&mut self, requests: Vec<Request<Full<Bytes>>>) -> Vec<Whole> {
        let sent: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let sending = self.sender.send_request(request);
                self.runtime.spawn(async { whole(sending.await.expect("an answer")).await })
            })
            .collect();
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(sent.len());
            for answer in sent {
                let answer = tokio::time::timeout(PATIENCE, answer).await;
                answers.push(answer.expect("in time").expect("an answer"));
            }
            answers
        })
    }

    #[track_caller]
    pub(crate) fn exchange(&mut self, request: Request<Full<Bytes>>) -> Whole {
        self.exchange_all(vec![request]).remove(0)
    }

    /// Sends a request, and waits for what it causes.
    #[track_caller]
    pub(crate) fn begin(
        &mut self,
        request: Request<Full<Bytes>>,
        causes: impl FnMut() -> bool,
    ) -> JoinHandle<hyper::Result<Response<Incoming>>> {
        let sent = self.runtime.spawn(self.sender.send_request(request));
        self.until("the request is there", causes);
        sent
    }

    /// The head of the answer to a request that was begun.
    #[track_caller]
    pub(crate) fn answer(
        &mut self,
        begun: JoinHandle<hyper::Result<Response<Incoming>>>,
    ) -> StatusCode {
        let answer = self.runtime.block_on(begun).expect("the task does not panic");
        answer.expect("an answer").status()
    }

    /// Waits until the connection has ended.
    #[track_caller]
    pub(crate) fn until_closed(&mut self) {
        let sender = self.sender.clone();
        self.until("the server closes the connection", || sender.is_closed());
    }

    /// Waits, while the connection goes on.
    #[track_caller]
    fn until(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        waited.unwrap_or_else(|_| panic!("waited too long until {what}"));
    }
}

async fn whole(response: Response<Incoming>) -> Whole {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Whole { head: Response::from_parts(head, ()), body }
}

impl Whole {
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[track_caller]
    pub(crate) fn check_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status().as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(json["type"], format!("urn:arenaria:problem:{kind}"), "{self:?}");
    }
}

/// A request to this path with this body.
pub(crate) fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(format!("http://test{path}"));
    let body = Full::new(body.into());
    assert!(body.size_hint().exact().is_some());
    request.body(body).expect("the tests write good requests")
}

/// A frame that a server has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("tests send short frames").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Header fields in the form that needs no table (RFC 7541, 6.2.2).
pub(crate) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            bytes
                .push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short"));
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// `GET` of this path, as the payload of HEADERS.
pub(crate) fn get(path: &str) -> Vec<u8> {
    fields(&[(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", path)])
}

/// A client that sends what it is told.
pub(crate) struct Raw(TcpStream);

impl Raw {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        stream.set_nodelay(true).expect("a socket sends at once");
        Self(stream)
    }

    /// Connects and sends the preface with these settings.
    #[track_caller]
    pub(crate) fn begin(address: SocketAddr, settings: &[u8]) -> Self {
        let mut raw = Self::connect(address);
        raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat());
        raw
    }

    /// Sends bytes. A server that has closed the connection need not take them.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The next frame. None at the end, also if the connection is reset.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.read(&mut payload)?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Reads so many bytes. A server that is silent has not ended the connection.
    #[track_caller]
    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.0.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server neither sends nor closes the connection")
            }
            Err(_) => None,
        }
    }

    /// The first frame of this kind.
    #[track_caller]
    pub(crate) fn until(&mut self, kind: u8) -> Frame {
        while let Some(frame) = self.frame() {
            if frame.kind == kind {
                return frame;
            }
        }
        panic!("no frame of the kind {kind} before the end")
    }
}
