//! Streams of records (`application/x-ndjson`), processed in a fixed amount of memory.
//!
//! The body is split at line ends into batches as it arrives. Each batch is one call of the guest,
//! so the arena is reset after each batch. The results are sent before more of the body is read. So
//! a body of any length needs no more memory than its longest record. A record that fails produces
//! an error line in its place. The last chunk is sent only after all records: a response without it
//! was truncated.
//!
//! If the body has a coding, it is decoded as it arrives. If that fails, the last line says why, and the
//! response is truncated.

use std::rc::Rc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, Version};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::http::body::{Aborted, Body};
use crate::http::decoding::Decoding;
use crate::http::message::{lower, media_type, take_coding};
use crate::http::meter::{Meter, Stage};
use crate::http::problem::Problem;
use crate::http::receive::next_in_time;
use crate::http::record_lines::{Batch, LineSplitter, Piece};
use crate::http::service::Service;
use crate::pool::body_budget::Reserved;
use crate::pool::slots::Slots;
use crate::runtime::bindings::{self, nanoseconds};
use crate::runtime::request_ids::{RequestIds, RequestNumber};

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
    number: RequestNumber,
    head: &mut Parts,
    incoming: Incoming,
    received_at: SystemTime,
    meter: &Meter,
) -> Result<Response<Body>, Problem> {
    if head.version < Version::HTTP_11 {
        return Err(Problem::BadRequest("a stream of records requires HTTP/1.1"));
    }
    let coding = match incoming.is_end_stream() {
        true => None,
        false => take_coding(&mut head.headers)?,
    };
    // Overload is reported now: once the response has begun, its status cannot change.
    meter.enter(Stage::Queue);
    drop(slots.acquire().await.map_err(Problem::ShedUnread)?);
    meter.enter(Stage::Host);
    let decoding = coding.map(|coding| {
        // Only each record has a limit, not the whole.
        Decoding::new(coding, None, &slots.route.limits, &slots.bodies)
    });
    let decoding = decoding.transpose()?;
    let (frames, received) = mpsc::channel(1);
    let stream = RecordStream {
        service: Rc::clone(service),
        slots: Rc::clone(slots),
        ids: RequestIds::of(number, &head.headers),
        head: std::mem::replace(head, Request::new(()).into_parts().0),
        received_at: nanoseconds(received_at),
        frames,
        meter: meter.clone(),
    };
    spawn_local(async move {
        if stream.run(incoming, decoding).await.is_err() {
            // This fails only if the client has left.
            if stream.frames.send(Err(Aborted)).await.is_ok() {
                stream.slots.response_was_cut(&|| stream.ids);
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
    ids: RequestIds,
    received_at: u64,
    frames: mpsc::Sender<Result<Frame<Bytes>, Aborted>>,
    meter: Meter,
}

impl RecordStream {
    /// Processes the stream to its end.
    ///
    /// # Errors
    ///
    /// If the stream cannot go on: the client left, stalled or sent malformed HTTP, or there was no
    /// slot or no memory for a record.
    async fn run(
        &self,
        mut incoming: Incoming,
        mut decoding: Option<Decoding>,
    ) -> Result<(), Aborted> {
        let limits = &self.slots.route.limits;
        let mut splitter = LineSplitter::new(limits.request_body.bytes());
        // The reserved memory of the incomplete last record.
        let mut held = self.slots.bodies.part();
        let time = limits.body_time.0;
        loop {
            let data = next_in_time(&mut incoming, time, &self.meter).await;
            let Some(data) = data.map_err(|_| Aborted)? else { break };
            let Some(decoding) = &mut decoding else {
                self.process(&mut splitter, Some(data), &mut held).await?;
                continue;
            };
            decoding.give(data);
            loop {
                match decoding.next().await {
                    Ok(None) => break,
                    Ok(data) => self.process(&mut splitter, data, &mut held).await?,
                    Err(problem) => return self.abort(&problem, splitter.next).await,
                }
            }
        }
        if let Some(Err(problem)) = decoding.map(|decoding| decoding.end()) {
            return self.abort(&problem, splitter.next).await;
        }
        self.process(&mut splitter, None, &mut held).await
    }

    /// Processes the records that are complete with this data, or at the end of the stream.
    async fn process(
        &self,
        splitter: &mut LineSplitter,
        data: Option<Bytes>,
        held: &mut Reserved,
    ) -> Result<(), Aborted> {
        let mut pieces = Vec::new();
        match data {
            Some(data) => splitter.push(data, &mut pieces),
            None => splitter.finish(&mut pieces),
        }
        if !held.resize(splitter.pending.len() as u64) {
            return Err(Aborted);
        }
        for piece in pieces {
            match piece {
                Piece::Lines(batch) => self.process_batch(batch).await?,
                Piece::TooLong(record) => {
                    self.send(self.line(&Problem::BodyTooLarge, record)).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends a stream that cannot be decoded from this record on.
    async fn abort(&self, problem: &Problem, record: u64) -> Result<(), Aborted> {
        self.send(self.line(problem, record)).await?;
        Err(Aborted)
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
        self.meter.enter(Stage::Queue);
        let mut lease = tokio::select! {
            lease = self.slots.wait(self.slots.route.limits.body_time.0) => lease.map_err(|_| Aborted)?,
            () = self.frames.closed() => return Err(Aborted),
        };
        self.meter.enter(Stage::Guest);
        let response = lease.handle(request, &|| self.ids).await;
        self.meter.enter(Stage::Host);
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
        problem.log(&self.slots.route, limits, &|| self.ids);
        problem.line(limits, record, self.service.shown(&|| self.ids))
    }

    /// Sends lines to the client. Waits until the lines before are sent: the client's speed limits
    /// the stream.
    async fn send(&self, lines: Vec<u8>) -> Result<(), Aborted> {
        if lines.is_empty() {
            return Ok(());
        }
        let lines = self.slots.bodies.hold(lines).ok_or(Aborted)?;
        self.frames.send(Ok(Frame::data(lines))).await.map_err(|_| Aborted)
    }
}
