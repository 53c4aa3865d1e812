//! The HTTP side: one thread, one runtime, HTTP/1.1 with keep-alive.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalRuntime;
use tokio::signal::unix::{SignalKind, signal};

use load_tests::jq::{Failure, Program};

/// What requests are answered with.
pub(crate) enum Answers {
    /// The same words every time.
    Hello,
    /// The outputs of a program over the body.
    Jq(Box<Program>),
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// If the address cannot be listened on.
pub(crate) fn serve(listen: SocketAddr, answers: Answers) -> Result<()> {
    let runtime = LocalRuntime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        println!("listening on http://{}", listener.local_addr()?);
        let answers = Rc::new(answers);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // A connection that failed before it was accepted is the client's affair.
                    if let Ok((stream, _)) = accepted {
                        tokio::task::spawn_local(connection(stream, Rc::clone(&answers)));
                    }
                }
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
            }
        }
    })
}

async fn connection(stream: TcpStream, answers: Rc<Answers>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| answer(request, &answers));
    // A cut connection is not an error of this server, and nobody reads its log.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    answers: &Answers,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = match answers {
        Answers::Hello => response(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            Bytes::from_static(b"hello, world\n"),
        ),
        Answers::Jq(program) => match request.into_body().collect().await {
            Ok(body) => transformed(program, &body.to_bytes()),
            Err(error) => failed(StatusCode::BAD_REQUEST, error.to_string()),
        },
    };
    Ok(response)
}

fn transformed(program: &Program, document: &[u8]) -> Response<Full<Bytes>> {
    match program.run(document) {
        Ok(outputs) => match outputs.count {
            0 => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            1 => response(StatusCode::OK, "application/json", outputs.lines.into()),
            _ => response(StatusCode::OK, "application/x-ndjson", outputs.lines.into()),
        },
        Err(Failure::Document(message)) => failed(StatusCode::BAD_REQUEST, message),
        Err(Failure::Program(message)) => failed(StatusCode::UNPROCESSABLE_ENTITY, message),
    }
}

fn failed(status: StatusCode, message: String) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", message.into())
}

/// hyper adds `content-length` and `date`, here as in the real server.
fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
