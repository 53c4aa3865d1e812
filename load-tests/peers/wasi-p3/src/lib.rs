//! The component that hosts of `wasi:http` 0.3 are compared with: the thinnest one that gives the
//! answers of `peer-answers`, built as everybody builds one, with std and its allocator.
//!
//! It makes the fewest calls of the host that an answer can be given with. Making it slower would
//! make the comparison worthless.
#![forbid(unsafe_code)]
#![cfg(target_family = "wasm")]

use peer_answers::{Answer, PROGRAM, Program};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{spawn_local, wit_future, wit_stream};

/// Most documents fit, and are read into place with one call of the host.
const DOCUMENT_BYTES: usize = 16 << 10;

thread_local! {
    /// Compiled when the instance's first document comes; an instance that is used again has it.
    static COMPILED: Program = Program::compile(PROGRAM).expect("it is tested natively");
}

struct Peer;

wasip3::http::service::export!(Peer);

impl Guest for Peer {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let answer = match request.get_method() {
            Method::Get => Answer::hello(),
            _ => {
                let document = body_of(request).await;
                COMPILED.with(|program| Answer::transformed(program, &document))
            }
        };
        Ok(response(answer))
    }
}

/// What has come until the body ended. If the client cut it off, it is not a document.
async fn body_of(request: Request) -> Vec<u8> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut stream, _) = Request::consume_body(request, consumed);
    let mut document = Vec::with_capacity(DOCUMENT_BYTES);
    loop {
        if document.len() == document.capacity() {
            document.reserve(document.capacity());
        }
        let status;
        (status, document) = stream.read(document).await;
        match status {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => return document,
        }
    }
}

fn response(answer: Answer) -> Response {
    let mut fields = Vec::new();
    if let Some(content_type) = answer.content_type {
        fields.push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
        // Without it the host would send chunks.
        let length = answer.body.len().to_string().into_bytes();
        fields.push(("content-length".to_owned(), length));
    }
    let fields = Fields::from_list(&fields).expect("these are fields");
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let contents = (!answer.body.is_empty()).then(|| {
        let (mut writer, contents) = wit_stream::new();
        // The host reads once it has been given the response.
        spawn_local(async move {
            // A client that has gone is not this component's affair.
            let _ = writer.write_all(answer.body.into_owned()).await;
        });
        contents
    });
    let (response, _) = Response::new(fields, contents, no_trailers);
    if answer.status != 200 {
        response.set_status_code(answer.status).expect("it is a status");
    }
    response
}
