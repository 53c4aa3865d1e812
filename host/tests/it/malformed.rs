//! Requests that are not HTTP/1.1, or that two servers could read in two ways. They are refused,
//! their connection is closed, and other clients are not affected.

use crate::config::Config;
use crate::harness::Server;

/// One server is enough for all rows of a test, because they are independent. Each row has its own
/// connection and is followed by a good request on another one.
#[track_caller]
fn server() -> Server {
    Server::start(&Config::probe())
}

/// A request that must get 400, after which its connection must be closed.
#[track_caller]
fn check_refused(server: &Server, bytes: impl AsRef<[u8]>) {
    check_refused_for(server, bytes, "");
}

/// The same, and the document must contain this text. A head is also refused behind another request.
#[track_caller]
fn check_refused_for(server: &Server, bytes: impl AsRef<[u8]>, why: &str) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(bytes).chars().take(200).collect::<String>();
    for first in [&b""[..], b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\none"] {
        let mut connection = server.connect();
        connection.send([first, bytes].concat());
        if !first.is_empty() {
            connection.response().check(200, "one");
        }
        let response = connection.response();
        assert_eq!(response.status, 400, "{shown:?}: {response:?}");
        let detail = response.check_problem(400, "bad-request")["detail"].to_string();
        assert!(detail.contains(why), "expected {why:?} for {shown:?}, got {detail}");
        assert!(connection.closed(), "left open after {shown:?}");
        server.check_alive();
    }
}

#[test]
fn a_request_line_that_is_not_one() {
    let server = server();
    check_refused(&server, "GE T / HTTP/1.1\r\nhost: test\r\n\r\n");
    check_refused(&server, "G\u{e9}T / HTTP/1.1\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET /\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1 more\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / echo HTTP/1.1\r\nhost: test\r\n\r\n");
    check_refused(&server, "{\"json\": true}\r\n\r\n");
    check_refused(&server, "\u{1}\u{2}\u{3}\u{4}\r\n\r\n");
    check_refused(&server, "GET /\0 HTTP/1.1\r\nhost: test\r\n\r\n");
    check_refused(&server, "G\0T / HTTP/1.1\r\nhost: test\r\n\r\n");
}

#[test]
fn a_version_that_is_not_spoken_here() {
    let server = server();
    check_refused(&server, "GET / HTTP/2.0\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.9\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / HTTP/0.9\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / HTTP/11\r\nhost: test\r\n\r\n");
    check_refused(&server, "GET / http/1.1\r\nhost: test\r\n\r\n");
    check_refused_for(&server, "PRI * HTTP/2.0\r\nhost: test\r\n\r\n", "got \\\"HTTP/2.0");
}

#[test]
fn spaces_count_as_bytes_of_a_head() {
    let server = server();
    let padded = format!("GET /head HTTP/1.1\r\nhost: a\r\nx:{}a\r\n", " ".repeat(17_000));
    for rest in ["\r\n", "content-length: 5\r\n\r\nhello"] {
        let mut connection = server.connect();
        connection.send(format!("{padded}{rest}GET /head#part HTTP/1.1\r\nhost: a\r\n\r\n"));
        connection.response().check_problem(431, "head-too-large");
        assert!(connection.closed(), "what follows is not looked at");
    }
    server.check_alive();
}

#[test]
fn a_tls_handshake() {
    let server = server();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    check_refused_for(&server, hello, "expected HTTP without encryption, got a TLS handshake");
    check_refused(&server, [&hello[..], b"\r\n\r\n"].concat());
}

#[test]
fn a_header_that_is_not_one() {
    let server = server();
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nno colon\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nspace : before\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\n: nameless\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nbad name: 1\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nx: nul\0\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nx\0: 1\r\n\r\n");
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nx: a\rb\r\n\r\n");
    // obs-fold: a continuation line, read differently by different servers.
    check_refused(&server, "GET / HTTP/1.1\r\nhost: test\r\nx: 1\r\n folded\r\n\r\n");
    check_refused(
        &server,
        "GET / HTTP/1.1\r\nhost: test\r\ntransfer-encoding:\r\n chunked\r\n\r\n",
    );
}

#[test]
fn a_host_that_is_missing_or_there_twice() {
    let server = server();
    // RFC 9112, 3.2: the response must be 400. The end of the request is clear, so the connection
    // may stay open.
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a\r\nHost: a\r\n"] {
        let mut connection = server.connect();
        connection.send(format!("GET /head HTTP/1.1\r\n{hosts}\r\n"));
        connection.response().check_problem(400, "bad-request");
        server.check_alive();
    }
}

#[test]
fn a_host_that_is_not_one() {
    let server = server();
    let mut connection = server.connect();
    for host in ["x/y", "user@x", "a b", "a:b", "[::1", "a#", "a\tb"] {
        connection.send(format!("GET /head HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        let refused = connection.response();
        refused.check_problem(400, "bad-request");
    }
    for host in ["", "a", "a.example:80", "127.0.0.1:8080", "[::1]:80"] {
        connection.send(format!("GET /echo HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        connection.response().check(200, "");
    }
}

#[test]
fn the_document_says_what_was_expected_and_what_was_found() {
    let server = server();
    for (head, why) in [
        ("{\"json\": true}\r\n\r\n", "got \\\"{"),
        ("G\u{e9}T / HTTP/1.1\r\n\r\n", "with a method of letters"),
        ("GET\r\nhost: test\r\n\r\n", "expected a method, a target and a version"),
        ("GET / HTTP/1.1 more\r\n\r\n", "got \\\"HTTP/1.1 more"),
        ("GET / HTTP/3\r\n\r\n", "expected the version HTTP/1.1 or HTTP/1.0"),
        ("GET /?\" HTTP/1.1\r\nhost: a\r\n\r\n", "expected a target such as /path?query"),
        ("GET nowhere/ HTTP/1.1\r\nhost: a\r\n\r\n", "got \\\"nowhere/"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "got \\\"no colon"),
        ("GET / HTTP/1.1\r\nbad name: 1\r\n\r\n", "expected the name of a header field"),
        ("GET / HTTP/1.1\r\nx: a\0b\r\n\r\n", "expected a value of x without control characters"),
        (
            "GET / HTTP/1.1\r\nx: a\r\x0c\r\n\r\n",
            "expected a value of x without control characters",
        ),
        ("GET / HTTP/1.1\r\nx: 1\r\n folded\r\n\r\n", "expected each header field on one line"),
        (
            "GET / HTTP/1.1\r\ncontent-length: 5x\r\n\r\n",
            "expected a number as content-length, got \\\"5x",
        ),
        ("GET / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "got 5 and 6"),
        ("GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", "got \\\"gzip"),
        ("GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", "expected HTTP/1.0 without"),
    ] {
        check_refused_for(&server, head, why);
    }
}

#[test]
fn a_malformed_head_that_drips_is_told_of_too() {
    let server = server();
    let mut connection = server.connect();
    for byte in b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n" {
        connection.send([*byte]);
    }
    let problem = connection.response().check_problem(400, "bad-request");
    assert!(problem["detail"].to_string().contains("content-length"), "{problem}");
    assert!(connection.closed());
}

#[test]
fn a_length_that_is_not_one() {
    let server = server();
    for length in ["-1", "+5", "5x", "0x5", "5 5", "5, 6", "", "1e3"] {
        let head = format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        check_refused(&server, head + "12345");
    }
    let twice = "content-length: 5\r\ncontent-length: 6\r\n";
    check_refused(&server, format!("POST /echo HTTP/1.1\r\nhost: test\r\n{twice}\r\n123456"));
}

#[test]
fn a_transfer_encoding_that_is_not_known() {
    let server = server();
    for encoding in
        ["gzip", "chunked, gzip", "identity", "xchunked", "chunked, chunked", "gzip, chunked"]
    {
        let head =
            format!("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: {encoding}\r\n\r\n");
        check_refused(&server, head + "0\r\n\r\n");
    }
}

#[test]
fn a_chunk_that_is_not_one() {
    let server = server();
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in [
        "x\r\n12345\r\n0\r\n\r\n",
        "-5\r\n12345\r\n0\r\n\r\n",
        "5\r\n1234567\r\n0\r\n\r\n",
        "\r\n12345\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFFF\r\n12345",
        "5;ext=\n\r\n12345\r\n0\r\n\r\n",
    ] {
        check_refused(&server, format!("{head}{body}"));
    }
}

#[test]
fn a_chunk_announced_as_absurd_reserves_no_memory() {
    let server = server();
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    for size in ["7FFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFF", "100000000"] {
        let mut connection = server.connect();
        connection.send(format!("{head}{size}\r\n"));
        connection.send("x".repeat(100));
        connection.finish_sending();
        // More than the limit at once, or an incomplete body: both are correct.
        let status = connection.try_response(false).expect("not reset").map(|r| r.status);
        assert!(matches!(status, Some(400 | 413) | None), "{size}: {status:?}");
        server.check_alive();
    }
    let resident = server.resident_bytes();
    assert!(resident < 1 << 30, "{resident} bytes");
}

/// Conflicting framing is used to smuggle requests past a proxy.
#[test]
fn a_length_and_a_transfer_encoding_together_smuggle_nothing() {
    let server = server();
    let smuggled = "GET /status/299 HTTP/1.1\r\nhost: test\r\n\r\n";
    let orders = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ];
    for fields in orders {
        let mut connection = server.connect();
        connection
            .send(format!("POST /echo HTTP/1.1\r\nhost: test\r\n{fields}\r\n0\r\n\r\n{smuggled}"));
        let response = connection.response();
        // RFC 9112, 6.1: the server refuses it, or uses only the chunks and closes the connection.
        match response.status {
            200 => response.check(200, ""),
            status => assert_eq!(status, 400, "{response:?}"),
        }
        let next = connection.try_response(false);
        assert!(!matches!(&next, Ok(Some(r)) if r.status == 299), "smuggled: {next:?}");
        server.check_alive();
    }
}

#[test]
fn noise_is_survived() {
    let server = server();
    // Our own generator, so that the bytes are the same everywhere (Knuth, MMIX).
    let mut state = 4711_u64;
    let mut noise = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for length in 1..60 {
        let mut bytes: Vec<u8> = (0..length * 7).map(|_| noise()).collect();
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut connection = server.connect();
        connection.send(bytes);
        connection.finish_sending();
        if let Ok(Some(response)) = connection.try_response(false) {
            assert!((400..500).contains(&response.status), "{response:?}");
        }
    }
    server.check_alive();
}
