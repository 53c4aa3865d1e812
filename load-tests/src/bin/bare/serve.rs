//! The HTTP side: one thread, one runtime, HTTP/1.1 with keep-alive.

use std::borrow::Cow;
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

use peer_answers::{Answer, Program};

use crate::process;

/// What requests are answered with.
pub(crate) enum Answers {
    /// The same words every time.
    Hello,
    /// The outputs of a program over the body.
    Jq(Box<Program>),
    /// What the command `jq` prints for the body and this program.
    JqProcess(String),
}

/// Serves until SIGTERM.
pub(crate) fn serve(listen: SocketAddr, answers: Answers) -> Result<()> {
    let runtime = LocalRuntime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
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
    let answer = match answers {
        Answers::Hello => Answer::hello(),
        Answers::Jq(program) => match request.into_body().collect().await {
            Ok(body) => Answer::transformed(program, &body.to_bytes()),
            Err(error) => Answer::failed(400, error.to_string()),
        },
        Answers::JqProcess(program) => match request.into_body().collect().await {
            Ok(body) => process::transformed(program, &body.to_bytes()).await,
            Err(error) => Answer::failed(400, error.to_string()),
        },
    };
    Ok(response(answer))
}

/// hyper adds `content-length` and `date`, here as in the real server.
fn response(answer: Answer) -> Response<Full<Bytes>> {
    let body = match answer.body {
        Cow::Borrowed(text) => Bytes::from_static(text),
        Cow::Owned(lines) => lines.into(),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("it is a status");
    if let Some(content_type) = answer.content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}
