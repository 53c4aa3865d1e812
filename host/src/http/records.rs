//! Streams of records (`application/x-ndjson`) through a box of fixed size.
//!
//! The body is cut at line ends into batches as it comes. Each batch is one call of the guest, so
//! the arena is reset per batch, and the answers leave before more is read: a body of any length
//! needs no more memory than its longest record. A record that fails has an error line in its
//! place. The last chunk is sent only when all records are answered: a stream without one was cut.

use std::rc::Rc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, Version};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::http::body::{Aborted, Body};
use crate::http::message::{lower, media_type};
use crate::http::problem::Problem;
use crate::http::receive::next_in_time;
use crate::http::service::Service;
use crate::pool::slots::Slots;
use crate::runtime::bindings::{self, nanoseconds};

const MEDIA_TYPE: &str = "application/x-ndjson";
/// Tells the guest the number of a batch's first record in the stream, counted from 1.
const FIRST_RECORD: &str = "arenaria-first-record";

/// Whether a request brings a stream of records.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    const NAMES: [&str; 3] = [MEDIA_TYPE, "application/ndjson", "application/jsonl"];
    let found = media_type(headers);
    found.is_some_and(|found| NAMES.iter().any(|name| name.eq_ignore_ascii_case(found)))
}

/// Begins a stream of answers.
pub(crate) async fn respond(
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    head: Parts,
    incoming: Incoming,
    received_at: SystemTime,
) -> Result<Response<Body>, Problem> {
    if head.version < Version::HTTP_11 {
        return Err(Problem::BadRequest("a stream of records needs HTTP/1.1"));
    }
    // What would be shed as a single request is shed as a stream, before anything is answered.
    drop(slots.acquire().await.map_err(Problem::ShedUnread)?);
    let (frames, received) = mpsc::channel(1);
    let stream = RecordStream {
        service: Rc::clone(service),
        slots: Rc::clone(slots),
        head,
        received_at: nanoseconds(received_at),
        frames,
    };
    spawn_local(async move {
        if stream.run(incoming).await.is_err() {
            // This fails only if the client has left.
            let _ = stream.frames.send(Err(Aborted)).await;
        }
    });
    let mut response = Response::new(Body::stream(received));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

/// Carries records to the guest and answers to the client.
struct RecordStream {
    service: Rc<Service>,
    slots: Rc<Slots>,
    head: Parts,
    received_at: u64,
    frames: mpsc::Sender<Result<Frame<Bytes>, Aborted>>,
}

impl RecordStream {
    /// Processes the stream to its end.
    ///
    /// # Errors
    ///
    /// If the stream cannot go on: the client left, stalled or sent malformed HTTP, or there was no slot
    /// or no memory for a record.
    async fn run(&self, mut incoming: Incoming) -> Result<(), Aborted> {
        let limits = &self.slots.route.limits;
        let mut splitter = LineSplitter::new(limits.request_body.bytes());
        let mut pieces = Vec::new();
        // For the record that is not complete yet.
        let mut held = self.service.bodies.part();
        loop {
            let data =
                next_in_time(&mut incoming, limits.body_time.0).await.map_err(|_| Aborted)?;
            let is_last = data.is_none();
            match data {
                Some(data) => splitter.push(data, &mut pieces),
                None => splitter.finish(&mut pieces),
            }
            if !held.resize(splitter.pending.len() as u64) {
                return Err(Aborted);
            }
            for piece in pieces.drain(..) {
                match piece {
                    Piece::Lines(batch) => self.process_batch(batch).await?,
                    Piece::TooLong(record) => {
                        self.send(self.line(&Problem::BodyTooLarge, record)).await?;
                    }
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Answers a batch, and if it fails as a whole, record by record.
    async fn process_batch(&self, batch: Batch) -> Result<(), Aborted> {
        let Err(problem) = self.call(&batch).await? else { return Ok(()) };
        if batch.count() == 1 {
            return self.send(self.line(&problem, batch.first)).await;
        }
        for line in batch.lines() {
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            if let Err(problem) = self.call(&line).await? {
                self.send(self.line(&problem, line.first)).await?;
            }
        }
        Ok(())
    }

    /// One call of the guest. Its answer is sent if it is one.
    async fn call(&self, batch: &Batch) -> Result<Result<(), Problem>, Aborted> {
        let first = batch.first.to_string();
        let mut headers = Vec::new();
        let request = match lower(
            &self.slots.route,
            &self.head,
            &batch.bytes,
            self.received_at,
            &mut headers,
        ) {
            Ok(request) => request,
            Err(problem) => return Ok(Err(problem)),
        };
        let forwarded = request.headers.iter().copied().filter(|(name, _)| *name != CONTENT_TYPE);
        let own = [("content-type", MEDIA_TYPE), (FIRST_RECORD, first.as_str())];
        let headers: Vec<_> = own.into_iter().chain(forwarded).collect();
        let request = bindings::Request { headers: &headers, ..request };
        let mut lease = tokio::select! {
            lease = self.slots.wait(self.slots.route.limits.body_time.0) => lease.map_err(|_| Aborted)?,
            () = self.frames.closed() => return Err(Aborted),
        };
        let response = lease.handle(request).await;
        drop(lease);
        match response {
            Err(fault) => Ok(Err(Problem::Fault(fault))),
            Ok(response) if !matches!(response.status, 200..=299) => {
                Ok(Err(Problem::BatchRefused(response.status)))
            }
            Ok(response) => {
                let mut lines = response.body;
                if !lines.is_empty() && !lines.ends_with(b"\n") {
                    lines.push(b'\n');
                }
                self.send(lines).await.map(Ok)
            }
        }
    }

    fn line(&self, problem: &Problem, record: u64) -> Vec<u8> {
        problem.line(self.service.limits_of(&self.slots.route), record)
    }

    /// Waits until what was sent before is on its way: the client's pace is the stream's.
    async fn send(&self, lines: Vec<u8>) -> Result<(), Aborted> {
        if lines.is_empty() {
            return Ok(());
        }
        let lines = self.service.bodies.hold(lines).ok_or(Aborted)?;
        self.frames.send(Ok(Frame::data(lines))).await.map_err(|_| Aborted)
    }
}

/// Whole lines, and the number of the first of them in the stream.
#[derive(Debug, PartialEq)]
struct Batch {
    bytes: Bytes,
    first: u64,
}

impl Batch {
    fn count(&self) -> usize {
        let ends = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        ends + usize::from(!self.bytes.ends_with(b"\n"))
    }

    fn lines(&self) -> impl Iterator<Item = Self> {
        let mut rest = self.bytes.clone();
        let mut first = self.first;
        std::iter::from_fn(move || {
            let bytes = rest.split_to(line_end(&rest)?);
            first += 1;
            Some(Self { bytes, first: first - 1 })
        })
    }
}

/// Where the first line ends, its line feed included; none if there is no line.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |index| index + 1);
    (end > 0).then_some(end)
}

#[derive(Debug, PartialEq)]
enum Piece {
    Lines(Batch),
    /// The record with this number is longer than a record may be.
    TooLong(u64),
}

/// Cuts a stream of bytes at line ends. Holds no more than one record.
struct LineSplitter {
    most: usize,
    /// The number of the next record.
    next: u64,
    /// The beginning of a record whose end has not come.
    pending: BytesMut,
    /// The record that is coming is too long: the rest of it is passed over.
    skipping: bool,
}

impl LineSplitter {
    fn new(most: usize) -> Self {
        Self { most, next: 1, pending: BytesMut::new(), skipping: false }
    }

    fn push(&mut self, mut data: Bytes, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            let end = data.iter().position(|byte| *byte == b'\n').map(|index| index + 1);
            let begin = data.split_to(end.unwrap_or(data.len()));
            self.extend(&begin, pieces);
            if end.is_none() {
                return;
            }
            self.end(pieces);
        }
        let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let rest = data.split_off(whole);
        self.group(data, pieces);
        self.extend(&rest, pieces);
    }

    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            self.end(pieces);
        }
    }

    /// Goes on with the record that is coming.
    fn extend(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        if self.skipping {
            return;
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if self.pending.len() + text.len() > self.most {
            pieces.push(Piece::TooLong(self.next));
            self.pending.clear();
            self.skipping = true;
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Ends the record that was coming.
    fn end(&mut self, pieces: &mut Vec<Piece>) {
        if !std::mem::take(&mut self.skipping) {
            pieces.push(Piece::Lines(Batch {
                bytes: self.pending.split().freeze(),
                first: self.next,
            }));
        }
        self.next += 1;
    }

    /// Makes batches of whole lines, each as large as a body may be, its last line feed aside.
    fn group(&mut self, mut lines: Bytes, pieces: &mut Vec<Piece>) {
        while !lines.is_empty() {
            let mut size = 0;
            let mut count = 0;
            while let Some(end) = line_end(&lines[size..]).filter(|end| size + end <= self.most + 1)
            {
                size += end;
                count += 1;
            }
            if count == 0 {
                let end = line_end(&lines).expect("there are lines left");
                drop(lines.split_to(end));
                pieces.push(Piece::TooLong(self.next));
                self.next += 1;
            } else {
                pieces.push(Piece::Lines(Batch { bytes: lines.split_to(size), first: self.next }));
                self.next += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a text at every possible pair of places and expects the same records each time.
    #[track_caller]
    fn check(text: &str, most: usize, expected: &[(u64, Option<&str>)]) {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut splitter = LineSplitter::new(most);
                let mut pieces = Vec::new();
                for part in [&text[..first], &text[first..second], &text[second..]] {
                    splitter.push(Bytes::copy_from_slice(part.as_bytes()), &mut pieces);
                }
                splitter.finish(&mut pieces);
                let mut found = Vec::new();
                for piece in &pieces {
                    match piece {
                        Piece::TooLong(record) => found.push((*record, None)),
                        Piece::Lines(batch) => {
                            assert!(batch.bytes.len() <= most + 1);
                            assert_eq!(batch.lines().count(), batch.count());
                            found.extend(batch.lines().map(|line| {
                                (line.first, Some(String::from_utf8(line.bytes.to_vec()).unwrap()))
                            }));
                        }
                    }
                }
                let expected: Vec<_> = expected
                    .iter()
                    .map(|(record, line)| (*record, line.map(str::to_owned)))
                    .collect();
                assert_eq!(found, expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn records_are_the_same_wherever_the_network_cuts() {
        check("", 10, &[]);
        check("1\n", 10, &[(1, Some("1\n"))]);
        check("1\n\n3\n", 10, &[(1, Some("1\n")), (2, Some("\n")), (3, Some("3\n"))]);
        check("{}\n[1]\n\"ab\"", 10, &[(1, Some("{}\n")), (2, Some("[1]\n")), (3, Some("\"ab\""))]);
    }

    #[test]
    fn a_record_that_is_too_long_is_named_and_passed_over() {
        check("1\n123456789\n3\n", 5, &[(1, Some("1\n")), (2, None), (3, Some("3\n"))]);
        check("123456789", 5, &[(1, None)]);
        check("12345\n123456\n", 5, &[(1, Some("12345\n")), (2, None)]);
    }
}
