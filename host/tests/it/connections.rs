//! HTTP/1.1 on the wire: keep-alive, pipelining, many connections at once.

use std::process::Command;

use crate::client::{Connection, Request, chunked};
use crate::config::Config;
use crate::harness::Server;

#[test]
fn a_connection_serves_many_requests() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    for n in 0..200 {
        let body = n.to_string().repeat(n);
        connection.exchange(&Request::post("/echo", body.clone())).check(200, body);
    }
    let answer = connection.exchange(&Request::get("/head"));
    assert!(answer.header("date").is_some(), "{answer:?}");
}

#[test]
fn a_connection_is_closed_when_the_client_asks() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    let request = Request::post("/echo", "last").header("connection", "close");
    connection.exchange(&request).check(200, "last");
    assert!(connection.closed());
}

#[test]
fn the_last_response_arrives_whole_although_more_is_sent() {
    let server = Server::start(&Config::probe());
    // What the client sends is never read. If the server just closed the connection, that would reset it.
    for more in ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n"] {
        let mut connection = server.connect();
        let served =
            |server: &Server| server.metrics().sum("arenaria_requests_total", &[("status", "200")]);
        let before = served(&server);
        connection
            .send(Request::get("/respond?bytes=1500000").header("connection", "close").bytes());
        server.until("the response was made", |_| served(&server) > before);
        connection.send(more);
        std::thread::sleep(std::time::Duration::from_millis(200));
        connection.response().check(200, "x".repeat(1_500_000));
        assert!(connection.closed());
    }
}

#[test]
fn http_1_0_is_served_and_closed() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.0\r\ncontent-length: 3\r\n\r\nold");
    connection.response().check(200, "old");
    assert!(connection.closed());
}

#[test]
fn twenty_requests_in_one_write_are_answered_in_order() {
    let server = Server::start(&Config::probe().with("slots", 2));
    let mut connection = server.connect();
    let all: Vec<u8> = (0..20)
        .flat_map(|n| match n % 3 {
            0 => Request::post("/echo", format!("echo {n}")).bytes(),
            1 => Request::get(&format!("/status/{}", 400 + n)).bytes(),
            _ => Request::get(&format!("/respond?bytes={n}")).bytes(),
        })
        .collect();
    connection.send(all);
    for n in 0..20 {
        let answer = connection.response();
        match n % 3 {
            0 => answer.check(200, format!("echo {n}")),
            1 => assert_eq!(answer.status, 400 + n),
            _ => answer.check(200, "x".repeat(n.into())),
        }
    }
    assert!(connection.silent(), "more responses than requests");
}

#[test]
fn a_fault_amid_pipelined_requests_costs_only_itself() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    let targets = ["/status/201", "/trap", "/status/202", "/exhaust", "/status/203"];
    connection.send(targets.iter().flat_map(|t| Request::get(t).bytes()).collect::<Vec<u8>>());
    let statuses = targets.map(|_| connection.response().status);
    assert_eq!(statuses, [201, 500, 202, 507, 203]);
}

#[test]
fn a_pipelined_request_after_one_refused_is_not_misread() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    let mut connection = server.connect();
    // The body of the first looks like a request. It must never be served as one.
    let inner = Request::get("/status/299").bytes().repeat(100);
    connection.send(Request::post("/echo", inner).bytes());
    assert_eq!(connection.response().status, 413);
    while let Ok(Some(next)) = connection.try_response(false) {
        assert_ne!(next.status, 299, "a body was served as a request");
    }
    server.check_alive();
}

#[test]
fn a_chunked_body_is_read_whole() {
    let server = Server::start(&Config::probe());
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    for size in [333, 4096, 399_999, 400_000] {
        let mut connection = server.connect();
        connection.send(head);
        connection.send(chunked(&body, size));
        connection.response().check(200, &body);
        connection.exchange(&Request::post("/echo", "next")).check(200, "next");
    }
    let mut connection = server.connect();
    connection.send(format!("{head}0\r\n\r\n"));
    connection.response().check(200, "");
    // Chunk extensions and trailers are read and ignored.
    let mut connection = server.connect();
    connection.send(head);
    connection.send("4;name=value\r\nsand\r\n3\r\nbox\r\n0\r\nx-trailer: 1\r\n\r\n");
    connection.response().check(200, "sandbox");
    connection.exchange(&Request::post("/echo", "next")).check(200, "next");
}

#[test]
fn an_expected_continue_is_sent() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    let mut connection = server.connect();
    let head = |length: usize| {
        format!(
            "POST /echo HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    connection.send(head(4));
    let (status, _) = connection.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 100);
    connection.send("body");
    connection.response().check(200, "body");

    // No 100 Continue for a body that will be refused.
    let mut connection = server.connect();
    connection.send(head(1025));
    let (status, _) = connection.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 413);
    server.check_alive();
}

#[test]
fn an_upgrade_is_not_taken_up() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    for protocol in ["h2c", "websocket"] {
        let request = Request::post("/echo", "plain").header("upgrade", protocol);
        connection.exchange(&request.header("connection", "upgrade")).check(200, "plain");
    }
}

/// Raises this process's soft limit of open files, which its children inherit.
fn allow_open_files(count: u64) {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a row");
    let soft = line["Max open files".len()..].split_whitespace().next().expect("a column");
    if soft.parse::<u64>().is_ok_and(|soft| soft < count) {
        let pid = std::process::id().to_string();
        let mut raise = Command::new("prlimit");
        raise.args(["--pid", &pid, &format!("--nofile={count}:")]);
        let raised = raise.status().is_ok_and(|status| status.success());
        assert!(raised, "this test needs {count} open files: raise `ulimit -n`");
    }
}

#[test]
fn a_thousand_connections_get_each_their_own_answer() {
    allow_open_files(4096);
    let config = Config::probe().with("workers", 2).with("slots", 2).limit("queue-length", 1000);
    let server = Server::start(&config);
    let mut connections: Vec<Connection> = (0..1000).map(|_| server.connect()).collect();
    for round in 0..2 {
        let body = |n: usize| format!("connection {n}, round {round}").repeat(1 + n % 50);
        for (n, connection) in connections.iter_mut().enumerate() {
            connection.send(Request::post("/echo", body(n)).bytes());
        }
        for (n, connection) in connections.iter_mut().enumerate() {
            connection.response().check(200, body(n));
        }
    }
    assert_eq!(server.metrics().sum("arenaria_connections", &[]), 1000.0);
    drop(connections);
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_requests_total", &[("status", "200")]), 2000.0);
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn few_connections_are_spread_over_the_workers() {
    let server = Server::start(&Config::probe().with("workers", 2).limit("guest-time", "3s"));
    // Two loops on two connections run in parallel. On one worker, one would wait for the other.
    let mut looping = [0, 1].map(|_| server.begin(&Request::get("/loop")));
    server.until_busy(2.0);
    for connection in &mut looping {
        assert_eq!(connection.response().status, 504);
    }
    server.check_alive();
}

#[test]
fn a_burst_of_connections_waits_to_be_accepted() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("Linux has it");
    let count = most.trim().parse::<usize>().expect("it is a number").min(600);
    let server = Server::start(&Config::probe());
    // The kernel completes connections up to the queue's length without the server.
    server.signal("STOP");
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    server.signal("CONT");
    for client in &mut clients {
        client.exchange(&Request::post("/echo", "x")).check(200, "x");
    }
}

#[test]
fn clients_that_do_not_read_cannot_hold_the_operators_listener() {
    let config = Config::probe().limit("operator-connections", 2);
    let config = config.limit("head-time", "100ms").limit("response-time", "100ms");
    let server = Server::start(&config);
    // Each asks without end and reads nothing, so that what the server writes to it does not get through.
    let mut silent: Vec<_> = (0..2).map(|_| Connection::open(server.operator())).collect();
    let request = Request::get("/metrics").bytes().repeat(1000);
    for connection in &mut silent {
        let mut stream = connection.stream();
        let request = request.clone();
        std::thread::spawn(
            move || while std::io::Write::write_all(&mut stream, &request).is_ok() {},
        );
    }
    Connection::open(server.operator()).exchange(&Request::get("/livez")).check(200, "alive\n");
}
