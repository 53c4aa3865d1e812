//! One connection that streams: one thread sends records, another reads the answers meanwhile, as
//! a client must that does not want to wait for itself.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http1::client::connect;
use http1::framing::{self, Framing};
use load_tests::random::Random;

use super::lines::{Kind, Lines};

/// Sent at once, as a chunk.
const CHUNK_BYTES: usize = 32 << 10;
const READ_BYTES: usize = 64 << 10;
/// The last of so many streams of a connection is cut by its client.
const CUT_EVERY: u64 = 4;
const DEVIATIONS_KEPT: usize = 5;

/// What all streams share.
pub(super) struct Course<'a> {
    pub(super) address: SocketAddr,
    pub(super) lines: &'a Lines,
    /// Records of a stream.
    pub(super) count: u64,
    /// Whether to end, at the next chunk.
    pub(super) is_over: &'a (dyn Fn() -> bool + Sync),
    /// Answers so far, of all streams.
    pub(super) answered: &'a AtomicU64,
}

/// What came of the streams of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Streams that were answered to their end.
    pub(super) whole: u64,
    /// Streams that the client has cut.
    pub(super) cut: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    /// Right lines: answers, and errors of 400, 422 and 413.
    pub(super) right: [u64; 4],
    /// Lines that must not have come, streams that ended too early, connections that failed.
    pub(super) wrong: u64,
    /// Some of them, in words.
    pub(super) deviations: Vec<String>,
    /// From the first byte sent to the first line, of each stream.
    pub(super) first_line: Vec<Duration>,
    /// The longest time between two lines of a stream.
    pub(super) gap_max: Duration,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.cut += other.cut;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.wrong += other.wrong;
        for (sum, count) in self.right.iter_mut().zip(other.right) {
            *sum += count;
        }
        self.deviations.extend(other.deviations);
        self.deviations.truncate(DEVIATIONS_KEPT);
        self.first_line.extend(other.first_line);
        self.gap_max = self.gap_max.max(other.gap_max);
    }

    /// Right lines of all kinds.
    pub(super) fn records(&self) -> u64 {
        self.right.iter().sum()
    }

    fn deviation(&mut self, what: String) {
        self.wrong += 1;
        if self.deviations.len() < DEVIATIONS_KEPT {
            self.deviations.push(what);
        }
    }
}

/// Streams one after the other until the course is over. `connection` tells this one from others.
pub(super) fn converse(course: &Course<'_>, connection: u64) -> Tally {
    let mut tally = Tally::default();
    let mut socket = None;
    for turn in 0.. {
        if (course.is_over)() {
            break;
        }
        let stream = (connection << 16) + turn;
        let mut random = Random::of_item(course.count, stream);
        let cut = (turn % CUT_EVERY == CUT_EVERY - 1).then(|| random.below(course.count) + 1);
        let taken = match socket.take() {
            Some(socket) => Ok(socket),
            None => connect(course.address),
        };
        let open = match taken {
            Ok(open) => open,
            Err(error) => {
                tally.deviation(format!("cannot connect: {error}"));
                break;
            }
        };
        if one(course, &open, stream, cut, &mut tally) {
            socket = Some(open);
        }
    }
    tally
}

/// One stream; whether the connection can go on.
fn one(
    course: &Course<'_>,
    socket: &TcpStream,
    stream: u64,
    cut: Option<u64>,
    tally: &mut Tally,
) -> bool {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || send(course, socket, stream, cut));
        let mut reader = Reader { course, stream, begun, last: None, next: 0, tally };
        let read = reader.read(socket);
        let answered = reader.next;
        if read.is_err() {
            // Whoever still sends has nobody left to send to.
            let _ = socket.shutdown(Shutdown::Both);
        }
        let sent = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        tally.sent_bytes += sent.bytes;
        match (read, sent) {
            (Ok(()) | Err(Ending::Cut(_)), Sent { was_cut: true, .. }) => {
                tally.cut += 1;
                false
            }
            (Ok(()), Sent { records, error: None, .. }) if records == answered => {
                tally.whole += 1;
                true
            }
            (read, Sent { records, error, .. }) => {
                let words = [
                    read.err().map(Ending::text),
                    error.map(|error| format!("not taken: {error}")),
                ];
                let words: Vec<String> = words.into_iter().flatten().collect();
                tally.deviation(format!(
                    "stream {stream} ended after {answered} answers to {records} records: {}",
                    words.join("; ")
                ));
                false
            }
        }
    })
}

/// Why an answer did not come to its end.
enum Ending {
    /// The connection did not last; if we have cut it, that is why.
    Cut(String),
    /// The server said something else than it must.
    Wrong(String),
}

impl Ending {
    fn text(self) -> String {
        match self {
            Self::Cut(text) | Self::Wrong(text) => text,
        }
    }
}

/// What was sent of a stream.
struct Sent {
    records: u64,
    bytes: u64,
    was_cut: bool,
    error: Option<std::io::Error>,
}

fn send(course: &Course<'_>, mut socket: &TcpStream, stream: u64, cut: Option<u64>) -> Sent {
    let mut sent = Sent { records: 0, bytes: 0, was_cut: false, error: None };
    let end = cut.unwrap_or(course.count);
    let outcome = (|| {
        socket.write_all(
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
              transfer-encoding: chunked\r\n\r\n",
        )?;
        let (mut text, mut chunk) = (String::new(), Vec::new());
        while sent.records < end && !(course.is_over)() {
            text.clear();
            while sent.records < end && text.len() < CHUNK_BYTES {
                course.lines.push(stream, sent.records, &mut text);
                sent.records += 1;
            }
            chunk.clear();
            write!(chunk, "{:x}\r\n{text}\r\n", text.len())?;
            socket.write_all(&chunk)?;
            sent.bytes += text.len() as u64;
        }
        if cut.is_some() {
            return Ok(());
        }
        socket.write_all(b"0\r\n\r\n")
    })();
    sent.error = outcome.err();
    if cut.is_some() && sent.error.is_none() {
        sent.was_cut = true;
        // If it is closed already, the server was first.
        let _ = socket.shutdown(Shutdown::Both);
    }
    sent
}

/// The answers of one stream as they come.
struct Reader<'a> {
    course: &'a Course<'a>,
    stream: u64,
    begun: Instant,
    /// When the last line came.
    last: Option<Instant>,
    /// The record that is answered next.
    next: u64,
    tally: &'a mut Tally,
}

impl Reader<'_> {
    /// Reads up to the last chunk; otherwise what came instead.
    fn read(&mut self, mut socket: &TcpStream) -> Result<(), Ending> {
        let mut received = Vec::new();
        let mut scratch = vec![0; READ_BYTES];
        let mut more = |received: &mut Vec<u8>| match socket.read(&mut scratch) {
            Ok(0) => Err(Ending::Cut("the answer was cut".to_owned())),
            Ok(count) => {
                received.extend_from_slice(&scratch[..count]);
                Ok(())
            }
            Err(error) => Err(Ending::Cut(format!("the answer cannot be read: {error}"))),
        };
        let head = loop {
            let head = framing::head(&received, |_| {});
            match head.map_err(|error| Ending::Wrong(format!("{error:#}")))? {
                Some(head) => break head,
                None => more(&mut received)?,
            }
        };
        if head.status != 200 || head.framing != Framing::Chunked {
            let body = String::from_utf8_lossy(&received[head.bytes..]);
            let status = head.status;
            return Err(Ending::Wrong(format!("status {status} instead of a stream: {body}")));
        }
        received.drain(..head.bytes);
        let mut lines = Vec::new();
        loop {
            let (mut used, mut is_last) = (0, false);
            while let Some((content, bytes)) = framing::chunk(&received[used..])
                .map_err(|error| Ending::Wrong(error.to_string()))?
                .filter(|_| !is_last)
            {
                lines.extend_from_slice(content);
                used += bytes;
                is_last = content.is_empty();
            }
            received.drain(..used);
            self.judge(&mut lines);
            if is_last {
                return if lines.is_empty() {
                    Ok(())
                } else {
                    Err(Ending::Wrong("half a line at the end".into()))
                };
            }
            more(&mut received)?;
        }
    }

    /// Judges the whole lines and leaves the rest.
    fn judge(&mut self, lines: &mut Vec<u8>) {
        let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        if end == 0 {
            return;
        }
        let now = Instant::now();
        match self.last.replace(now) {
            None => self.tally.first_line.push(now - self.begun),
            Some(last) => self.tally.gap_max = self.tally.gap_max.max(now - last),
        }
        let first = self.next;
        for line in lines[..end - 1].split(|byte| *byte == b'\n') {
            match self.course.lines.judge(self.stream, self.next, line) {
                Ok(kind) => self.tally.right[index(kind)] += 1,
                Err(deviation) => self.tally.deviation(deviation),
            }
            self.next += 1;
        }
        self.tally.received_bytes += end as u64;
        self.course.answered.fetch_add(self.next - first, Ordering::Relaxed);
        lines.drain(..end);
    }
}

fn index(kind: Kind) -> usize {
    match kind {
        Kind::Good => 0,
        Kind::Broken => 1,
        Kind::Failing => 2,
        Kind::TooLong => 3,
    }
}
