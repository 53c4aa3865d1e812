//! Clients that close their sending direction after a whole request. They get their answers, and then the connection
//! is closed. A client that has left cannot be told from them until something is written, so that its request goes on
//! within its limits; a reset ends it at once.

use crate::client::{Connection, Request, chunked};
use crate::config::Config;
use crate::harness::Server;

/// Sends these bytes and nothing more.
#[track_caller]
fn last(server: &Server, bytes: impl AsRef<[u8]>) -> Connection {
    let mut connection = server.connect();
    connection.send(bytes);
    connection.finish_sending();
    connection
}

#[test]
fn every_whole_request_is_answered() {
    let server = Server::start(&Config::probe());
    let chunks = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let large = "x".repeat(300_000);
    for (bytes, body) in [
        (Request::post("/echo", "the last word").bytes(), "the last word"),
        (Request::get("/echo").bytes(), ""),
        (Request::post("/echo", large.clone()).bytes(), &large),
        ([chunks.as_bytes(), &chunked(large.as_bytes(), 1000)].concat(), &large),
        (b"POST /echo HTTP/1.0\r\ncontent-length: 1\r\n\r\nx".to_vec(), "x"),
    ] {
        let mut connection = last(&server, bytes);
        connection.response().check(200, body);
        assert!(connection.closed(), "left open");
    }
    server.until_settled();
}

#[test]
fn requests_in_one_packet_are_all_answered() {
    let server = Server::start(&Config::probe());
    let one = |n: usize| Request::post("/echo", n.to_string()).bytes();
    let mut connection = last(&server, (0..20).flat_map(one).collect::<Vec<_>>());
    for n in 0..20 {
        connection.response().check(200, n.to_string());
    }
    assert!(connection.closed());
}

#[test]
fn a_request_that_takes_long_or_waits_is_answered() {
    for isolation in ["reuse", "fresh"] {
        let config = Config::probe().route_key("isolation", isolation).limit("guest-time", "1s");
        let server = Server::start(&config);
        let mut running = last(&server, Request::get("/loop").bytes());
        server.until_busy(1.0);
        let mut waiting = last(&server, Request::post("/echo", "waited").bytes());
        running.response().check_limit(504, "guest-time", "guest-time", "1s");
        waiting.response().check(200, "waited");
        assert!(running.closed() && waiting.closed());
    }
}

#[test]
fn components_with_imports_and_streams_of_records_answer_too() {
    for name in ["peer-p2", "peer-p3"] {
        let server = Server::start(&Config::of(name));
        let mut connection = last(&server, Request::get("/").bytes());
        connection.response().check(200, "hello, world\n");
        assert!(connection.closed());
    }
    let server = Server::start(&Config::program(".").route_key("records", true));
    let request = Request::post("/", "1\n2\n3\n").header("content-type", "application/x-ndjson");
    let mut connection = last(&server, request.bytes());
    connection.response().check(200, "1\n2\n3\n");
    assert!(connection.closed());
}

#[test]
fn a_health_check_that_closes_its_half_is_answered() {
    let server = Server::start(&Config::probe());
    let mut connection = Connection::open(server.operator());
    connection.send(Request::get("/livez").bytes());
    connection.finish_sending();
    connection.response().check(200, "alive\n");
    assert!(connection.closed());
}

#[test]
fn a_part_of_a_request_is_not_answered_as_a_whole() {
    let server = Server::start(&Config::probe());
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n";
    for nothing in ["", "\r\n", "\n\r\n"] {
        assert!(last(&server, nothing).closed(), "{nothing:?} was answered");
    }
    for part in ["P", "POST /echo HTTP/1.1\r\nhost: a\r\n", &head[..head.len() - 2]] {
        let mut connection = last(&server, part);
        let problem = connection.response().check_problem(400, "bad-request");
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("an empty line")));
        assert!(connection.closed());
    }
    for length in 1..head.len() {
        last(&server, &head[..length]).response().check_problem(400, "bad-request");
    }
    let mut connection = last(&server, format!("{head}12345"));
    connection.response().check_problem(400, "bad-request");
    assert!(connection.closed());
    let whole = Request::post("/echo", "one").bytes();
    let mut connection = last(&server, [&whole, head.as_bytes()].concat());
    connection.response().check(200, "one");
    connection.response().check_problem(400, "bad-request");
    assert!(connection.closed());
}

#[test]
fn a_client_that_closes_both_halves_costs_its_request_and_no_instance() {
    let config = Config::probe().limit("guest-time", "60s").limit("queue-length", 8);
    let server = Server::start(&config);
    for _ in 0..4 {
        drop(server.begin(&Request::get("/spin?iterations=20000000")));
        drop(server.begin(&Request::get("/respond?bytes=1000000")));
    }
    let settled = server.until("all have their responses", |m| {
        m.sum("arenaria_requests_total", &[("status", "200")]) == 8.0
            && m.sum("arenaria_connections", &[]) == 0.0
    });
    assert_eq!(settled.sum("arenaria_requests_total", &[]), 8.0, "{settled:?}");
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "{settled:?}");
    server.until_settled();
}

#[test]
fn a_reset_ends_a_request_that_runs() {
    for isolation in ["reuse", "fresh"] {
        let config = Config::probe().route_key("isolation", isolation).limit("guest-time", "1h");
        let server = Server::start(&config);
        // Also after a body of many reads, between which the client has sent more.
        let large = Request::post("/loop", "x".repeat(900_000));
        for (count, request) in [Request::get("/loop"), large].iter().enumerate() {
            let connection = server.begin(request);
            server.until_busy(1.0);
            connection.reset();
            server.until("the client is gone", |m| {
                m.sum("arenaria_requests_total", &[("status", "499")]) == count as f64 + 1.0
                    && m.sum("arenaria_connections", &[]) == 0.0
            });
        }
        server.check_alive();
    }
}
