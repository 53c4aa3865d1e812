//! The target of a request: nothing of it is lost or changed silently.

use crate::client::{Request, chunked};
use crate::config::Config;
use crate::harness::Server;

const WITH_FRAGMENT: &str = "GET /echo#part HTTP/1.1\r\nhost: a\r\n\r\n";

/// One server is enough for all rows of a test, because they are independent.
#[track_caller]
fn server() -> Server {
    Server::start(&Config::probe())
}

#[test]
fn a_fragment_is_refused() {
    let server = server();
    for target in ["/echo#part", "/echo?a#b", "/#", "http://a#b", "http://a/echo?x#y", "/#a#b"] {
        let problem = server.get(target).check_problem(400, "bad-request");
        assert!(problem["detail"].to_string().contains("%23"), "{problem}");
    }
    // It is data everywhere else.
    let request = Request::post("/echo?x=%23", "#").header("x-color", "#fff");
    server.exchange(&request).check(200, "#");
}

#[test]
fn a_fragment_is_refused_however_it_arrives() {
    let server = server();
    let mut connection = server.connect();
    for byte in WITH_FRAGMENT.bytes() {
        connection.send([byte]);
    }
    connection.response().check_problem(400, "bad-request");
    // The end of the request is clear, so the connection stays open.
    connection.exchange(&Request::post("/echo", "#next")).check(200, "#next");
}

#[test]
fn a_fragment_is_refused_behind_another_request() {
    let server = server();
    let chunks = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let firsts = [
        (b"GET /status/204 HTTP/1.1\r\nhost: a\r\nx: #\r\n\r\n".to_vec(), 204),
        (Request::get("/nowhere").header("cookie", "#").bytes(), 404),
        (Request::post("/echo", "#\r\n\r\n#").bytes(), 200),
        (Request::post("/echo", "x".repeat(100_000)).bytes(), 200),
        ([chunks.as_bytes(), &chunked(b"\r\n\r\n#\r\n\r\n", 3)].concat(), 200),
        (Request::get("/trap").bytes(), 500),
    ];
    for (first, status) in &firsts {
        let mut connection = server.connect();
        let next = Request::post("/echo", "#last").bytes();
        connection.send([first, WITH_FRAGMENT.as_bytes(), &next].concat());
        let response = connection.response();
        assert_eq!(response.status, *status, "{response:?}");
        connection.response().check_problem(400, "bad-request");
        connection.response().check(200, "#last");
    }
}

#[test]
fn a_target_arrives_as_it_was_sent() {
    let server = server();
    for (sent, seen) in [
        ("/head?a=1&b=%23", "/head?a=1&b=%23"),
        ("http://a.example/head?x", "/head?x"),
        ("https://a.example/head", "/head"),
        ("/head?{}|^`", "/head?{}|^`"),
        ("/head?\u{e4}", "/head?\u{e4}"),
        ("/head?//?/", "/head?//?/"),
    ] {
        let response = server.get(sent);
        assert_eq!(response.status, 200, "{sent}: {response:?}");
        assert!(response.text().contains(seen), "expected {seen}, got {}", response.text());
    }
    // A URI without a path has the path `/`, which the probe does not know.
    server.get("http://a.example?x").check(404, "no such path\n");
}

#[test]
fn a_target_of_another_form_is_refused() {
    let server = server();
    for (method, target) in [
        ("GET", "*"),
        ("GET", "a.example"),
        ("GET", "a.example:80"),
        ("GET", "http://user@a.example/"),
        ("GET", "http://user:word@a.example/"),
        ("GET", "ftp://a.example/"),
        ("GET", "http:///echo"),
        ("GET", "echo"),
        ("GET", "?x"),
        ("GET", "/echo?\""),
        ("GET", "/echo?<x>"),
        ("GET", "/ec\u{7f}ho"),
        ("CONNECT", "a.example:80"),
    ] {
        let response = server.exchange(&Request::new(method, target));
        response.check_problem(400, "bad-request");
    }
    let mut connection = server.connect();
    connection.send(b"GET /echo?\xff HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.response().check_problem(400, "bad-request");
}
