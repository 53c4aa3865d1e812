//! A small HTTP/1.1 client that shows what is on the wire. Bytes are written as given, a response
//! says whether it was complete, and nothing is retried.
//!
//! It does not use a library, because a library would repair, hide or refuse the errors that are
//! tested.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};

use http1::client::connect;
use http1::framing;
use serde_json::Value;

pub(crate) use http1::framing::chunked;

/// A request that is sent without changes.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bytes of the request; `content-length` is there if there is a body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nhost: test\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            bytes += &format!("content-length: {}\r\n", body.len());
        }
        let mut bytes = (bytes + "\r\n").into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// A response, complete or truncated.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they were sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// False if the connection ended before the body did.
    pub(crate) complete: bool,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Asserts a complete response with this status and body.
    #[track_caller]
    pub(crate) fn check(&self, status: u16, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let (got, wanted) = (String::from_utf8_lossy(&self.body), String::from_utf8_lossy(body));
        let shown = |text: &str| text.chars().take(300).collect::<String>();
        assert!(
            self.status == status && self.body == body,
            "expected {status} with {:?}, got {} with {:?}",
            shown(&wanted),
            self.status,
            shown(&got)
        );
        assert!(self.complete, "cut after {} bytes", self.body.len());
    }

    /// Asserts an RFC 9457 problem with this status and kind, and returns its members.
    #[track_caller]
    pub(crate) fn check_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "expected {status} {kind}, got {self:?} {}", self.text());
        assert!(self.complete, "truncated: {self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:arenaria:problem:{kind}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["title", "detail"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {member}: {problem}");
        }
        problem
    }

    /// Asserts a problem that names a limit and its configured value.
    #[track_caller]
    pub(crate) fn check_limit(&self, status: u16, kind: &str, limit: &str, value: &str) {
        let problem = self.check_problem(status, kind);
        assert_eq!(problem["limit"], limit, "{problem}");
        let got = &problem["value"];
        let got = got.as_str().map_or_else(|| got.to_string(), str::to_owned);
        assert_eq!(got, value, "{problem}");
    }
}

/// The status and the header fields of a response.
type Head = (u16, Vec<(String, String)>);

/// One connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    #[track_caller]
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: connect(address)?, unread: Vec::new() })
    }

    /// A connection from another address of this machine.
    pub(crate) fn open_from(local: IpAddr, address: SocketAddr) -> Self {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &SocketAddr::new(local, 0)).expect("the address is ours");
        connect(&socket, &address).expect("the server listens");
        Self { stream: socket.into(), unread: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server reads the request");
    }

    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// A second handle, to write from another thread.
    pub(crate) fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("a socket can be duplicated")
    }

    /// Closes the sending direction. The other direction stays open.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("the socket is connected");
    }

    /// Leaves with a reset. A client that only closes its socket may be one that still waits for its
    /// response.
    pub(crate) fn reset(self) {
        let at_once = Some(std::time::Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, at_once)
            .expect("a socket has this option");
    }

    #[track_caller]
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.send(request.bytes());
        self.read(request.method == "HEAD")
    }

    /// Like `exchange`, but the server may close the connection instead.
    pub(crate) fn exchange_or_end(&mut self, request: &Request) -> io::Result<Option<Response>> {
        self.try_send(request.bytes())?;
        self.try_response(false)
    }

    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.read(false)
    }

    #[track_caller]
    fn read(&mut self, bodiless: bool) -> Response {
        match self.try_response(bodiless) {
            Ok(Some(response)) => response,
            Ok(None) => panic!("the server closed the connection without a response"),
            Err(error) => panic!("no response: {error}"),
        }
    }

    /// The next final response, `None` if the server closed the connection instead.
    pub(crate) fn try_response(&mut self, bodiless: bool) -> io::Result<Option<Response>> {
        loop {
            let Some((status, headers)) = self.try_head()? else { return Ok(None) };
            if status >= 200 {
                let mut response = Response { status, headers, body: Vec::new(), complete: true };
                if !bodiless && status != 204 && status != 304 {
                    response.complete = self.read_body(&response.headers, &mut response.body)?;
                }
                return Ok(Some(response));
            }
        }
    }

    /// The next head, including interim responses. It can be read again.
    pub(crate) fn peek_head(&mut self) -> io::Result<Option<Head>> {
        let head = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break self.unread[..at + 4].to_vec();
            }
            if self.fill()? == 0 {
                break Vec::new();
            }
        };
        let found = self.try_head()?;
        self.unread.splice(..0, head);
        Ok(found)
    }

    /// The next head, including interim responses.
    pub(crate) fn try_head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at;
            }
            if self.fill()? == 0 {
                let unread = std::mem::take(&mut self.unread);
                return match unread.is_empty() {
                    true => Ok(None),
                    false => Err(io::Error::new(ErrorKind::UnexpectedEof, show(&unread))),
                };
            }
        };
        let head = self.take(end + 4);
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.trim_end().split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("status line {line:?}")))?;
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_lowercase(), value.trim().to_owned())
        });
        Ok(Some((status, fields.collect())))
    }

    /// Reads a body by its framing; false if the connection ended first.
    fn read_body(&mut self, headers: &[(String, String)], body: &mut Vec<u8>) -> io::Result<bool> {
        let field = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, v)| v);
        if field("transfer-encoding").is_some_and(|value| value == "chunked") {
            while let Some(chunk) = self.chunk()? {
                if chunk.is_empty() {
                    return Ok(true);
                }
                body.extend_from_slice(&chunk);
            }
            return Ok(false);
        }
        let length = field("content-length").map(|value| value.parse::<usize>());
        let length = length.transpose().map_err(io::Error::other)?;
        while length.is_none_or(|length| self.unread.len() < length) {
            if self.fill_or_cut()? == 0 {
                body.append(&mut self.unread);
                return Ok(length.is_none());
            }
        }
        let length = length.unwrap_or_default();
        body.extend_from_slice(&self.take(length));
        Ok(true)
    }

    /// The next chunk of a chunked body: empty for the last one, `None` if the body is truncated.
    pub(crate) fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let found = framing::chunk(&self.unread).map_err(io::Error::other)?;
            if let Some((content, bytes)) = found.map(|(content, bytes)| (content.to_vec(), bytes))
            {
                self.take(bytes);
                return Ok(Some(content));
            }
            if self.fill_or_cut()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads this many bytes of a body.
    #[track_caller]
    pub(crate) fn read_part(&mut self, length: usize) -> usize {
        while self.unread.len() < length {
            assert!(self.fill().expect("the server continues to send") > 0, "cut");
        }
        self.take(length).len()
    }

    /// Whether the server closes the connection without sending anything more.
    pub(crate) fn closed(&mut self) -> bool {
        self.unread.is_empty() && matches!(self.fill_or_cut(), Ok(0))
    }

    /// Whether nothing has arrived so far, and the connection is open. Does not wait.
    pub(crate) fn silent(&mut self) -> bool {
        let switch = |on| self.stream.set_nonblocking(on).expect("a socket has this option");
        switch(true);
        let peeked = self.stream.peek(&mut [0]);
        switch(false);
        self.unread.is_empty() && peeked.is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
    }

    /// Like `fill`, but a reset counts as the end.
    fn fill_or_cut(&mut self) -> io::Result<usize> {
        match self.fill() {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
            other => other,
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 * 1024];
        let read = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn show(bytes: &[u8]) -> String {
    format!("ended within a head: {:?}", String::from_utf8_lossy(bytes))
}
