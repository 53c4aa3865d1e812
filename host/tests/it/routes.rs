//! Which component handles a request, what it sees of it, and what it keeps between two requests.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::Request;
use crate::config::Config;
use crate::harness::Server;

const HELLO: &str = "hello, world\n";

/// The lines of the probe's response on `/head` to a request.
#[track_caller]
fn head_of(server: &Server, request: &Request) -> Vec<String> {
    let response = server.exchange(request);
    assert_eq!(response.status, 200, "{response:?}");
    response.text().lines().map(str::to_owned).collect()
}

fn has(lines: &[String], name: &str) -> bool {
    lines.iter().any(|line| line.to_lowercase().starts_with(&format!("{name}:")))
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let config = Config::of("hello")
        .route("/echo", "probe")
        .route("/greeting", "probe")
        .setting("greeting", "short")
        .route("/status", "probe")
        .route("/status/418", "hello");
    let server = Server::start(&config);
    server.get("/").check(200, HELLO);
    server.get("/anything/else").check(200, HELLO);
    server.post("/echo", "to the probe").check(200, "to the probe");
    server.post("/echo?query", "to the probe").check(200, "to the probe");
    // A prefix matches only whole segments.
    server.post("/echoes", "x").check(200, HELLO);
    server.post("/ech", "x").check(200, HELLO);
    // Paths below a route belong to the route: here the probe itself responds with 404.
    let below = server.post("/echo/below", "x");
    assert_eq!(below.status, 404);
    assert_ne!(below.header("content-type"), Some("application/problem+json"));
    assert!(server.get("/greeting").text().contains("short"));
    assert_eq!(server.get("/status/201").status, 201);
    server.get("/status/418").check(200, HELLO);
    assert_eq!(server.get("/status/4180").status, server.get("/status/4181").status);
    server.until_settled();
}

#[test]
fn a_path_of_no_route_is_answered_with_404() {
    let server = Server::start(&Config::empty().route("/echo", "probe"));
    for target in ["/", "/ech", "/echoes", "/Echo", "/other/echo"] {
        server.get(target).check_problem(404, "no-route");
    }
    server.check_alive();
}

#[test]
fn a_request_reaches_the_processor_as_it_was_sent() {
    let server = Server::start(&Config::probe());
    let before = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    let request = Request::new("PATCH", "/head?a=%41&b={c}|d").body("12345");
    let lines = head_of(&server, &request);
    let after = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    let text = lines.join("\n");
    for part in ["PATCH", "/head?a=%41&b={c}|d", "5"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u128>().ok());
    let received = numbers.max().expect("received-at is there");
    assert!((before..=after).contains(&received), "{before} {received} {after}");
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "POST", "BREW"] {
        let lines = head_of(&server, &Request::new(method, "/head"));
        assert!(lines.iter().any(|line| line.contains(method)), "{method}: {lines:?}");
    }
    server.check_alive();
}

#[test]
fn only_content_type_is_forwarded_unasked() {
    let server = Server::start(&Config::probe());
    let request = Request::post("/head", "x")
        .header("Content-Type", "text/plain")
        .header("Accept", "a/secret")
        .header("Cookie", "secret=1")
        .header("Authorization", "Bearer secret")
        .header("X-Other", "secret");
    let lines = head_of(&server, &request);
    assert!(has(&lines, "content-type"), "{lines:?}");
    assert!(!lines.join("\n").contains("secret"), "{lines:?}");
    assert!(!has(&lines, "host"), "{lines:?}");
}

#[test]
fn the_named_headers_are_forwarded_in_order() {
    let names = toml::Value::from(vec!["X-First", "cookie"]);
    let server = Server::start(&Config::probe().route_key("forward-headers", names));
    let request = Request::post("/head", "x")
        .header("cookie", "a=1")
        .header("X-FIRST", "one")
        .header("authorization", "Bearer secret")
        .header("content-type", "text/plain")
        .header("x-first", "two");
    let lines = head_of(&server, &request);
    let place = |part: &str| {
        lines.iter().position(|line| line == part).unwrap_or_else(|| panic!("no {part}: {lines:?}"))
    };
    assert!(place("x-first: one") < place("x-first: two"), "{lines:?}");
    place("cookie: a=1");
    assert!(!has(&lines, "authorization") && !has(&lines, "content-type"), "{lines:?}");
}

#[test]
fn a_header_that_is_not_text_does_not_reach_the_processor() {
    let server = Server::start(&Config::probe());
    for value in [&b"\xff\xfe"[..], b"caf\xe9"] {
        let mut bytes = b"GET /head HTTP/1.1\r\nhost: test\r\ncontent-type: ".to_vec();
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut connection = server.connect();
        connection.send(bytes);
        let response = connection.response();
        match response.status {
            200 => assert!(!response.text().contains("content-type"), "{}", response.text()),
            _ => drop(response.check_problem(400, "bad-request")),
        }
        server.check_alive();
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    let get = connection.exchange(&Request::get("/respond?bytes=1000"));
    let head = connection.exchange(&Request::new("HEAD", "/respond?bytes=1000"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("1000"));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    get.check(200, "x".repeat(1000));
    // A stray body would be read as the next response.
    connection.exchange(&Request::post("/echo", "next")).check(200, "next");
}

#[test]
fn an_absolute_target_is_its_path() {
    let server = Server::start(&Config::probe());
    let lines = head_of(&server, &Request::get("http://example.org/head?x=1"));
    let text = lines.join("\n");
    assert!(text.contains("/head?x=1") && !text.contains("example.org"), "{text}");
    // These have no path at all.
    for request in [Request::new("OPTIONS", "*"), Request::new("CONNECT", "example.org:443")] {
        let response = server.exchange(&request);
        assert!((400..500).contains(&response.status), "{response:?}");
        server.check_alive();
    }
}

#[test]
fn a_reused_instance_remembers() {
    let server = Server::start(&Config::probe().route_key("isolation", "reuse"));
    for n in 0..5 {
        server.get("/remember").check(200, format!("{n}\n"));
    }
}

#[test]
fn a_fresh_instance_remembers_nothing() {
    let server = Server::start(&Config::probe().route_key("isolation", "fresh"));
    let mut connection = server.connect();
    for _ in 0..20 {
        connection.exchange(&Request::get("/remember")).check(200, "0\n");
    }
}

#[test]
fn who_is_not_trusted_gets_a_new_instance_for_each_request() {
    let server = Server::start(&Config::probe().route_key("trusted", false));
    let mut connection = server.connect();
    for _ in 0..3 {
        connection.exchange(&Request::get("/remember")).check(200, "0\n");
    }
}

#[test]
fn fresh_instances_are_enough_for_many_clients() {
    let config = Config::probe().route_key("isolation", "fresh").with("slots", 2);
    let server = Server::start(&config.limit("queue-length", 100));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..50 {
                    connection.exchange(&Request::get("/remember")).check(200, "0\n");
                }
            });
        }
    });
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn a_fresh_instance_may_fail_like_any_other() {
    let config = Config::probe().route_key("isolation", "fresh").limit("guest-time", "300ms");
    let server = Server::start(&config);
    let faults = [
        ("/trap", 500, "trap"),
        ("/recurse", 500, "stack-exhausted"),
        ("/exhaust", 507, "memory"),
        ("/loop", 504, "guest-time"),
        ("/status/99", 500, "bad-response"),
    ];
    for (target, status, kind) in faults {
        server.get(target).check_problem(status, kind);
        server.check_alive();
    }
}

#[test]
fn an_arena_can_be_scrubbed() {
    // The tests of the arena check that no byte remains. This checks that the setting is valid for
    // every processor, and that it is not passed on to the component.
    let server = Server::start(&Config::probe().setting("arena-scrub", "true"));
    let mut connection = server.connect();
    for n in 0..20 {
        let body = "sand".repeat(n * 1000);
        connection.exchange(&Request::post("/echo", body.clone())).check(200, body);
    }
    connection.exchange(&Request::get("/remember")).check(200, "20\n");
}

#[test]
fn routes_keep_their_instances_and_settings_apart() {
    let config = Config::probe()
        .setting("greeting", "from the root")
        .route("/greeting", "probe")
        .setting("greeting", "from the route")
        .route("/remember", "probe");
    let server = Server::start(&config);
    assert!(server.get("/greeting").text().contains("from the route"));
    server.check_alive();
    server.get("/remember").check(200, "0\n");
    server.get("/remember").check(200, "1\n");
    server.until_settled();
}
