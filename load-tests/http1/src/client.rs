//! A small blocking HTTP/1.1 client that can also misbehave: it sends the bytes it is given and
//! reads one answer at a time.
//!
//! It understands the answers that [`crate::framing`] does. Anything else is an error, not a guess.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::framing;

/// Nothing here may hang: a server that is silent for this long is an error.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the server will close the connection.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A connection, and what was received on it beyond the last answer.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If the server does not accept.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = connect(address).with_context(|| format!("cannot connect to {address}"))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Sends bytes, be they a request or not.
    ///
    /// # Errors
    ///
    /// If the server does not take them.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one answer. It must be the answer to something other than HEAD.
    ///
    /// # Errors
    ///
    /// If the connection ends before the answer does, or the answer has a form that is not
    /// understood here.
    pub fn receive(&mut self) -> Result<Answer> {
        let mut headers = Vec::new();
        let head = loop {
            let see = |found: &[httparse::Header<'_>]| headers = owned(found);
            match framing::head(&self.received, see)? {
                Some(head) => break head,
                None => self.read_more()?,
            }
        };
        loop {
            if let Some((body, bytes)) = head.framing.body(&self.received[head.bytes..])? {
                let body = body.into_owned();
                self.received.drain(..head.bytes + bytes);
                return Ok(Answer { status: head.status, headers, body });
            }
            self.read_more()?;
        }
    }

    /// Sends a request and reads its answer, also one that comes before the request was taken
    /// whole.
    ///
    /// # Errors
    ///
    /// As [`Connection::receive`].
    pub fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        // A server that refuses a body closes while we still send; its answer is there to be read.
        let sent = self.send(request);
        self.receive().map_err(|error| match sent {
            Ok(()) => error,
            Err(cause) => error.context(format!("the request was not taken: {cause}")),
        })
    }

    fn read_more(&mut self) -> Result<()> {
        let mut chunk = [0; 16 << 10];
        let count = loop {
            match self.stream.read(&mut chunk) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the answer cannot be read"),
            }
        };
        if count == 0 {
            bail!("the connection ended {} bytes into the answer", self.received.len());
        }
        self.received.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

/// A socket on which nothing waits for longer than [`SILENCE_MAX`].
///
/// # Errors
///
/// If the server does not accept.
pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, SILENCE_MAX)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    Ok(stream)
}

/// A request with a body of known length. `target` goes on the wire as it is.
#[must_use]
pub fn request(method: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head(method, target, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// The head alone of a request that announces `body_bytes` bytes.
#[must_use]
pub fn head(method: &str, target: &str, body_bytes: usize) -> Vec<u8> {
    let length = if method == "GET" && body_bytes == 0 {
        String::new()
    } else {
        format!("content-length: {body_bytes}\r\n")
    };
    format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n"
    )
    .into_bytes()
}

/// One request on a connection of its own.
///
/// # Errors
///
/// As [`Connection::open`] and [`Connection::receive`].
pub fn once(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Result<Answer> {
    Connection::open(address)?.exchange(&request(method, target, body))
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = headers.iter();
    headers.map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that sends `answers` whatever it is asked, and closes.
    #[track_caller]
    fn connected(answers: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(answers));
        Connection::open(address).unwrap()
    }

    #[test]
    fn two_answers_on_one_connection_are_told_apart() {
        let mut connection = connected(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 204 No Content\r\nconnection: Close\r\n\r\n",
        );
        let first = connection.receive().unwrap();
        assert_eq!(
            (first.status, first.body.as_slice(), first.closes()),
            (200, b"ab".as_slice(), false)
        );
        let second = connection.receive().unwrap();
        assert_eq!((second.status, second.body.len(), second.closes()), (204, 0, true));
    }

    #[test]
    fn a_cut_answer_is_an_error_and_not_a_short_one() {
        let mut connection = connected(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab");
        let error = connection.receive().unwrap_err().to_string();
        assert!(error.starts_with("the connection ended"), "{error}");
    }

    #[test]
    fn a_get_announces_no_body() {
        assert!(!String::from_utf8(request("GET", "/", b"")).unwrap().contains("content-length"));
        assert!(
            String::from_utf8(request("POST", "/", b"")).unwrap().contains("content-length: 0")
        );
    }
}
