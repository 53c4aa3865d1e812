//! Where one request on a connection ends and the next one begins.
//!
//! Hyper is given the bytes of one request at a time. So each head begins with a read of its own, although the client
//! may have sent it together with the request before. This finds only ends: an empty line, and a body's length. It
//! checks nothing. Where it is mistaken about a head that hyper refuses or reads in another way, hyper still decides
//! what a request is; only a later head is then not looked at before hyper reads it.

use memchr::{memchr, memchr_iter};

/// Tells how much of the bytes that a client sends belongs to the current request.
#[derive(Debug)]
pub(crate) struct MessageSplitter {
    /// The current head, as far as it has arrived and is within its limit, without the empty lines before it.
    head: Vec<u8>,
    head_bytes_max: usize,
    part: Part,
    request_line: RequestLine,
    /// Whether the request line has a `#`, after which `http::Uri` drops what follows.
    has_fragment: bool,
    /// Whether the head is larger than its limit.
    is_too_large: bool,
    /// The last bytes that were given.
    tail: [u8; 3],
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    /// The head has ended. How its body ends is not known yet.
    Ended,
    /// So many bytes of a body.
    Length(u64),
    /// Chunks. They end with an empty line, but not every empty line is their end.
    Chunks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestLine {
    Before,
    Within,
    After,
}

impl MessageSplitter {
    /// Keeps at most so many bytes of a head. Longer ones are refused, so that nobody needs to know how their body ends.
    pub(crate) fn new(head_bytes_max: usize) -> Self {
        Self {
            head: Vec::new(),
            head_bytes_max,
            part: Part::Head,
            request_line: RequestLine::Before,
            has_fragment: false,
            is_too_large: false,
            tail: [0; 3],
        }
    }

    /// The head that arrived last, as far as it arrived.
    pub(crate) fn into_head(self) -> Vec<u8> {
        self.head
    }

    pub(crate) fn has_fragment(&self) -> bool {
        self.has_fragment
    }

    /// Whether the head is too large. What follows it is then not known.
    pub(crate) fn is_head_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Whether bytes that arrive after a response may still belong to the body of its request.
    pub(crate) fn is_within_body(&mut self) -> bool {
        self.find_framing();
        match self.part {
            Part::Head | Part::Ended => false,
            Part::Length(left) => left > 0,
            Part::Chunks => !self.ends_with_empty_line(),
        }
    }

    /// The next bytes begin a head.
    pub(crate) fn begin_head(&mut self) {
        self.head.clear();
        self.part = Part::Head;
        self.request_line = RequestLine::Before;
        self.has_fragment = false;
        self.is_too_large = false;
        self.tail = [0; 3];
    }

    /// Frees the memory of a large head, which is not needed once its body's length is known.
    pub(crate) fn shrink(&mut self) {
        /// As much as most heads need.
        const KEPT_BYTES: usize = 1024;
        if self.head.capacity() > KEPT_BYTES {
            self.find_framing();
            self.head = Vec::new();
        }
    }

    /// How many of these bytes hyper is given in one read.
    pub(crate) fn split(&mut self, bytes: &[u8]) -> usize {
        if self.part == Part::Head {
            let head = self.split_head(bytes);
            if self.part == Part::Head || head == bytes.len() {
                return head;
            }
            // With its body as far as it is here, which saves a read.
            self.find_framing();
            return head + self.split_body(&bytes[head..], 0);
        }
        self.find_framing();
        // If hyper expects more than was found here, it is right.
        self.split_body(bytes, bytes.len())
    }

    fn split_head(&mut self, bytes: &[u8]) -> usize {
        let breaks = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if breaks > 0 {
            return self.split_line_breaks(&bytes[..breaks]);
        }
        let end = after_empty_line(bytes);
        let part = &bytes[..end.unwrap_or(bytes.len())];
        self.keep(part);
        if self.request_line != RequestLine::After {
            let line_end = memchr(b'\n', part);
            let line = &part[..line_end.unwrap_or(part.len())];
            self.has_fragment |= memchr(b'#', line).is_some();
            self.request_line =
                if line_end.is_some() { RequestLine::After } else { RequestLine::Within };
        }
        if end.is_some() {
            self.part = Part::Ended;
        }
        part.len()
    }

    /// Line breaks at the begin of a read: empty lines before a head, or the end of a line that came before.
    fn split_line_breaks(&mut self, breaks: &[u8]) -> usize {
        if self.request_line == RequestLine::Before {
            return breaks.len();
        }
        self.request_line = RequestLine::After;
        for (index, byte) in breaks.iter().enumerate() {
            self.keep(&[*byte]);
            if self.ends_with_empty_line() {
                self.part = Part::Ended;
                return index + 1;
            }
        }
        breaks.len()
    }

    /// How many of these bytes belong to the body, or `otherwise` if it has ended.
    fn split_body(&mut self, bytes: &[u8], otherwise: usize) -> usize {
        match &mut self.part {
            Part::Head | Part::Ended | Part::Length(0) => otherwise,
            Part::Length(left) => {
                let given =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= given as u64;
                given
            }
            Part::Chunks => {
                let breaks = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                let end = if breaks > 0 { Some(breaks) } else { after_empty_line(bytes) };
                let given = end.unwrap_or(bytes.len());
                self.note_tail(&bytes[..given]);
                given
            }
        }
    }

    /// Finds out how the body ends, once the head has.
    fn find_framing(&mut self) {
        if self.part == Part::Ended {
            self.part = framing(&self.head);
            self.tail = [0; 3];
        }
    }

    /// Keeps a part of the head.
    fn keep(&mut self, part: &[u8]) {
        let room = self.head_bytes_max - self.head.len();
        let kept = &part[..part.len().min(room)];
        self.is_too_large |= kept.len() < part.len();
        let needed = self.head.len() + kept.len();
        if needed > self.head.capacity() {
            // By doubling, and not beyond what is counted for a connection.
            let capacity = needed.max(2 * self.head.capacity()).min(self.head_bytes_max);
            self.head.reserve_exact(capacity - self.head.len());
        }
        self.head.extend_from_slice(kept);
        self.note_tail(part);
    }

    fn note_tail(&mut self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(self.tail.len())..];
        self.tail.rotate_left(last.len());
        let kept = self.tail.len() - last.len();
        self.tail[kept..].copy_from_slice(last);
    }

    fn ends_with_empty_line(&self) -> bool {
        matches!(self.tail, [b'\n', b'\r', b'\n'] | [_, b'\n', b'\n'])
    }
}

/// The position after the first empty line. Like hyper, this takes a line feed alone for the end of a line.
fn after_empty_line(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', bytes).find_map(|at| match bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// How the body of a request with this head ends.
fn framing(head: &[u8]) -> Part {
    let mut length = 0;
    for at in memchr_iter(b'\n', head) {
        let line = &head[at + 1..];
        // Most lines are told apart by their first letter.
        match line.first().map(u8::to_ascii_lowercase) {
            Some(b't') if value_of(line, b"transfer-encoding:").is_some() => return Part::Chunks,
            Some(b'c') => length = content_length(line).unwrap_or(length),
            _ => {}
        }
    }
    Part::Length(length)
}

/// The length in this line, if it has one. One that hyper refuses is 0.
fn content_length(line: &[u8]) -> Option<u64> {
    let value = value_of(line, b"content-length:")?;
    let value = &value[..memchr(b'\n', value).unwrap_or(value.len())];
    let digits = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
    Some(digits.parse().unwrap_or(0))
}

/// What follows the name of a header field, if the line begins with it.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (begin, value) = line.split_at_checked(name.len())?;
    begin.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the bytes of several requests to a splitter, in reads of this size, and returns what hyper is given until
    /// each response.
    fn requests(bytes: &[u8], read: usize) -> Vec<(String, bool)> {
        let mut splitter = MessageSplitter::new(16 << 10);
        let mut requests = vec![(String::new(), false)];
        for mut read in bytes.chunks(read) {
            while !read.is_empty() {
                // Hyper answers as soon as a request is whole.
                let is_whole = splitter.part != Part::Head && !splitter.is_within_body();
                if is_whole {
                    splitter.begin_head();
                    requests.push((String::new(), false));
                }
                let given = splitter.split(read);
                assert!(given > 0, "hyper would take no bytes for the end");
                let (text, fragment) = requests.last_mut().unwrap();
                *text += std::str::from_utf8(&read[..given]).unwrap();
                *fragment = splitter.has_fragment();
                read = &read[given..];
            }
        }
        requests
    }

    #[test]
    fn requests_are_told_apart_however_they_arrive() {
        let expected = [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\na\r\n\r\n#b", false),
            ("GET /#a HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\nx: #\n\n", false),
            ("\r\n\r\nGET /# HTTP/1.0\n\n", true),
            (
                "POST / HTTP/1.1\r\nTransfer-encoding: chunked\r\n\r\n5\r\n#\r\n12\r\n0\r\n\r\n",
                false,
            ),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: #\r\n\r\n", false),
            ("POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", false),
            ("GET /?#", true),
        ];
        let bytes = expected.map(|(text, _)| text).concat();
        for read in 1..=bytes.len() {
            let found = requests(bytes.as_bytes(), read);
            // Line breaks after a request may count to it or to the next one: nobody reads them.
            let found: Vec<_> =
                found.iter().map(|(text, fragment)| (text.trim(), *fragment)).collect();
            assert_eq!(found, expected.map(|(text, fragment)| (text.trim(), fragment)), "{read}");
        }
    }

    #[test]
    fn a_large_head_is_not_kept() {
        let mut splitter = MessageSplitter::new(16 << 10);
        let head =
            format!("POST / HTTP/1.1\r\nx: {}\r\ncontent-length: 2\r\n\r\n", "x".repeat(9000));
        assert_eq!(splitter.split(head.as_bytes()), head.len());
        splitter.shrink();
        assert_eq!(splitter.head.capacity(), 0);
        assert_eq!(splitter.split(b"12GET"), 2);
    }
}
