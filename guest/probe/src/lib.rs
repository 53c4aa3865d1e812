//! A processor that misbehaves on demand: the tests of the host ask it to trap, to loop, to leak
//! and to lie. Each path does one thing; the list is `answer`.
//!
//! Not among its tricks: reading what an earlier request left in memory. That would be reading
//! memory that was never written, which safe code cannot do and unsafe code must not; that the
//! arena scrubs is tested where it is done, in `phase-arena`.
#![forbid(unsafe_code)]

mod memory;
mod query;
mod trouble;

use std::fmt::Write;

use arenaria_guest::{Processor, Request, Response, Settings};

use crate::query::Query;

/// The state of an instance.
struct Probe {
    greeting: String,
    /// How many requests came before.
    handled: u64,
}

impl Processor for Probe {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&["configure", "greeting"])?;
        match settings.get("configure") {
            None => {}
            Some("panic") => panic!("configure was told to panic"),
            Some("loop") => trouble::endless(),
            Some("error") => return Err("configure was told to fail".to_owned()),
            Some("exhaust") => memory::exhaust(),
            Some(other) => return Err(format!("setting `configure` is `{other}`")),
        }
        let greeting = settings.get("greeting").unwrap_or("hello").to_owned();
        Ok(Self { greeting, handled: 0 })
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        let before = self.handled;
        self.handled += 1;
        let answer = match request.path() {
            "/remember" => Ok(Response::text(format!("{before}\n"))),
            "/greeting" => Ok(Response::text(format!("{}\n", self.greeting))),
            _ => answer(request),
        };
        answer.unwrap_or_else(|sentence| Response::text(sentence + "\n").with_status(400))
    }
}

/// What needs no state. An error says what is wrong with the query.
fn answer(request: Request<'_>) -> Result<Response, String> {
    let query = Query::new(request.query());
    Ok(match request.path() {
        "/echo" => echo(request),
        "/head" => Response::text(head(request)),
        "/header" => {
            Response::new(200).with_header(query.text("name")?, query.text("value")?).body("header")
        }
        "/headers" => headers(query.number("count")?),
        "/respond" => Response::text(vec![b'x'; query.size("bytes")?]),

        "/trap" => trouble::trap(),
        "/panic" => panic!("the request asked for a panic"),
        "/loop" => trouble::endless(),
        "/spin" => Response::text(trouble::spin(query.number("iterations")?)),
        "/recurse" => Response::text(trouble::recurse()),

        "/exhaust" => memory::exhaust(),
        "/try-exhaust" => Response::text(memory::try_exhaust()),
        "/survive" => Response::text(memory::survive(query.size("bytes")?)),
        "/persist" => Response::text(memory::persist(query.size("bytes")?)),
        "/phases" => memory::phases(query.size("bytes")?),
        "/fail-usage" => memory::fail_usage(),

        path => match path.strip_prefix("/status/").map(str::parse) {
            Some(Ok(status)) => Response::new(status),
            Some(Err(_)) => return Err("a status is a number below 65536".to_owned()),
            None => Response::text("no such path\n").with_status(404),
        },
    })
}

fn echo(request: Request<'_>) -> Response {
    let response = Response::new(200).body(request.body());
    match request.header("content-type") {
        Some(kind) => response.with_header("content-type", kind),
        None => response,
    }
}

/// All of a request but its body, a line each.
fn head(request: Request<'_>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.path_with_query());
    for (name, value) in request.headers().iter() {
        writeln!(text, "{name}: {value}").expect("a string takes everything");
    }
    let (bytes, received_at) = (request.body().len(), request.received_at());
    writeln!(text, "body {bytes} bytes\nreceived at {received_at}")
        .expect("a string takes everything");
    text
}

fn headers(count: u64) -> Response {
    (0..count).fold(Response::new(200), |response, index| {
        response.with_header(format!("x-probe-{index}"), index.to_string())
    })
}

arenaria_guest::export!(Probe);

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Probe {
        Probe::configure(Settings::new(&[])).unwrap()
    }

    #[track_caller]
    fn check(request: Request<'_>, status: u16, body: &str) {
        let response = probe().handle(request);
        assert_eq!(response.status(), status);
        assert_eq!(String::from_utf8_lossy(response.bytes()), body);
    }

    #[test]
    fn it_shows_what_it_was_given() {
        let fields = [("content-type".to_owned(), "a/b".to_owned())];
        let request = Request::new("PUT", "/head?x=1")
            .with_headers(&fields)
            .with_body(b"abc")
            .with_received_at(5);
        check(request, 200, "PUT /head?x=1\ncontent-type: a/b\nbody 3 bytes\nreceived at 5\n");

        let request = Request::new("POST", "/echo").with_headers(&fields).with_body(b"abc");
        check(request, 200, "abc");
        assert_eq!(probe().handle(request).header("content-type"), Some("a/b"));
        assert_eq!(probe().handle(Request::new("POST", "/echo")).header("content-type"), None);
    }

    #[test]
    fn it_answers_what_http_does_not_allow() {
        check(Request::new("GET", "/status/0"), 0, "");
        check(Request::new("GET", "/status/1000"), 1000, "");
        let response = probe().handle(Request::new("GET", "/header?name=a%20b&value=%0d%0a"));
        assert_eq!(response.header("a b"), Some("\r\n"));
        let response = probe().handle(Request::new("GET", "/headers?count=3"));
        assert_eq!(response.headers().len(), 3);
    }

    #[test]
    fn it_remembers() {
        let mut probe = probe();
        for before in ["0\n", "1\n"] {
            let response = probe.handle(Request::new("GET", "/remember"));
            assert_eq!(response.bytes(), before.as_bytes());
        }
    }

    #[test]
    fn it_says_what_it_does_not_understand() {
        check(Request::new("GET", "/nowhere"), 404, "no such path\n");
        check(Request::new("GET", "/status/x"), 400, "a status is a number below 65536\n");
        check(Request::new("GET", "/respond"), 400, "the query has no `bytes`\n");
        let settings = [("colour".to_owned(), "red".to_owned())];
        let error = Probe::configure(Settings::new(&settings)).err();
        assert!(error.unwrap().contains("`colour`"));
    }
}
