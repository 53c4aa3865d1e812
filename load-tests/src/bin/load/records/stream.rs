//! One connection that streams: one thread sends records, another reads the answers meanwhile, as
//! a client must that does not want to wait for itself.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http1::client::connect;
use http1::framing::{self, Framing};
use load_tests::random;

use super::lines::Lines;

/// Sent at once, as a chunk.
const CHUNK_BYTES: usize = 32 << 10;
const READ_BYTES: usize = 64 << 10;
/// The last of so many streams of a connection is cut by its client.
const CUT_EVERY: u64 = 4;
const DEVIATIONS_KEPT: usize = 5;

/// What all streams share.
pub(super) struct Course<'a> {
    pub(super) address: SocketAddr,
    pub(super) lines: Lines,
    /// Records of a stream.
    pub(super) count: u64,
    /// Whether to end, at the next chunk.
    pub(super) is_over: &'a (dyn Fn() -> bool + Sync),
    /// What came of all of them so far.
    pub(super) tally: Mutex<Tally>,
}

/// What came of streams.
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

/// A stream on the way. Its number tells it from all others.
#[derive(Clone, Copy)]
struct Stream<'a> {
    course: &'a Course<'a>,
    number: u64,
    socket: &'a TcpStream,
    /// Where the client cuts it, if it does.
    cut: Option<u64>,
}

impl Course<'_> {
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Streams one after the other until the course is over. `connection` tells this one from others.
    pub(super) fn converse(&self, connection: u64) {
        let mut kept = None;
        for turn in 0.. {
            if (self.is_over)() {
                break;
            }
            let number = (connection << 16) + turn;
            let mut random = random::of_item(self.count, number);
            let cut = (turn % CUT_EVERY == CUT_EVERY - 1).then(|| random.u64(..self.count) + 1);
            let socket = match kept.take().map_or_else(|| connect(self.address), Ok) {
                Ok(socket) => socket,
                Err(error) => return self.tally().deviation(format!("cannot connect: {error}")),
            };
            if (Stream { course: self, number, socket: &socket, cut }).run() {
                kept = Some(socket);
            }
        }
    }
}

impl Stream<'_> {
    /// Sends and reads; whether the connection can go on.
    fn run(self) -> bool {
        let (mut sent, mut answered) = (0, 0);
        let (read, taken) = std::thread::scope(|scope| {
            let sender = scope.spawn(|| self.send(&mut sent));
            let read = self.read(&mut answered);
            if read.is_err() {
                // Whoever still sends has nobody left to send to.
                let _ = self.socket.shutdown(Shutdown::Both);
            }
            (read, sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let mut tally = self.course.tally();
        let is_wrong = read.as_ref().is_err_and(|error| error.kind() == ErrorKind::InvalidData);
        if self.cut.is_some() && taken.is_ok() && !is_wrong {
            tally.cut += 1;
            return false;
        }
        let is_whole = read.is_ok() && taken.is_ok() && sent == answered;
        if is_whole {
            tally.whole += 1;
        } else {
            let taken = taken.map_err(|error| Error::other(format!("not taken: {error}")));
            let errors: Vec<String> =
                [read, taken].into_iter().filter_map(|it| Some(it.err()?.to_string())).collect();
            let (number, errors) = (self.number, errors.join("; "));
            tally.deviation(format!(
                "stream {number} ended after {answered} answers to {sent} records: {errors}"
            ));
        }
        is_whole
    }

    fn send(mut self, sent: &mut u64) -> Result<()> {
        self.socket.write_all(
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
              transfer-encoding: chunked\r\n\r\n",
        )?;
        let end = self.cut.unwrap_or(self.course.count);
        let (mut text, mut chunk) = (String::new(), Vec::new());
        while *sent < end && !(self.course.is_over)() {
            text.clear();
            while *sent < end && text.len() < CHUNK_BYTES {
                self.course.lines.push(self.number, *sent, &mut text);
                *sent += 1;
            }
            chunk.clear();
            write!(chunk, "{:x}\r\n{text}\r\n", text.len())?;
            self.socket.write_all(&chunk)?;
            self.course.tally().sent_bytes += text.len() as u64;
        }
        if self.cut.is_none() {
            return self.socket.write_all(b"0\r\n\r\n");
        }
        // If it is closed already, the server was first.
        let _ = self.socket.shutdown(Shutdown::Both);
        Ok(())
    }

    /// Reads up to the last chunk. An error of the kind `InvalidData` says that the server has sent what
    /// it must not; any other that the connection did not last.
    fn read(self, answered: &mut u64) -> Result<()> {
        let (mut socket, mut last, mut received) = (self.socket, Instant::now(), Vec::new());
        let mut scratch = vec![0; READ_BYTES];
        let mut more = |received: &mut Vec<u8>| match socket.read(&mut scratch)? {
            0 => Err(Error::other("the answer was cut")),
            count => {
                received.extend_from_slice(&scratch[..count]);
                Ok(())
            }
        };
        let head = loop {
            match framing::head(&received, |_| {}).map_err(|error| wrong(format!("{error:#}")))? {
                Some(head) => break head,
                None => more(&mut received)?,
            }
        };
        if head.status != 200 || head.framing != Framing::Chunked {
            let body = String::from_utf8_lossy(&received[head.bytes..]);
            return Err(wrong(format!("status {} instead of a stream: {body}", head.status)));
        }
        received.drain(..head.bytes);
        let mut lines = Vec::new();
        loop {
            let mut used = 0;
            while let Some((content, bytes)) =
                framing::chunk(&received[used..]).map_err(|error| wrong(error.to_string()))?
            {
                used += bytes;
                lines.extend_from_slice(content);
                if content.is_empty() {
                    self.judge(&mut lines, answered, &mut last);
                    let is_whole = lines.is_empty();
                    return is_whole.then_some(()).ok_or_else(|| wrong("half a line at the end"));
                }
            }
            received.drain(..used);
            self.judge(&mut lines, answered, &mut last);
            more(&mut received)?;
        }
    }

    /// Judges the whole lines and leaves the rest. `last` is when the line before them came, or the
    /// stream began.
    fn judge(&self, lines: &mut Vec<u8>, answered: &mut u64, last: &mut Instant) {
        let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        if end == 0 {
            return;
        }
        let mut tally = self.course.tally();
        let (now, before) = (Instant::now(), *last);
        *last = now;
        match *answered {
            0 => tally.first_line.push(now - before),
            _ => tally.gap_max = tally.gap_max.max(now - before),
        }
        for line in lines[..end - 1].split(|byte| *byte == b'\n') {
            match self.course.lines.judge(self.number, *answered, line) {
                Ok(kind) => tally.right[kind as usize] += 1,
                Err(deviation) => tally.deviation(deviation),
            }
            *answered += 1;
        }
        tally.received_bytes += end as u64;
        lines.drain(..end);
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}
