//! Where an answer ends on the wire: HTTP/1.1's framing, as far as a client of our own needs it.
//!
//! Length and chunks are understood; an answer that ends with its connection is an error, since it
//! could not be told from one that was cut.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use httparse::{Header, Status};

const HEADERS_MAX: usize = 64;
/// A head that is longer than this is an error.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The length of the head itself.
    pub bytes: usize,
    /// How the body ends.
    pub framing: Framing,
    /// Whether the server will close the connection.
    pub closes: bool,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(usize),
    /// With an empty chunk.
    Chunked,
}

/// Reads the head of an answer to something other than HEAD; `None` while it is incomplete. `see` is
/// shown its headers.
///
/// # Errors
///
/// If it is not HTTP, too long, or ends only with its connection.
pub fn head(received: &[u8], see: impl FnOnce(&[Header<'_>])) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let bytes = match response.parse(received).context("the answer is not HTTP")? {
        Status::Complete(bytes) => bytes,
        Status::Partial if received.len() > HEAD_BYTES_MAX => {
            bail!("the answer's head is longer than {HEAD_BYTES_MAX} bytes")
        }
        Status::Partial => return Ok(None),
    };
    let status = response.code.expect("a complete head has a status");
    let (framing, closes) = framing(status, response.headers)?;
    see(response.headers);
    Ok(Some(Head { status, bytes, framing, closes }))
}

fn framing(status: u16, headers: &[Header<'_>]) -> Result<(Framing, bool)> {
    let (mut length, mut chunked, mut closes) = (None, false, false);
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = String::from_utf8_lossy(header.value);
            let number = text.parse();
            length =
                Some(number.with_context(|| format!("content-length {text:?} is not a number"))?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = header.value.eq_ignore_ascii_case(b"chunked");
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let framing = match length {
        _ if matches!(status, 100..=199 | 204 | 304) => Framing::Length(0),
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => bail!("the answer ({status}) has neither content-length nor chunks"),
    };
    Ok((framing, closes))
}

impl Framing {
    /// The body that `received` begins with, and its length on the wire; `None` while it is
    /// incomplete.
    ///
    /// # Errors
    ///
    /// If it should be chunks and is not.
    pub fn body(self, received: &[u8]) -> Result<Option<(Cow<'_, [u8]>, usize)>> {
        if let Self::Length(length) = self {
            return Ok(received.get(..length).map(|body| (body.into(), length)));
        }
        let (mut body, mut at) = (Vec::new(), 0);
        while let Some((content, bytes)) = chunk(&received[at..])? {
            at += bytes;
            if content.is_empty() {
                return Ok(Some((body.into(), at)));
            }
            body.extend_from_slice(content);
        }
        Ok(None)
    }
}

/// `body` in chunks of at most `size` bytes, with the chunk that ends it.
#[must_use]
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(body.len() + 64);
    for content in body.chunks(size) {
        wire.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
        wire.extend_from_slice(content);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// The chunk that `wire` begins with: its content, which is empty for the last one, and its length on
/// the wire, trailers included; `None` while it is incomplete.
///
/// # Errors
///
/// If it is not a chunk.
pub fn chunk(wire: &[u8]) -> Result<Option<(&[u8], usize)>> {
    let Ok(size) = httparse::parse_chunk_size(wire) else { bail!("the chunks are malformed") };
    let Status::Complete((head, size)) = size else { return Ok(None) };
    if size == 0 {
        let mut trailers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        return match httparse::parse_headers(&wire[head..], &mut trailers) {
            Ok(Status::Complete((bytes, _))) => Ok(Some((&[], head + bytes))),
            Ok(Status::Partial) => Ok(None),
            Err(_) => bail!("the chunks are malformed"),
        };
    }
    let end = usize::try_from(size).ok().and_then(|size| size.checked_add(head));
    let end = end.filter(|end| *end < usize::MAX - 2).context("a chunk is too long")?;
    match wire.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((&wire[head..end], end + 2))),
        Some(_) => bail!("the chunks are malformed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8]) -> Result<Option<(Head, Option<usize>)>> {
        let Some(head) = head(wire, |_| {})? else { return Ok(None) };
        Ok(Some((head, head.framing.body(&wire[head.bytes..])?.map(|(_, bytes)| bytes))))
    }

    #[test]
    fn every_prefix_is_incomplete_and_the_whole_is_not() {
        let bodies = [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\na: b\r\n\r\n",
        ];
        for wire in bodies {
            for end in 0..wire.len() {
                let complete = read(&wire[..end]).unwrap().and_then(|(_, body)| body);
                assert_eq!(complete, None, "{end} of {} bytes", wire.len());
            }
            let (head, body) = read(wire).unwrap().unwrap();
            assert_eq!(head.bytes + body.unwrap(), wire.len());
            let following = [wire, b"HTTP/1.1 "].concat();
            assert_eq!(read(&following).unwrap(), Some((head, body)));
        }
        let wire = chunked(b"abcde", 3);
        assert_eq!(wire, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        let (body, bytes) = Framing::Chunked.body(&wire).unwrap().unwrap();
        assert_eq!((&*body, bytes), (&b"abcde"[..], wire.len()));
    }

    #[track_caller]
    fn refused(wire: &[u8], message: &str) {
        assert_eq!(read(wire).unwrap_err().to_string(), message);
    }

    #[test]
    fn what_cannot_be_delimited_is_an_error() {
        refused(
            b"HTTP/1.1 200 OK\r\n\r\n",
            "the answer (200) has neither content-length nor chunks",
        );
        refused(b"SMTP ready", "the answer is not HTTP");
        refused(
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            "content-length \"x\" is not a number",
        );
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        refused(&[&chunked[..], b"zz\r\n"].concat(), "the chunks are malformed");
        refused(&[&chunked[..], b"1\r\nabc"].concat(), "the chunks are malformed");
    }

    #[test]
    fn a_status_without_a_body_needs_no_length() {
        let (head, body) =
            read(b"HTTP/1.1 204 No Content\r\nConnection: Close\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.status, head.closes, body), (204, true, Some(0)));
    }
}
