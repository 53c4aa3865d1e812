//! The limits on a request: the size of body and head, and the time for each. Every limit is tested
//! from both sides. A request just within it is served. A request beyond it gets an error status
//! and the limit's name, and the server continues.

use crate::client::{Request, chunked};
use crate::config::Config;
use crate::harness::Server;

fn header_of(bytes: usize) -> Request {
    Request::post("/echo", "x").header("x-padding", &"p".repeat(bytes))
}

#[test]
fn a_body_announced_too_large_is_refused_before_a_byte_of_it_is_read() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 1025\r\n\r\n");
    // Nothing more is sent, so the server must respond because of Content-Length alone.
    connection.response().check_limit(413, "body-too-large", "request-body", "1KiB");
    server.post("/echo", "x".repeat(1024)).check(200, "x".repeat(1024));
}

#[test]
fn a_body_announced_as_absurd_is_refused() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    let beyond_64_bits = ["18446744073709551616", "99999999999999999999999"];
    let within = ["4294967296", "9223372036854775807", "18446744073709551615"];
    for length in within.into_iter().chain(beyond_64_bits) {
        let mut connection = server.connect();
        let head = format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        connection.send(head);
        connection.response().check_limit(413, "body-too-large", "request-body", "1KiB");
        assert!(connection.closed(), "left open after {length}");
    }
    server.check_alive();
}

#[test]
fn a_chunked_body_is_refused_when_it_has_grown_too_large() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut connection = server.connect();
    connection.send(head);
    connection.send(format!("401\r\n{}\r\n", "x".repeat(1025)));
    // The body has not ended. The server must not wait for its end.
    connection.response().check_limit(413, "body-too-large", "request-body", "1KiB");

    let fits = "y".repeat(1024);
    let mut connection = server.connect();
    connection.send(head);
    connection.send(chunked(fits.as_bytes(), 100));
    connection.response().check(200, fits);
}

#[test]
fn a_client_that_sends_all_of_a_body_too_large_is_not_cut_off() {
    // Closing a connection with unread bytes resets it, and then the client can lose the response.
    // So the server continues to read for a while, here to the end.
    let server = Server::start(&Config::probe().limit("request-body", "1MiB"));
    let mut connection = server.connect();
    let request = Request::post("/echo", vec![b'x'; 3 << 20]).bytes();
    let mut stream = connection.stream();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stream, &request));
    connection.response().check_limit(413, "body-too-large", "request-body", "1MiB");
    writer.join().expect("writing does not panic").expect("all of it is taken");
    assert!(connection.closed());
    server.check_alive();
}

#[test]
fn a_refused_client_that_sends_without_end_is_cut_off() {
    let config = Config::probe().limit("request-body", "64KiB").limit("linger-time", "1h");
    let server = Server::start(&config);
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 9999999999\r\n\r\n");
    let mut stream = connection.stream();
    // A socket that is closed with unread data resets the connection.
    let writer = std::thread::spawn(move || {
        let piece = vec![b'x'; 64 << 10];
        // The buffers of both sockets take a part of this, the server four requests.
        (0..1024).any(|_| std::io::Write::write_all(&mut stream, &piece).is_err())
    });
    connection.response().check_limit(413, "body-too-large", "request-body", "64KiB");
    assert!(writer.join().expect("writing does not panic"), "all of 64 MiB was read");
    server.until_settled();
    server.check_alive();
}

#[test]
fn a_route_has_its_own_limit_of_the_body() {
    let config = Config::probe()
        .limit("request-body", "1KiB")
        .route("/echo", "probe")
        .route_limit("request-body", "10KiB");
    let server = Server::start(&config);
    server.post("/echo", "x".repeat(10_240)).check(200, "x".repeat(10_240));
    let refused = server.post("/echo", "x".repeat(10_241));
    refused.check_limit(413, "body-too-large", "request-body", "10KiB");
    let refused = server.post("/head", "x".repeat(1025));
    refused.check_limit(413, "body-too-large", "request-body", "1KiB");
    server.check_alive();
}

#[test]
fn a_head_too_large_is_refused() {
    let server = Server::start(&Config::probe().limit("request-head", "4KiB"));
    server.exchange(&header_of(3_500)).check(200, "x");
    let refused = server.exchange(&header_of(4_200));
    refused.check_limit(431, "head-too-large", "request-head", "4KiB");
    server.check_alive();
}

#[test]
fn the_default_limit_of_the_head_is_16_kib() {
    let server = Server::start(&Config::probe());
    server.exchange(&header_of(15 << 10)).check(200, "x");
    let refused = server.exchange(&header_of(17 << 10));
    refused.check_limit(431, "head-too-large", "request-head", "16KiB");
    server.check_alive();
}

#[test]
fn a_target_larger_than_a_head_is_refused() {
    let server = Server::start(&Config::probe());
    let long = "q".repeat(17 << 10);
    for target in [format!("/echo?{long}"), format!("http://{long}/echo")] {
        server.get(&target).check_limit(414, "target-too-long", "request-head", "16KiB");
    }
    server.check_alive();
}

#[test]
fn the_method_and_the_host_of_a_target_are_a_part_of_the_head() {
    let server = Server::start(&Config::probe().limit("request-head", "4KiB"));
    let (long, rest) = ("m".repeat(2100), "r".repeat(2100));
    for request in [
        Request::new(&long.to_uppercase(), &format!("/echo?{rest}")),
        Request::get(&format!("http://{long}/echo")).header("x", &rest),
    ] {
        server.exchange(&request).check_limit(431, "head-too-large", "request-head", "4KiB");
    }
    server.check_alive();
}

#[test]
fn a_head_that_does_not_end_is_refused_at_twice_the_limit() {
    let server = Server::start(&Config::probe().limit("head-time", "60s"));
    let mut connection = server.connect();
    connection.send(format!("GET /echo HTTP/1.1\r\nx: {}", "p".repeat(33 << 10)));
    // The server does not wait for its end: it responds long before the time limit.
    connection.response().check_limit(431, "head-too-large", "request-head", "16KiB");
    assert!(connection.closed());
    server.check_alive();
}

#[test]
fn too_many_headers_are_refused() {
    let server = Server::start(&Config::probe().limit("request-headers", 8));
    // `host` and `content-length` count.
    let with = |count: usize| {
        let request = Request::post("/echo", "x");
        (2..count).fold(request, |request, n| request.header(&format!("x-{n}"), "1"))
    };
    server.exchange(&with(8)).check(200, "x");
    server.exchange(&with(9)).check_limit(431, "head-too-large", "request-headers", "8");
    server.exchange(&with(300)).check_limit(431, "head-too-large", "request-headers", "8");
    server.check_alive();
}

#[test]
fn the_default_limit_of_headers_is_64() {
    let server = Server::start(&Config::probe());
    let with = |count: usize| {
        let request = Request::post("/echo", "x");
        (2..count).fold(request, |request, n| request.header(&format!("x-{n}"), "1"))
    };
    server.exchange(&with(64)).check(200, "x");
    server.exchange(&with(65)).check_limit(431, "head-too-large", "request-headers", "64");
    server.check_alive();
}

#[test]
fn a_client_that_stops_within_the_head_is_timed_out() {
    let server = Server::start(&Config::probe().limit("head-time", "300ms"));
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: te");
    connection.response().check_limit(408, "timeout", "head-time", "300ms");
    assert!(connection.closed(), "a connection that timed out is closed");
    server.check_alive();
}

#[test]
fn a_client_that_stops_within_the_second_head_is_timed_out() {
    let server = Server::start(&Config::probe().limit("head-time", "300ms"));
    let mut connection = server.connect();
    connection.exchange(&Request::post("/echo", "first")).check(200, "first");
    connection.send("POST /echo HTTP/1.1\r\nhost: te");
    connection.response().check_limit(408, "timeout", "head-time", "300ms");
    assert!(connection.closed(), "a connection that timed out is closed");
    server.check_alive();
}

#[test]
fn a_client_that_stops_within_a_pipelined_head_is_timed_out() {
    let config = Config::probe().limit("head-time", "300ms").limit("queue-length", 100);
    let server = Server::start(&config);
    let chunks = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    let firsts = [
        (Request::get("/head").bytes(), 200),
        (Request::get("/nowhere").bytes(), 404),
        (Request::get("/trap").bytes(), 500),
        (Request::post("/echo", "first").bytes(), 200),
        (Request::post("/echo", "x".repeat(100_000)).bytes(), 200),
        ([chunks.as_bytes(), &chunked(b"first", 2)].concat(), 200),
    ];
    let halves = ["P", "POST /echo HTTP/1.1\r\nhost: te", "GET /head HTTP/1.1\r\nhost: test\r\n"];
    let cases = firsts.iter().flat_map(|first| halves.map(|half| (first, half)));
    let begun: Vec<_> = cases
        .map(|((first, status), half)| {
            let mut connection = server.connect();
            connection.send([first, half.as_bytes()].concat());
            (connection, *status, half)
        })
        .collect();
    for (mut connection, status, half) in begun {
        assert_eq!(connection.response().status, status, "{half:?}");
        connection.response().check_limit(408, "timeout", "head-time", "300ms");
        assert!(connection.closed(), "a connection that timed out is closed: {half:?}");
    }
    server.check_alive();
    server.until_settled();
}

#[test]
fn a_client_that_stops_within_a_head_sent_before_the_answer_is_timed_out() {
    let config = Config::probe().limit("head-time", "300ms").limit("guest-time", "1s");
    let server = Server::start(&config);
    let mut connection = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    connection.send("P");
    connection.response().check_limit(504, "guest-time", "guest-time", "1s");
    connection.response().check_limit(408, "timeout", "head-time", "300ms");
    assert!(connection.closed(), "a connection that timed out is closed");
}

#[test]
fn a_pipelined_half_head_has_all_of_head_time() {
    let server =
        Server::start(&Config::probe().limit("head-time", "1m").limit("idle-time", "300ms"));
    // The second does not fit into the library's first buffer.
    for padding in [10, 12 << 10] {
        let mut bytes = header_of(padding).bytes();
        let rest = bytes.split_off(bytes.len() - 10);
        let mut connection = server.connect();
        connection.send([Request::post("/echo", "first").bytes(), bytes].concat());
        connection.response().check(200, "first");
        // The first one may end a moment before the server looks at this connection.
        server.until_idle_is_over();
        server.until_idle_is_over();
        connection.send(rest);
        connection.response().check(200, "x");
        assert!(connection.closed(), "an idle connection has idle-time");
    }
}

#[test]
fn an_idle_connection_is_usable_after_head_time() {
    let server = Server::start(&Config::probe().limit("head-time", "300ms"));
    let mut idle = server.connect();
    for body in ["first", "second"] {
        idle.exchange(&Request::post("/echo", body)).check(200, body);
        // Twice as long, by the server's clock: it looks at the connection, and does not close it.
        for _ in 0..2 {
            let mut half = server.begin(&Request::get("/head"));
            assert_eq!(half.response().status, 200);
            half.send("P");
            half.response().check_limit(408, "timeout", "head-time", "300ms");
        }
    }
    idle.exchange(&Request::post("/echo", "third")).check(200, "third");
}

#[test]
fn a_head_that_waits_behind_an_answer_does_not_cut_it() {
    let config = Config::probe().limit("head-time", "200ms").limit("guest-time", "800ms");
    let server = Server::start(&config);
    let mut connection = server.connect();
    let mut bytes = Request::get("/loop").bytes();
    bytes.extend_from_slice(b"POST /echo HTTP/1.1\r\nhost: te");
    connection.send(bytes);
    connection.response().check_limit(504, "guest-time", "guest-time", "800ms");
    // The client may send the rest as soon as the response has arrived.
    connection.send("st\r\ncontent-length: 2\r\n\r\nok");
    connection.response().check(200, "ok");
}

#[test]
fn an_idle_connection_is_closed_without_words() {
    let server = Server::start(&Config::probe().limit("idle-time", "300ms"));
    let mut unused = server.connect();
    let mut used = server.connect();
    used.exchange(&Request::post("/echo", "first")).check(200, "first");
    assert!(unused.closed() && used.closed());
    server.check_alive();
    server.until_settled();
}

#[test]
fn a_client_that_drips_its_head_is_timed_out() {
    let server = Server::start(&Config::probe().limit("head-time", "300ms"));
    let mut connection = server.connect();
    let (mut drip, mut others) = (connection.stream(), server.connect());
    // Each byte arrives well within the limit, but the whole head does not. There is one round trip
    // between two bytes.
    for byte in b"GET /echo HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'0')) {
        if !connection.silent() || std::io::Write::write_all(&mut drip, &[*byte]).is_err() {
            break;
        }
        others.exchange(&Request::post("/echo", "x")).check(200, "x");
    }
    connection.response().check_limit(408, "timeout", "head-time", "300ms");
    server.check_alive();
}

#[test]
fn a_client_that_stops_within_the_body_is_timed_out() {
    let server = Server::start(&Config::probe().limit("body-time", "300ms"));
    for start in [
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n12345",
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
        "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\nff\r\n12345",
    ] {
        let mut connection = server.connect();
        connection.send(start);
        connection.response().check_limit(408, "timeout", "body-time", "300ms");
        assert!(connection.closed(), "a connection that timed out is closed: {start:?}");
        server.check_alive();
    }
}

#[test]
fn a_client_that_drips_its_body_is_timed_out() {
    let server = Server::start(&Config::probe().limit("body-time", "300ms"));
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n");
    let (mut drip, mut others) = (connection.stream(), server.connect());
    while connection.silent() && std::io::Write::write_all(&mut drip, b"x").is_ok() {
        others.exchange(&Request::post("/echo", "x")).check(200, "x");
    }
    connection.response().check_limit(408, "timeout", "body-time", "300ms");
    server.check_alive();
}

#[test]
fn a_slow_client_within_its_time_is_served() {
    let server =
        Server::start(&Config::probe().limit("head-time", "30s").limit("body-time", "30s"));
    let mut connection = server.connect();
    for byte in Request::post("/echo", "patience").bytes() {
        connection.send([byte]);
    }
    connection.response().check(200, "patience");
}
