//! `wasi:http/incoming-handler`: one request at a time, from its first byte to its last.

use std::cell::RefCell;

use bridge::{Answer, Bridge, Imported, Problem, Request};
use wasip2::clocks::wall_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

/// The most bytes of a body that one read takes.
const READ_BYTES_MAX: u64 = 1 << 20;

thread_local! {
    /// Set by the first request.
    static BRIDGE: RefCell<Option<Bridge<Imported>>> = const { RefCell::new(None) };
}

struct Serve;

wasip2::http::proxy::export!(Serve);

impl Guest for Serve {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let now = wall_clock::now();
        let received_at = now.seconds * 1_000_000_000 + u64::from(now.nanoseconds);
        let answer = answer(&request, received_at).unwrap_or_else(|problem| problem.answer());
        respond(answer, out);
    }
}

fn answer(incoming: &IncomingRequest, received_at: u64) -> Result<Answer, Problem> {
    BRIDGE.with_borrow_mut(|bridge| {
        let bridge = match bridge {
            Some(bridge) => bridge,
            None => bridge.insert(Bridge::new(Imported, settings()?)),
        };
        let fields = incoming.headers().entries();
        let mut body = bridge.body(&fields)?;
        read(incoming, &mut body)?;
        let request = Request {
            method: name_of(incoming.method()),
            path_with_query: incoming.path_with_query().unwrap_or_else(|| "/".to_owned()),
            headers: bridge.forwarded(fields)?,
            body: body.into_bytes(),
            received_at,
        };
        Ok(bridge.answer(request))
    })
}

#[cfg(not(feature = "config"))]
fn settings() -> Result<Vec<(String, String)>, Problem> {
    Ok(bridge::from_environment(wasip2::cli::environment::get_environment()))
}

#[cfg(feature = "config")]
fn settings() -> Result<Vec<(String, String)>, Problem> {
    bridge::config_store().map_err(Problem::Refused)
}

fn read(incoming: &IncomingRequest, body: &mut bridge::Body) -> Result<(), Problem> {
    let contents = incoming.consume().map_err(|()| Problem::BodyBroken)?;
    let stream = contents.stream().map_err(|()| Problem::BodyBroken)?;
    loop {
        match stream.blocking_read(READ_BYTES_MAX) {
            Ok(arrived) => body.push(arrived)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(_)) => return Err(Problem::BodyBroken),
        }
    }
}

fn name_of(method: Method) -> String {
    let name = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}

fn respond(answer: Answer, out: ResponseOutparam) {
    let (response, contents) = response(answer);
    let body = response.body().expect("it is taken once");
    let stream = body.write().expect("it is taken once");
    // Written before the head is given to the host, so that head and body leave together.
    let rest = write(&stream, &contents);
    ResponseOutparam::set(out, Ok(response));
    write_all(&stream, rest);
    drop(stream);
    // The client may have left; the host handles that.
    let _ = OutgoingBody::finish(body, None);
}

/// The head of an answer, and its body.
fn response(answer: Answer) -> (OutgoingResponse, Vec<u8>) {
    let Answer { status, headers, body } = match Fields::from_list(&answer.headers) {
        Ok(fields) => return (with_status(fields, answer.status), answer.body),
        Err(why) => Problem::of_refused_field(&why.to_string()).answer(),
    };
    let fields = Fields::from_list(&headers).expect("a problem sets standard fields only");
    (with_status(fields, status), body)
}

fn with_status(fields: Fields, status: u16) -> OutgoingResponse {
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).expect("it is in 200 to 599");
    response
}

/// Writes what the host takes without waiting, and returns the rest.
fn write<'a>(stream: &OutputStream, bytes: &'a [u8]) -> &'a [u8] {
    if bytes.is_empty() {
        return bytes;
    }
    let room = usize::try_from(stream.check_write().unwrap_or(0)).unwrap_or(usize::MAX);
    let (now, later) = bytes.split_at(bytes.len().min(room));
    if now.is_empty() || stream.write(now).is_ok() { later } else { bytes }
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.subscribe().block();
        let rest = write(stream, bytes);
        if rest.len() == bytes.len() {
            // Nothing was taken although there was room: the stream is closed.
            return;
        }
        bytes = rest;
    }
}
