//! HTTP/2: what a client that breaks the rules cannot do to others.

use std::thread;

use crate::client::Request;
use crate::config::Config;
use crate::harness::Server;
use crate::http2_client::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, Raw, SETTINGS,
    fields, frame, get,
};

/// What a client sends for ever, or until the server has enough.
#[track_caller]
fn check_flood(server: &Server, what: &str, mut next: impl FnMut(u32) -> Vec<u8>) {
    const COUNT: u32 = 20_000;
    let mut raw = Raw::begin(server.address, b"");
    let bytes: Vec<u8> = (0..COUNT).flat_map(|number| next(2 * number + 1)).collect();
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            for chunk in bytes.chunks(1 << 16) {
                raw.send(chunk);
            }
            raw
        });
        for _ in 0..10 {
            server.check_alive();
        }
        drop(sending.join().expect("sending does not panic"));
    });
    server.until(what, |m| m.sum("arenaria_connections", &[]) == 0.0);
    let resident = server.resident_bytes();
    assert!(resident < 300 << 20, "{what}: {resident} bytes");
    server.check_alive();
}

#[test]
fn floods_of_frames_harm_nobody() {
    let config = Config::probe().with("slots", 4).limit("response-time", "500ms");
    let server = Server::start(&config.limit("idle-time", "2s"));
    let whole = END_HEADERS | END_STREAM;
    check_flood(&server, "rapid resets", |stream| {
        let reset = frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        [frame(HEADERS, whole, stream, &get("/spin?iterations=100000")), reset].concat()
    });
    check_flood(&server, "resets by mistakes", |stream| {
        let head = fields(&[(":method", "GET"), ("connection", "x")]);
        frame(HEADERS, whole, stream, &head)
    });
    check_flood(&server, "settings", |_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 1, 0]));
    check_flood(&server, "pings", |_| frame(PING, 0, 0, b"12345678"));
    check_flood(&server, "continuations", |stream| match stream {
        1 => frame(HEADERS, END_STREAM, 1, &get("/head")),
        _ => frame(CONTINUATION, 0, 1, &fields(&[("x", "y")])),
    });
    check_flood(&server, "empty data", |stream| match stream {
        1 => frame(HEADERS, END_HEADERS, 1, &get("/head")),
        _ => frame(DATA, 0, 1, b""),
    });
    check_flood(&server, "requests that are not read", |stream| {
        frame(HEADERS, whole, stream, &get("/respond?bytes=100000"))
    });
}

#[test]
fn a_client_that_cancels_all_its_requests_is_disconnected() {
    let config = Config::probe().limit("http2-streams", 1).with("slots", 1);
    let server = Server::start(&config);
    let mut raw = Raw::begin(server.address, b"");
    let busy = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    // One by one: each waits for the slot when it is cancelled, so the server does not see the reset first.
    for number in 0..1000 {
        let stream = 2 * number + 1;
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/head")));
        raw.send(&frame(PING, 0, 0, b"12345678"));
        let is_gone = loop {
            match raw.frame() {
                None => break true,
                Some(frame) if frame.kind == PING => break false,
                Some(_) => {}
            }
        };
        if is_gone {
            drop(busy);
            return server.check_alive();
        }
        raw.send(&frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    panic!("a thousand requests were cancelled on one connection");
}

#[test]
fn noise_after_the_preface_is_survived() {
    let server = Server::start(&Config::probe().limit("idle-time", "1s"));
    let mut random = fastrand::Rng::with_seed(4711);
    for _ in 0..60 {
        let mut raw = Raw::connect(server.address);
        let noise: Vec<u8> = (0..random.usize(1..300)).map(|_| random.u8(..)).collect();
        raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, b""), &noise].concat());
    }
    server.check_alive();
    server.until("they are closed", |m| m.sum("arenaria_connections", &[]) == 0.0);
}
