//! A native HTTP service that handles each request in an arena: `words-service ADDRESS`.
//!
//! The arena belongs to the thread, and a phase borrows it. So what a phase allocates cannot be kept across an `await`:
//! the body is received first, then handled in one step, and only the response leaves the phase.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::convert::Infallible;
use std::error::Error;
use std::fmt::Write as _;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use phase_arena::{Exhausted, GlobalArena, Scope, ScopeVec};
use tokio::net::TcpListener;

/// A handle on the arena of this thread; others would have one each. It is not the global allocator here.
const ARENA: GlobalArena = GlobalArena::new();

/// The largest body.
const BODY_BYTES_MAX: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("expected an ADDRESS, such as 127.0.0.1:8080")?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            let served = server.serve_connection(TokioIo::new(stream), service_fn(handle)).await;
            if let Err(error) = served {
                eprintln!("a connection ended: {error}");
            }
        });
    }
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/usage" {
        return Ok(response(StatusCode::OK, usage()));
    }
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return Ok(response(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n".to_owned()));
    };
    let body = body.to_bytes();
    let counted = ARENA.phase("count", |scope| count(scope, &String::from_utf8_lossy(&body)));
    Ok(match counted {
        Ok(text) => response(StatusCode::OK, text),
        Err(Exhausted) => {
            response(StatusCode::INSUFFICIENT_STORAGE, "the arena is exhausted\n".to_owned())
        }
    })
}

/// How often each word occurs. All but the answer is in the scope.
fn count(scope: &Scope<'_>, text: &str) -> Result<String, Exhausted> {
    let mut words = ScopeVec::new(scope);
    for word in text.split_whitespace() {
        words.try_push(word)?;
    }
    words.sort_unstable();
    let mut answer = String::new();
    for same in words.chunk_by(|one, other| one == other) {
        let _ = writeln!(answer, "{} {}", same[0], same.len());
    }
    Ok(answer)
}

/// The most bytes that the phase has used.
fn usage() -> String {
    ARENA.phases().fold(String::new(), |mut text, (phase, high_water)| {
        let _ = writeln!(text, "{phase}: {high_water} bytes");
        text
    })
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
