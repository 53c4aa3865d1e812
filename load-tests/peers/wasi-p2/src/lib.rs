//! The component that hosts of `wasi:http` 0.2 are compared with: the thinnest one that gives the
//! answers of `peer-answers`, built as everybody builds one, with std and its allocator.
//!
//! It makes the fewest calls of the host that an answer can be given with. Making it slower would
//! make the comparison worthless.
#![forbid(unsafe_code)]
#![cfg(target_family = "wasm")]

use peer_answers::{Answer, PROGRAM, Program};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

/// More than a connection of hyper ever hands over at once.
const READ_BYTES_MAX: u64 = 1 << 20;

thread_local! {
    /// Compiled when the instance's first document comes; an instance that is used again has it.
    static COMPILED: Program = Program::compile(PROGRAM).expect("it is tested natively");
}

struct Peer;

wasip2::http::proxy::export!(Peer);

impl Guest for Peer {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answer = match request.method() {
            Method::Get => Answer::hello(),
            _ => match body_of(&request) {
                Ok(document) => COMPILED.with(|program| Answer::transformed(program, &document)),
                Err(message) => Answer::failed(400, message),
            },
        };
        respond(&answer, out);
    }
}

fn body_of(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().expect("it is consumed once");
    let stream = body.stream().expect("it is taken once");
    let mut document = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES_MAX) {
            // Most documents come at once, and are not copied.
            Ok(first) if document.is_empty() => document = first,
            Ok(more) => document.extend_from_slice(&more),
            Err(StreamError::Closed) => return Ok(document),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

fn respond(answer: &Answer, out: ResponseOutparam) {
    let mut fields = Vec::new();
    if let Some(content_type) = answer.content_type {
        fields.push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
        // Without it the host would send chunks.
        let length = answer.body.len().to_string().into_bytes();
        fields.push(("content-length".to_owned(), length));
    }
    let fields = Fields::from_list(&fields).expect("these are fields");
    let response = OutgoingResponse::new(fields);
    if answer.status != 200 {
        response.set_status_code(answer.status).expect("it is a status");
    }
    let body = response.body().expect("it is taken once");
    let stream = body.write().expect("it is taken once");
    // What the host takes without waiting is written before the answer is given, so that head and
    // body leave together.
    let rest = write(&stream, &answer.body);
    ResponseOutparam::set(out, Ok(response));
    write_all(&stream, rest);
    drop(stream);
    // A client that has gone is not this component's affair.
    let _ = OutgoingBody::finish(body, None);
}

/// Writes what the host takes, and gives what is left.
fn write<'a>(stream: &OutputStream, bytes: &'a [u8]) -> &'a [u8] {
    if bytes.is_empty() {
        return bytes;
    }
    let room = stream.check_write().unwrap_or(0);
    let (now, later) = bytes.split_at(bytes.len().min(room as usize));
    if now.is_empty() || stream.write(now).is_ok() { later } else { bytes }
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.subscribe().block();
        let rest = write(stream, bytes);
        if rest.len() == bytes.len() {
            // Nothing was taken although there was room: nobody listens any more.
            return;
        }
        bytes = rest;
    }
}
