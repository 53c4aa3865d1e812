//! Admission before the body: a request that would be refused is refused before its body is asked for, and
//! a client that sends slowly keeps nothing from others.

use std::io::Write as _;

use crate::bridge::bridged;
use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::Server;

const NDJSON: &str = "content-type: application/x-ndjson\r\n";

/// The probe as a processor that also answers streams of records.
fn processor() -> Config {
    Config::probe().route_key("records", true)
}

/// The probe as a component of `wasi:http`, which reads its body itself.
fn wasi_http() -> (tempfile::TempDir, Config) {
    let (folder, output) = bridged("probe", "p2", "environment");
    let config = Config::probe().limit("memory", "32MiB");
    (folder, config.route_key("component", output.display().to_string()))
}

/// A server with one slot, in which a request runs, and one place in the queue, in which one waits.
#[track_caller]
fn saturated(config: Config) -> (Server, Vec<Connection>) {
    let server = Server::start(&config.limit("queue-length", 1));
    let mut requests = vec![server.begin(&Request::get("/loop"))];
    server.until_busy(1.0);
    requests.extend((0..2).map(|_| server.begin(&Request::get("/loop"))));
    server.until("one runs, one waits and one is refused", |metrics| {
        metrics.sum("arenaria_requests_total", &[("status", "503")]) == 1.0
    });
    (server, requests)
}

#[track_caller]
fn check_refused(response: &Response) {
    response.check_limit(503, "saturated", "queue-length", "1");
    assert_eq!(response.header("retry-after"), Some("1"), "{response:?}");
    assert_eq!(response.header("connection"), Some("close"), "{response:?}");
}

/// Only the head of a request is sent, and the answer comes while the other two still run and wait.
#[track_caller]
fn check_refused_by_its_head(config: Config, headers: &str) {
    let (server, mut requests) = saturated(config);
    for framing in ["content-length: 1000", "transfer-encoding: chunked"] {
        for expect in ["", "expect: 100-continue\r\n"] {
            let mut connection = server.connect();
            let head = format!("POST /echo HTTP/1.1\r\nhost: test\r\n{headers}{expect}{framing}");
            connection.send(head + "\r\n\r\n");
            // No 100 comes before it.
            let (status, _) = connection.peek_head().expect("a head").expect("not closed");
            assert_eq!(status, 503, "{framing} {expect}");
            check_refused(&connection.response());
            assert!(connection.closed());
        }
    }
    let unanswered = requests.iter_mut().filter_map(|request| request.silent().then_some(()));
    assert_eq!(unanswered.count(), 2, "the refusals came only when a slot was free");
}

#[test]
fn a_body_is_not_waited_for_when_the_queue_is_full() {
    check_refused_by_its_head(processor(), "");
}

#[test]
fn a_stream_of_records_is_not_waited_for_when_the_queue_is_full() {
    check_refused_by_its_head(processor(), NDJSON);
}

#[test]
fn a_body_for_wasi_http_is_not_waited_for_when_the_queue_is_full() {
    let (_folder, config) = wasi_http();
    check_refused_by_its_head(config, "");
}

#[test]
fn a_refused_request_whose_body_is_here_keeps_its_connection() {
    let (server, _requests) = saturated(processor());
    let mut connection = server.connect();
    for framing in
        ["content-length: 3\r\n\r\none", "transfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"]
    {
        for _ in 0..3 {
            connection.send(format!("POST /echo HTTP/1.1\r\nhost: test\r\n{framing}"));
            let response = connection.response();
            response.check_limit(503, "saturated", "queue-length", "1");
            assert_eq!(response.header("connection"), None, "{response:?}");
        }
    }
    // Two at once, and a body of which a part is missing.
    let whole = "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\none";
    connection.send([whole, whole, &whole[..whole.len() - 1]].concat());
    for connection_field in [None, None, Some("close")] {
        let response = connection.response();
        response.check_limit(503, "saturated", "queue-length", "1");
        assert_eq!(response.header("connection"), connection_field, "{response:?}");
    }
    assert!(connection.closed());
}

/// A client that sends its whole body although it is refused still gets the refusal: the server reads on.
#[track_caller]
fn check_arrives_whole(config: Config, headers: [&str; 2]) {
    let (server, _requests) = saturated(config);
    let request = Request::post("/echo", vec![b'x'; 1 << 20]).header(headers[0], headers[1]);
    let mut connection = server.connect();
    let mut stream = connection.stream();
    let writer = std::thread::spawn(move || stream.write_all(&request.bytes()));
    check_refused(&connection.response());
    writer.join().expect("writing does not panic").expect("all of it is taken");
    assert!(connection.closed());
}

#[test]
fn a_refusal_arrives_whole_although_the_body_is_sent() {
    let linger = "20s";
    check_arrives_whole(processor().limit("linger-time", linger), ["x-any", "1"]);
    let records = ["content-type", "application/x-ndjson"];
    check_arrives_whole(processor().limit("linger-time", linger), records);
    let (_folder, config) = wasi_http();
    check_arrives_whole(config.limit("linger-time", linger), ["x-any", "1"]);
}

#[test]
fn clients_that_send_their_bodies_slowly_hold_no_slot_and_no_place() {
    for headers in ["", NDJSON] {
        let server = Server::start(&processor().limit("queue-length", 0));
        let mut slow: Vec<Connection> = (0..20).map(|_| server.connect()).collect();
        for connection in &mut slow {
            let head = format!("POST /echo HTTP/1.1\r\nhost: test\r\n{headers}content-length: 3");
            connection.send(head + "\r\n\r\n1");
        }
        // With no place in the queue, one body that held the slot would have this refused.
        for _ in 0..5 {
            server.check_alive();
        }
        assert_eq!(server.metrics().sum("arenaria_slots", &[("state", "busy")]), 0.0);
        for connection in &mut slow {
            connection.send("2\n");
            connection.response().check(200, "12\n");
        }
    }
}

#[test]
fn a_slow_body_for_wasi_http_holds_its_slot_for_body_time_at_most() {
    // The component reads the body itself, so it runs from the head on.
    let (_folder, config) = wasi_http();
    let server = Server::start(&config.limit("body-time", "500ms"));
    let mut slow = server.connect();
    slow.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\n1\n");
    server.until_busy(1.0);
    server.check_alive();
    slow.response().check_limit(408, "timeout", "body-time", "500ms");
}
