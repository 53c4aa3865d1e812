//! What it answers.

use std::cell::Cell;

use wasip3::cli::environment::{get_arguments, get_environment};
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::filesystem::preopens::get_directories;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::wit_bindgen::{StreamReader, StreamResult, backpressure_dec, backpressure_inc};
use wasip3::{spawn_local, wit_future, wit_stream};

const HOUR: u64 = 3600 * 1_000_000_000;
const READ_BYTES: usize = 64 << 10;
const CHUNKS: usize = 1000;
const GROW_BYTES: usize = 24 << 20;

thread_local! {
    /// What an instance that is used again still has.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LEAKED: Cell<u64> = const { Cell::new(0) };
}

struct Component;

wasip3::http::service::export!(Component);

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let count = one_more(&COUNT);
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let parameter = |name| query.split('&').find_map(|pair| value(pair, name));
        Ok(match path {
            "/" => text(200, "hello, world\n"),
            "/echo" => echo(request),
            "/stream" => stream(parameter("chunks").and_then(|n| n.parse().ok()).unwrap_or(CHUNKS)),
            "/trap" => panic!("a panic ends the instance"),
            "/loop" => loop {
                std::hint::spin_loop();
            },
            "/hoard" => {
                let mut kept = Vec::new();
                loop {
                    kept.push(vec![1_u8; 16384]);
                }
            }
            "/grow" => {
                drop(std::hint::black_box(vec![1_u8; GROW_BYTES]));
                text(200, "grown\n")
            }
            "/sleep" => {
                wait_for(HOUR).await;
                text(200, "unreachable\n")
            }
            "/fetch" => match fetched(parameter("authority").unwrap_or_default()).await {
                Ok(body) => text(200, body),
                Err(error) => text(502, format!("{error:?}\n")),
            },
            "/env" => text(200, format!("{:?} {:?}", get_environment(), get_arguments())),
            "/files" => {
                let names = get_directories().into_iter().map(|(_, name)| name);
                text(200, format!("{:?}", names.collect::<Vec<_>>()))
            }
            "/leak" => {
                std::mem::forget(Fields::new());
                text(200, format!("{}\n", one_more(&LEAKED)))
            }
            "/remember" => text(200, format!("{count}\n")),
            "/short" => announced(200, 10, "short"),
            "/no-content" => announced(204, 5, ""),
            "/linger" => {
                spawn_local(wait_for(HOUR));
                text(200, "the rest takes an hour\n")
            }
            "/backpressure" => {
                backpressure_inc();
                text(200, "no more\n")
            }
            "/backpressure-for-a-while" => {
                backpressure_inc();
                spawn_local(async {
                    wait_for(1_000_000).await;
                    backpressure_dec();
                });
                text(200, "no more for now\n")
            }
            "/error" => {
                let what = "\u{1b}[2Jline\n".repeat(500_000);
                return Err(ErrorCode::InternalError(Some(what)));
            }
            _ => text(404, "not found\n"),
        })
    }
}

fn one_more(counter: &'static std::thread::LocalKey<Cell<u64>>) -> u64 {
    let more = counter.get() + 1;
    counter.set(more);
    more
}

fn value<'a>(pair: &'a str, name: &str) -> Option<&'a str> {
    pair.strip_prefix(name)?.strip_prefix('=')
}

fn text(status: u16, text: impl Into<Vec<u8>>) -> Response {
    let text = text.into();
    let (mut writer, contents) = wit_stream::new();
    // The host reads once it has been given the response. A client that has gone is not this
    // component's affair, here and below.
    spawn_local(async move {
        let _ = writer.write_all(text).await;
    });
    response(status, contents)
}

fn echo(request: Request) -> Response {
    let (mut writer, contents) = wit_stream::new();
    let mut source = body_of(request);
    spawn_local(async move {
        loop {
            let (status, part) = source.read(Vec::with_capacity(READ_BYTES)).await;
            if !matches!(status, StreamResult::Complete(_))
                || !writer.write_all(part).await.is_empty()
            {
                return;
            }
        }
    });
    response(200, contents)
}

/// Chunks of 1 KiB, each its number.
fn stream(chunks: usize) -> Response {
    let (mut writer, contents) = wit_stream::new();
    spawn_local(async move {
        for number in 0..chunks {
            if !writer.write_all(format!("{number:1023}\n").into_bytes()).await.is_empty() {
                return;
            }
        }
    });
    response(200, contents)
}

fn body_of(request: Request) -> StreamReader<u8> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    Request::consume_body(request, consumed).0
}

/// Announces a body of this length, whatever it is.
fn announced(status: u16, length: u64, body: &'static str) -> Response {
    let (mut writer, contents) = wit_stream::new();
    spawn_local(async move {
        let _ = writer.write_all(body.as_bytes().to_vec()).await;
    });
    with_fields(status, contents, &[("content-length".to_owned(), length.to_string().into())])
}

fn response(status: u16, contents: StreamReader<u8>) -> Response {
    with_fields(status, contents, &[("content-type".to_owned(), b"text/plain".to_vec())])
}

fn with_fields(status: u16, contents: StreamReader<u8>, fields: &[(String, Vec<u8>)]) -> Response {
    let fields = Fields::from_list(fields).expect("these are fields");
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(fields, Some(contents), no_trailers);
    response.set_status_code(status).expect("it is a status");
    response
}

async fn fetched(authority: &str) -> Result<Vec<u8>, ErrorCode> {
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), None, no_trailers, None);
    request.set_scheme(Some(&Scheme::Http)).expect("it is a scheme");
    request.set_authority(Some(authority)).map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    request.set_path_with_query(Some("/")).expect("it is a path");
    let answer = client::send(request).await?;
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (source, _) = Response::consume_body(answer, consumed);
    Ok(source.collect().await)
}
