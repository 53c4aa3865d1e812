//! `wasi:http/handler`. While one request waits, the host may run another one in the same instance.
//!
//! A request waits for its body, and until its answer has been taken. It does not wait in between,
//! while the processor works: the processor's arena is empty before and after.

use std::cell::RefCell;

use bridge::{Answer, Body, Bridge, Imported, Problem};
use wasip3::clocks::system_clock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{spawn_local, wit_future, wit_stream};

/// The most bytes of a body that one read takes. Most bodies fit.
const READ_BYTES_MAX: usize = 16 << 10;

thread_local! {
    /// Set by the first request. Never borrowed while something waits.
    static BRIDGE: RefCell<Option<Bridge<Imported>>> = const { RefCell::new(None) };
}

struct Serve;

wasip3::http::service::export!(Serve);

impl Guest for Serve {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let answer = answer(request).await.unwrap_or_else(|problem| problem.answer());
        Ok(response(answer))
    }
}

async fn answer(incoming: Request) -> Result<Answer, Problem> {
    let now = system_clock::now();
    let seconds = u64::try_from(now.seconds).unwrap_or(0);
    let received_at = seconds * 1_000_000_000 + u64::from(now.nanoseconds);
    let method = name_of(incoming.get_method());
    let path_with_query = incoming.get_path_with_query().unwrap_or_else(|| "/".to_owned());
    let fields = incoming.get_headers().copy_all();
    let (mut body, headers) = with_bridge(|bridge| {
        let body = bridge.body(&fields)?;
        Ok((body, bridge.forwarded(fields)?))
    })?;
    read(incoming, &mut body).await?;
    let body = body.into_bytes();
    let request = bridge::Request { method, path_with_query, headers, body, received_at };
    with_bridge(|bridge| Ok(bridge.answer(request)))
}

fn with_bridge<T>(
    work: impl FnOnce(&mut Bridge<Imported>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    BRIDGE.with_borrow_mut(|bridge| match bridge {
        Some(bridge) => work(bridge),
        None => work(bridge.insert(Bridge::new(Imported, settings()?))),
    })
}

#[cfg(not(feature = "config"))]
fn settings() -> Result<Vec<(String, String)>, Problem> {
    Ok(bridge::from_environment(wasip3::cli::environment::get_environment()))
}

#[cfg(feature = "config")]
fn settings() -> Result<Vec<(String, String)>, Problem> {
    bridge::config_store().map_err(Problem::Refused)
}

async fn read(incoming: Request, body: &mut Body) -> Result<(), Problem> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut stream, trailers) = Request::consume_body(incoming, consumed);
    loop {
        let (status, arrived) = stream.read(Vec::with_capacity(READ_BYTES_MAX)).await;
        body.push(arrived)?;
        match status {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => break,
        }
    }
    // The stream does not tell whether the body was complete; the trailers do.
    trailers.await.map(drop).map_err(|_| Problem::BodyBroken)
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

fn response(answer: Answer) -> Response {
    let Answer { status, headers, body } = match Fields::from_list(&answer.headers) {
        Ok(fields) => return with_contents(fields, answer.status, answer.body),
        Err(why) => Problem::of_refused_field(&why.to_string()).answer(),
    };
    let fields = Fields::from_list(&headers).expect("a problem sets standard fields only");
    with_contents(fields, status, body)
}

fn with_contents(fields: Fields, status: u16, body: Vec<u8>) -> Response {
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let contents = (!body.is_empty()).then(|| {
        let (mut writer, contents) = wit_stream::new();
        // The host reads the body after it has received the response.
        spawn_local(async move {
            // The client may have left; the host handles that.
            let _ = writer.write_all(body).await;
        });
        contents
    });
    let (response, _) = Response::new(fields, contents, no_trailers);
    response.set_status_code(status).expect("it is in 200 to 599");
    response
}
