//! The limits of one client: how often it may come, and with how many requests at once.

use std::net::IpAddr;

use tempfile::tempdir;

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::{Server, arenaria, finished, until};
use crate::http2_client::{Http2, request};

/// So slow that no test sees two.
const RATE: &str = "1/h";

fn limited(burst: i64) -> Config {
    Config::probe().limit("client-rate", RATE).limit("client-burst", burst)
}

fn status(server: &Server) -> u16 {
    server.get("/head").status
}

#[track_caller]
fn check_too_often(response: &Response) {
    response.check_limit(429, "too-many-requests", "client-rate", RATE);
    let seconds = response.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (3000..=3600).contains(&seconds)), "{response:?}");
}

#[test]
fn a_client_that_comes_too_often_is_refused_and_others_are_served() {
    let server = Server::start(&limited(2).route("/other", "probe"));
    let mut connection = server.connect();
    assert_eq!(connection.exchange(&Request::get("/head")).status, 200);
    assert_eq!(status(&server), 200);
    check_too_often(&connection.exchange(&Request::get("/head")));
    // Before its body is read.
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n");
    check_too_often(&connection.response());
    assert!(connection.closed());
    // Another address, and another route.
    let mut connection = Connection::open_from(IpAddr::from([127, 0, 0, 2]), server.address);
    assert_eq!(connection.exchange(&Request::get("/head")).status, 200);
    assert_eq!(server.get("/other").status, 404, "by the component");
    assert_eq!(server.metrics().sum("arenaria_requests_total", &[("status", "429")]), 2.0);
}

#[test]
fn a_client_that_waits_is_served_again() {
    let config = Config::probe().limit("client-rate", "20/s").limit("client-burst", 1);
    let server = Server::start(&config);
    let mut connection = server.connect();
    let mut is_served = || connection.exchange(&Request::get("/head")).status == 200;
    assert!(is_served() && !is_served());
    until("it is served again", || is_served().then_some(()));
}

#[test]
fn all_connections_of_a_client_count_on_all_workers() {
    let server = Server::start(&limited(10).with("workers", 2).limit("queue-length", 100));
    let mut connections: Vec<_> = (0..30).map(|_| server.connect()).collect();
    connections.iter_mut().for_each(|connection| connection.send(Request::get("/head").bytes()));
    let statuses = connections.iter_mut().map(|connection| connection.response().status);
    assert_eq!(statuses.filter(|status| *status == 200).count(), 10);
}

#[test]
fn each_request_of_http2_counts() {
    let server = Server::start(&limited(5).limit("queue-length", 100));
    let mut client = Http2::connect(server.address);
    let requests = (0..20).map(|_| request("GET", "/head", ""));
    let answers = client.exchange_all(requests.collect());
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 5);
    let refused = answers.iter().find(|answer| answer.status() != 200).expect("15 of them");
    refused.check_problem(429, "too-many-requests");
}

#[test]
fn a_client_has_so_many_requests_at_once() {
    let server = Server::start(&Config::probe().limit("client-requests", 2));
    let begun = || {
        let mut connection = server.connect();
        connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\nx");
        connection
    };
    let (mut first, second) = (begun(), begun());
    let refused = || Some(server.get("/head")).filter(|response| response.status != 200);
    let refused = until("both have begun", refused);
    refused.check_limit(429, "too-many-requests", "client-requests", "2");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // One ends with its response.
    first.send("y");
    first.response().check(200, "xy");
    assert_eq!(status(&server), 200);
    let mut third = begun();
    until("the third has begun", || (status(&server) == 429).then_some(()));
    // One is given up by its client, in the middle of its body.
    second.reset();
    until("its place is free", || (status(&server) == 200).then_some(()));
    third.send("y");
    third.response().check(200, "xy");
}

#[test]
fn a_response_that_is_not_read_takes_a_place() {
    let config = Config::probe().limit("client-requests", 1).limit("memory", "128MiB");
    let server = Server::start(&config);
    let mut slow = server.begin(&Request::get("/respond?bytes=30000000"));
    slow.peek_head().expect("a head").expect("not closed");
    server.get("/head").check_limit(429, "too-many-requests", "client-requests", "1");
    assert_eq!(slow.response().body.len(), 30_000_000);
    until("it is read", || (status(&server) == 200).then_some(()));
}

#[test]
fn a_client_may_be_known_by_a_header() {
    let server = Server::start(&limited(1).route_key("client", "header:x-api-key"));
    let status = |keys: &[&str]| {
        let with = |request: Request, key: &&str| request.header("x-api-key", key);
        server.exchange(&keys.iter().fold(Request::get("/head"), with)).status
    };
    assert_eq!((status(&["a"]), status(&["a"])), (200, 429));
    assert_eq!((status(&["b"]), status(&["b"])), (200, 429));
    // Without a key, or with several, a client is known by its address.
    assert_eq!((status(&[]), status(&[])), (200, 429));
    assert_eq!(status(&["c", "d"]), 429);
}

#[track_caller]
fn check_refused(config: &Config, expected: &str) {
    let folder = tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    let arguments = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
    let ended = finished(&mut arenaria(&arguments));
    assert!(ended.code != Some(0) && ended.stderr.contains(expected), "{expected}: {ended:?}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let (limit, key) = (
        |key, value: toml::Value| Config::probe().limit(key, value),
        |value: &str| Config::probe().route_key("client", value),
    );
    for (config, expected) in [
        (limit("client-rate", 100.into()), "expected a rate such as 100/s"),
        (limit("client-rate", (-1).into()), "expected a rate such as 100/s"),
        (limit("client-rate", "5/d".into()), "got \"5/d\""),
        (limit("client-burst", 0.into()), "client-burst = 0: expected at least 1"),
        (limit("client-requests", 2_000_000.into()), "expected at most 1000000"),
        (key("cookie"), "address, certificate or header:NAME, got \"cookie\""),
        (key("certificate"), "clients have none: expected tls.client-ca"),
    ] {
        check_refused(&config, expected);
    }
}
