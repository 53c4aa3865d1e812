//! HTTP/2: what a client may expect, and what it may not hold.

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;

use crate::config::Config;
use crate::harness::{Server, until};
use crate::http2_client::{
    DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, Http2, PREFACE, RST_STREAM, Raw,
    SETTINGS, WINDOW_UPDATE, fields, frame, get, request,
};

/// The number of a setting in the server's first frame.
fn setting(frame: &Frame, number: u16) -> Option<u32> {
    frame.payload.chunks(6).find_map(|chunk| {
        let (name, value) = chunk.split_first_chunk::<2>()?;
        (u16::from_be_bytes(*name) == number)
            .then(|| u32::from_be_bytes(value.try_into().ok()?).into())?
    })
}

fn is_busy(server: &Server) -> bool {
    server.metrics().sum("arenaria_slots", &[("state", "busy")]) > 0.0
}

#[test]
fn requests_of_one_connection_run_side_by_side() {
    let server = Server::start(&Config::probe().with("slots", 2).limit("queue-length", 200));
    let mut client = Http2::connect(server.address);
    let bodies: Vec<String> = (0..100).map(|number| "x".repeat(number * 500)).collect();
    let requests = bodies.iter().map(|body| request("POST", "/echo", body.clone())).collect();
    for (answer, body) in client.exchange_all(requests).iter().zip(&bodies) {
        assert_eq!((answer.status().as_u16(), &answer.body[..]), (200, body.as_bytes()));
    }
    let head = client.exchange(request("PUT", "/head?a=b", "")).body;
    assert!(String::from_utf8_lossy(&head).contains("PUT /head?a=b"), "{head:?}");
    let metrics = server.metrics();
    assert_eq!(metrics.sum("arenaria_requests_total", &[("status", "200")]), 101.0);
    assert_eq!(metrics.sum("arenaria_connections", &[]), 1.0);
}

#[test]
fn a_request_that_runs_long_delays_no_other() {
    let server = Server::start(&Config::probe().with("slots", 2).limit("guest-time", "2s"));
    let mut client = Http2::connect(server.address);
    let long = client.begin(request("GET", "/loop", ""), || is_busy(&server));
    assert_eq!(client.exchange(request("POST", "/echo", "a")).body, "a");
    assert!(!long.is_finished(), "the short request waited for the long one");
    assert_eq!(client.answer(long), 504);
}

#[test]
fn a_large_response_arrives_in_pieces() {
    let server = Server::start(&Config::probe());
    let mut client = Http2::connect(server.address);
    for bytes in [0, 1, 16 << 10, (16 << 10) + 1, 1_000_000] {
        let answer = client.exchange(request("GET", &format!("/respond?bytes={bytes}"), ""));
        assert_eq!(answer.body, "x".repeat(bytes));
        assert_eq!(answer.header("content-length"), Some(&*bytes.to_string()));
    }
}

#[test]
fn a_response_to_head_has_no_body() {
    let server = Server::start(&Config::probe());
    let mut client = Http2::connect(server.address);
    let answer = client.exchange(request("HEAD", "/respond?bytes=100", ""));
    assert_eq!((answer.status().as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("100"));
    let answer = client.exchange(request("GET", "/status/204", ""));
    assert_eq!((answer.status().as_u16(), answer.body.len()), (204, 0));
}

#[test]
fn errors_are_problem_documents() {
    let config = Config::empty().route("/echo", "probe").route("/trap", "probe");
    let server = Server::start(&config.limit("request-body", "1KiB"));
    let mut client = Http2::connect(server.address);
    client.exchange(request("GET", "/b", "")).check_problem(404, "no-route");
    client.exchange(request("POST", "/echo", vec![0; 2000])).check_problem(413, "body-too-large");
    client.exchange(request("GET", "/trap", "")).check_problem(500, "trap");
    let with = |name: &str, value: &str| {
        let mut with = request("POST", "/echo", "");
        let value = value.parse().expect("a value");
        with.headers_mut()
            .insert(hyper::header::HeaderName::try_from(name).expect("a name"), value);
        with
    };
    client.exchange(with("host", "other")).check_problem(400, "bad-request");
    client.exchange(with("x", &"x".repeat(17 << 10))).check_problem(431, "head-too-large");
    let long = format!("/echo?{}", "x".repeat(17 << 10));
    client.exchange(request("GET", &long, "")).check_problem(414, "target-too-long");
    assert_eq!(client.exchange(with("host", "TEST")).status(), 200);
}

#[test]
fn the_host_is_given_once() {
    let server = Server::start(&Config::probe());
    for (authority, host, status) in
        [(None, None, "400"), (None, Some("a"), "200"), (Some("user@a"), None, "400")]
    {
        let mut head = vec![(":method", "POST"), (":scheme", "http"), (":path", "/echo")];
        head.extend(authority.map(|authority| (":authority", authority)));
        head.extend(host.map(|host| ("host", host)));
        let mut raw = Raw::begin(server.address, b"");
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields(&head)));
        let answer = loop {
            let frame = raw.frame().expect("an answer");
            if [HEADERS, RST_STREAM].contains(&frame.kind) {
                break frame;
            }
        };
        let expected: &[u8] = match status {
            // Both are in the static table of RFC 7541.
            "200" => &[0x88],
            _ => &[0x8c],
        };
        // HTTP/2 itself forbids some of them, and such a request is reset.
        let is_reset = answer.kind == RST_STREAM && status == "400";
        assert!(is_reset || answer.payload.starts_with(expected), "{head:?}: {answer:?}");
        server.check_alive();
    }
}

#[test]
fn a_preface_may_arrive_byte_by_byte() {
    let server = Server::start(&Config::probe());
    let mut raw = Raw::connect(server.address);
    for byte in PREFACE {
        raw.send(&[*byte]);
    }
    raw.send(&frame(SETTINGS, 0, 0, b""));
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/head")));
    assert_eq!(raw.frame().expect("the server's settings").kind, SETTINGS);
    assert_eq!(raw.until(HEADERS).stream, 1);
}

#[test]
fn what_begins_like_a_preface_may_be_a_request() {
    let server = Server::start(&Config::probe());
    for method in ["P", "PR", "PRI", "PRINT"] {
        let mut connection = server.connect();
        for byte in format!("{method} /head HTTP/1.1\r\nhost: test\r\n\r\n").bytes() {
            connection.send([byte]);
        }
        let response = connection.response();
        assert_eq!(response.status, 200, "{response:?}");
        assert!(response.text().starts_with(&format!("{method} /head")), "{response:?}");
    }
}

#[test]
fn half_a_preface_meets_head_time() {
    let server = Server::start(&Config::probe().limit("head-time", "200ms"));
    let mut connection = server.connect();
    connection.send(&PREFACE[..20]);
    connection.response().check_problem(408, "timeout");
    assert!(connection.closed());
    server.check_alive();
}

#[test]
fn the_limits_are_told() {
    let server = Server::start(&Config::probe().limit("http2-streams", 7));
    let mut raw = Raw::begin(server.address, b"");
    let settings = raw.until(SETTINGS);
    assert_eq!(setting(&settings, 3), Some(7), "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(&settings, 4), Some(64 << 10), "SETTINGS_INITIAL_WINDOW_SIZE");
    assert_eq!(setting(&settings, 6), Some(24 << 10), "SETTINGS_MAX_HEADER_LIST_SIZE");
}

#[test]
fn more_requests_than_allowed_are_refused_alone() {
    let config = Config::probe().limit("http2-streams", 2).limit("guest-time", "1s");
    let server = Server::start(&config.with("slots", 2));
    let mut raw = Raw::begin(server.address, b"");
    raw.until(SETTINGS);
    for stream in [1, 3, 5] {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/loop")));
    }
    let refused = raw.until(RST_STREAM);
    // REFUSED_STREAM
    assert_eq!((refused.stream, &refused.payload[..]), (5, &[0, 0, 0, 7][..]));
    let mut answered = [raw.until(HEADERS).stream, raw.until(HEADERS).stream];
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[test]
fn without_streams_there_is_no_http2() {
    let server = Server::start(&Config::probe().limit("http2-streams", 0));
    let mut raw = Raw::begin(server.address, b"");
    assert_eq!(raw.frame().expect("settings").kind, SETTINGS);
    // No request was served; HTTP_1_1_REQUIRED.
    assert_eq!(raw.until(GOAWAY).payload, [0, 0, 0, 0, 0, 0, 0, 13]);
    assert!(raw.frame().is_none());
    server.check_alive();
}

#[test]
fn a_connection_counts_as_three() {
    // The acceptor keeps a permit for the next connection.
    let server = Server::start(&Config::probe().limit("connections", 6));
    let mut first = Http2::connect(server.address);
    assert_eq!(first.exchange(request("POST", "/echo", "a")).body, "a");
    let mut second = Raw::begin(server.address, b"");
    // ENHANCE_YOUR_CALM
    assert_eq!(second.until(GOAWAY).payload, [0, 0, 0, 0, 0, 0, 0, 11]);
    drop(second);
    assert_eq!(first.exchange(request("POST", "/echo", "b")).body, "b");
    drop(first);
    until("the permits come back", || {
        let mut third = Raw::begin(server.address, b"");
        third.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/head")));
        loop {
            match third.frame()?.kind {
                HEADERS => return Some(()),
                GOAWAY => return None,
                _ => {}
            }
        }
    });
}

#[test]
fn a_client_that_does_not_read_one_response_is_disconnected() {
    let server = Server::start(&Config::probe().limit("response-time", "300ms"));
    let connect = || tokio::net::TcpStream::connect(server.address);
    let mut client = Http2::over(connect, 1000);
    let stuck = client.sender.send_request(request("GET", "/respond?bytes=100000", ""));
    let stuck = client.runtime.block_on(stuck).expect("the head arrives");
    // The others go on until then, on the same socket.
    assert_eq!(client.exchange(request("POST", "/echo", "a")).body, "a");
    client.until_closed();
    drop(stuck);
    server.until("its memory is free", |m| m.sum("arenaria_connections", &[]) == 0.0);
    server.check_alive();
}

#[test]
fn a_client_without_any_window_is_disconnected() {
    let server = Server::start(&Config::probe().limit("response-time", "300ms"));
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    let mut raw = Raw::begin(server.address, &[0, 4, 0, 0, 0, 0]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/respond?bytes=10")));
    assert_eq!(raw.until(HEADERS).stream, 1);
    while raw.frame().is_some() {}
    server.check_alive();
}

#[test]
fn an_idle_connection_is_closed_in_order() {
    let server = Server::start(&Config::probe().limit("idle-time", "200ms"));
    let mut raw = Raw::begin(server.address, b"");
    raw.until(GOAWAY);
    while raw.frame().is_some() {}
    // Also in the middle of a head.
    let mut raw = Raw::begin(server.address, b"");
    raw.send(&frame(HEADERS, END_STREAM, 1, &get("/head")));
    raw.until(GOAWAY);
    while raw.frame().is_some() {}
    server.check_alive();
}

#[test]
fn a_drain_waits_until_a_response_was_read() {
    let mut server = Server::start(&Config::probe());
    // SETTINGS_INITIAL_WINDOW_SIZE = 1000: the rest of the response waits for the client.
    let mut raw = Raw::begin(server.address, &[0, 4, 0, 0, 3, 232]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/respond?bytes=10000")));
    let first = raw.until(DATA).payload.len();
    let mut idle = Raw::begin(server.address, b"");
    idle.until(SETTINGS);
    server.signal("TERM");
    raw.until(GOAWAY);
    // So long has a connection that waits for nothing.
    while idle.frame().is_some() {}
    raw.send(&frame(WINDOW_UPDATE, 0, 1, &20_000_u32.to_be_bytes()));
    let mut read = first;
    while let Some(frame) = raw.frame() {
        if frame.kind == DATA {
            read += frame.payload.len();
        }
    }
    assert_eq!(read, 10_000);
    assert!(server.until_exit().success());
}

#[test]
fn heads_of_responses_count_as_bodies() {
    let config = Config::probe().limit("host-memory", "1MiB").limit("request-body", "1KiB");
    let config = config.limit("connections", 7).limit("response-time", "1s");
    let server = Server::start(&config.limit("response-headers", 1000));
    // SETTINGS_INITIAL_WINDOW_SIZE = 0: no response is read to its end.
    let mut raw = Raw::begin(server.address, &[0, 4, 0, 0, 0, 0]);
    for stream in 0..30 {
        let head = get("/headers?count=500");
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, &head));
    }
    server.until("some are refused", |m| {
        m.sum("arenaria_requests_total", &[("status", "503")]) >= 1.0
    });
    while raw.frame().is_some() {}
    server.check_alive();
}

#[test]
fn a_drain_answers_what_was_sent() {
    let mut server = Server::start(&Config::probe().limit("guest-time", "1s"));
    let mut client = Http2::connect(server.address);
    let mut idle = Http2::connect(server.address);
    assert_eq!(idle.exchange(request("POST", "/echo", "a")).body, "a");
    let long = client.begin(request("GET", "/loop", ""), || is_busy(&server));
    server.signal("TERM");
    idle.until_closed();
    assert_eq!(client.answer(long), 504);
    assert!(server.until_exit().success());
}

#[test]
fn heads_of_many_requests_count_as_bodies() {
    // Half of the memory is for bodies: too little for the heads of all.
    let config = Config::probe().limit("host-memory", "1MiB").limit("request-body", "1KiB");
    let config = config.limit("connections", 7).limit("queue-length", 1000);
    let server = Server::start(&config.limit("guest-time", "1s").limit("idle-time", "10s"));
    let mut client = Http2::connect(server.address);
    let with_head = |_| {
        let mut request: Request<Full<Bytes>> = request("GET", "/loop", "");
        let long = "x".repeat(8 << 10).parse().expect("a value");
        request.headers_mut().insert("x", long);
        request
    };
    let answers = client.exchange_all((0..60).map(with_head).collect());
    let refused = answers.iter().filter(|answer| answer.status() == 503);
    let refused = refused.inspect(|answer| answer.check_problem(503, "saturated")).count();
    assert!((10..60).contains(&refused), "{refused} of 60 were refused");
    assert_eq!(client.exchange(request("POST", "/echo", "a")).body, "a");
}
