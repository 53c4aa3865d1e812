//! What it answers.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt::Write;

use futures_lite::stream;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;
use wstd::http::{Body, Client, Error, Request, Response, StatusCode, Uri};
use wstd::task::sleep;
use wstd::time::Duration;

const HOUR_SECONDS: u64 = 3600;
const CHUNKS: usize = 1000;
const GROW_BYTES: usize = 24 << 20;

thread_local! {
    /// What an instance that is used again still has.
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LEAKED: Cell<u64> = const { Cell::new(0) };
}

pub(crate) async fn respond(request: Request<Body>) -> Result<Response<Body>, Error> {
    let count = one_more(&COUNT);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameter = |name| query.split('&').find_map(|pair| value(pair, name));
    match request.uri().path() {
        "/" => text("hello, world\n"),
        "/echo" => Ok(Response::new(request.into_body())),
        "/stream" => {
            let chunks = parameter("chunks").map_or(Ok(CHUNKS), str::parse)?;
            let chunks =
                stream::iter((0..chunks).map(|n| Ok::<_, Infallible>(format!("{n:1023}\n"))));
            Ok(Response::new(Body::from_try_stream(chunks)))
        }
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
            text("grown\n")
        }
        "/sleep" => {
            sleep(Duration::from_secs(HOUR_SECONDS)).await;
            text("unreachable\n")
        }
        "/fetch" => fetched(parameter("authority").unwrap_or_default()).await,
        "/env" => text(environment()),
        "/files" => {
            let names = get_directories().into_iter().map(|(_, name)| name);
            text(format!("{:?}", names.collect::<Vec<_>>()))
        }
        "/leak" => {
            std::mem::forget(subscribe_duration(0));
            text(format!("{}\n", one_more(&LEAKED)))
        }
        "/remember" => text(format!("{count}\n")),
        #[cfg(feature = "config")]
        "/config" => text(config::settings()?),
        _ => {
            let mut response = text("not found\n")?;
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
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

fn text(text: impl Into<String>) -> Result<Response<Body>, Error> {
    let response = Response::builder().header("content-type", "text/plain");
    Ok(response.body(Body::from(text.into()))?)
}

async fn fetched(authority: &str) -> Result<Response<Body>, Error> {
    let uri: Uri = format!("http://{authority}/").parse()?;
    match Client::new().send(Request::get(uri).body(Body::empty())?).await {
        Ok(answer) => Ok(Response::new(answer.into_body())),
        Err(error) => {
            let mut response = text(format!("{error:?}\n"))?;
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(response)
        }
    }
}

/// The environment, as `name=value` lines, and the arguments, a line each.
fn environment() -> String {
    let mut seen = String::new();
    for (name, value) in std::env::vars() {
        let _ = writeln!(seen, "{name}={value}");
    }
    for argument in std::env::args() {
        let _ = writeln!(seen, "{argument}");
    }
    seen
}

#[cfg(feature = "config")]
mod config {
    //! The settings that a host grants.

    use wstd::http::Error;

    wit_bindgen::generate!({
        inline: "
            package wasi:config@0.2.0-rc.1;

            interface store {
                variant error { upstream(string), io(string) }
                get: func(key: string) -> result<option<string>, error>;
                get-all: func() -> result<list<tuple<string, string>>, error>;
            }

            world imports { import store; }
        ",
    });

    /// The settings, as `name=value` lines.
    pub(super) fn settings() -> Result<String, Error> {
        let all =
            wasi::config::store::get_all().map_err(|error| Error::msg(format!("{error:?}")))?;
        Ok(all.iter().map(|(name, value)| format!("{name}={value}\n")).collect())
    }
}
