//! Streams of records (`application/x-ndjson`), processed in a fixed amount of memory.
//!
//! The body is split at line ends into batches as it arrives. Each batch is one call of the guest,
//! so the arena is reset after each batch. The results are sent before more of the body is read. So
//! a body of any length needs no more memory than its longest record. A record that fails produces
//! an error line in its place. The last chunk is sent only after all records: a response without it
//! was truncated.

use std::rc::Rc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, Version};
use memchr::{memchr, memchr_iter, memrchr};
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
/// The header field with the number of a batch's first record in the stream, counted from 1.
const FIRST_RECORD: &str = "arenaria-first-record";

/// Whether a request's body is a stream of records.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    const NAMES: [&str; 3] = [MEDIA_TYPE, "application/ndjson", "application/jsonl"];
    let found = media_type(headers);
    found.is_some_and(|found| NAMES.iter().any(|name| name.eq_ignore_ascii_case(found)))
}

/// Starts to process a stream of records. The response's body is sent as records are processed.
pub(crate) async fn respond(
    service: &Rc<Service>,
    slots: &Rc<Slots>,
    head: Parts,
    incoming: Incoming,
    received_at: SystemTime,
) -> Result<Response<Body>, Problem> {
    if head.version < Version::HTTP_11 {
        return Err(Problem::BadRequest("a stream of records requires HTTP/1.1"));
    }
    // Overload is reported now: once the response has begun, its status cannot change.
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
            if stream.frames.send(Err(Aborted)).await.is_ok() {
                stream.slots.response_was_cut();
            }
        }
    });
    let mut response = Response::new(Body::stream(received));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

/// A stream of records on its way to the guest, and of results on their way to the client.
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
    /// If the stream cannot go on: the client left, stalled or sent malformed HTTP, or there was no
    /// slot or no memory for a record.
    async fn run(&self, mut incoming: Incoming) -> Result<(), Aborted> {
        let limits = &self.slots.route.limits;
        let mut splitter = LineSplitter::new(limits.request_body.bytes());
        let mut pieces = Vec::new();
        // The reserved memory of the incomplete last record.
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

    /// Processes a batch in one call. If that fails, processes each of its records in a call of its
    /// own.
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

    /// Calls the guest once, and sends its results if it succeeded.
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
        lease.finish();
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
        let limits = self.service.limits_of(&self.slots.route);
        problem.log(&self.slots.route, limits);
        problem.line(limits, record)
    }

    /// Sends lines to the client. Waits until the lines before are sent: the client's speed limits
    /// the stream.
    async fn send(&self, lines: Vec<u8>) -> Result<(), Aborted> {
        if lines.is_empty() {
            return Ok(());
        }
        let lines = self.service.bodies.hold(lines).ok_or(Aborted)?;
        self.frames.send(Ok(Frame::data(lines))).await.map_err(|_| Aborted)
    }
}

/// Whole lines, and the number of the first one in the stream.
#[derive(Debug, PartialEq)]
struct Batch {
    bytes: Bytes,
    first: u64,
}

impl Batch {
    fn count(&self) -> usize {
        let ends = memchr_iter(b'\n', &self.bytes).count();
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

/// The length of the first line with its line feed; none if there are no bytes.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let end = memchr(b'\n', bytes).map_or(bytes.len(), |index| index + 1);
    (end > 0).then_some(end)
}

#[derive(Debug, PartialEq)]
enum Piece {
    Lines(Batch),
    /// The record with this number is too long.
    TooLong(u64),
}

/// Splits a stream of bytes at line ends. Holds at most one record.
struct LineSplitter {
    most: usize,
    /// The number of the next record.
    next: u64,
    /// The beginning of a record that has not arrived completely.
    pending: BytesMut,
    /// Whether the current record is too long. The rest of it is skipped.
    skipping: bool,
}

impl LineSplitter {
    fn new(most: usize) -> Self {
        Self { most, next: 1, pending: BytesMut::new(), skipping: false }
    }

    fn push(&mut self, mut data: Bytes, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            let end = memchr(b'\n', &data).map(|index| index + 1);
            let begin = data.split_to(end.unwrap_or(data.len()));
            self.extend(&begin, pieces);
            if end.is_none() {
                return;
            }
            self.end(pieces);
        }
        let whole = memrchr(b'\n', &data).map_or(0, |index| index + 1);
        let rest = data.split_off(whole);
        self.group(data, pieces);
        self.extend(&rest, pieces);
    }

    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if self.skipping || !self.pending.is_empty() {
            self.end(pieces);
        }
    }

    /// Adds bytes to the current record.
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

    /// Completes the current record.
    fn end(&mut self, pieces: &mut Vec<Piece>) {
        if !std::mem::take(&mut self.skipping) {
            pieces.push(Piece::Lines(Batch {
                bytes: self.pending.split().freeze(),
                first: self.next,
            }));
        }
        self.next += 1;
    }

    /// Makes batches of whole lines. Each is at most as large as a body may be, not counting its
    /// last line feed.
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

    /// Splits a text at every possible pair of positions and expects the same records each time.
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
                assert_eq!(found, expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn records_do_not_depend_on_how_the_network_splits_them() {
        check("", 10, &[]);
        check("1\n", 10, &[(1, Some("1\n"))]);
        check("1\n\n3\n", 10, &[(1, Some("1\n")), (2, Some("\n")), (3, Some("3\n"))]);
        check("{}\n[1]\n\"ab\"", 10, &[(1, Some("{}\n")), (2, Some("[1]\n")), (3, Some("\"ab\""))]);
    }

    #[test]
    fn a_record_that_is_too_long_is_reported_and_skipped() {
        check("1\n123456789\n3\n", 5, &[(1, Some("1\n")), (2, None), (3, Some("3\n"))]);
        check("123456789", 5, &[(1, None)]);
        check("12345\n123456\n", 5, &[(1, Some("12345\n")), (2, None)]);
    }
}
