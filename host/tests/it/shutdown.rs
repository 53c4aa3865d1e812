//! Shutdown: running requests are finished, new connections are refused, the exit code is 0.

use std::time::Duration;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};

/// A request that keeps a slot busy for about a second and then succeeds.
#[track_caller]
fn long_request(server: &Server) -> Request {
    // The number of turns depends on the speed of this machine.
    let mut iterations = 1_000_000_u64;
    loop {
        let begin = std::time::Instant::now();
        let response = server.get(&format!("/spin?iterations={iterations}"));
        assert_eq!(response.status, 200, "{response:?}");
        let millis = u64::try_from(begin.elapsed().as_millis()).expect("a short time");
        if millis > 20 {
            return Request::get(&format!("/spin?iterations={}", iterations * 1000 / millis));
        }
        iterations *= 4;
    }
}

#[track_caller]
fn check_graceful(signal: &str) {
    let config = Config::probe().limit("guest-time", "60s").limit("drain-time", "60s");
    let mut server = Server::start(&config);
    let long = long_request(&server);
    let mut running = server.begin(&long);
    server.until_busy(1.0);
    server.signal(signal);
    until("new connections are refused", || Connection::try_open(server.address).err());
    assert!(running.silent(), "refused only after the request had ended");
    let response = running.response();
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.complete);
    assert!(running.closed(), "the connection outlives the server");
    assert_eq!(server.until_exit().code(), Some(0), "{}", server.log());
}

#[test]
fn sigterm_finishes_what_runs() {
    check_graceful("TERM");
}

#[test]
fn sigint_finishes_what_runs() {
    check_graceful("INT");
}

#[test]
fn a_request_half_sent_is_finished() {
    let mut server = Server::start(&Config::probe().limit("drain-time", "60s"));
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf");
    server.until("the connection is known", |m| m.sum("arenaria_connections", &[]) == 1.0);
    // An accepted connection may not have been read yet. A second request on the same worker is
    // served after it.
    server.check_alive();
    server.signal("TERM");
    until("new connections are refused", || Connection::try_open(server.address).err());
    connection.send("full");
    connection.response().check(200, "halffull");
    assert!(connection.closed());
    assert_eq!(server.until_exit().code(), Some(0));
}

#[test]
fn a_stream_of_records_is_finished() {
    let config = crate::records::records(".").limit("drain-time", "60s");
    let mut server = Server::start(&config);
    let mut connection = server.connect();
    connection.send(
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-ndjson\r\n\
         transfer-encoding: chunked\r\n\r\n2\r\n1\n\r\n",
    );
    let (status, _) = connection.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 200);
    assert_eq!(connection.chunk().expect("a chunk").as_deref(), Some(&b"1\n"[..]));
    server.signal("TERM");
    until("new connections are refused", || Connection::try_open(server.address).err());
    connection.send("2\r\n2\n\r\n0\r\n\r\n");
    assert_eq!(connection.chunk().expect("a chunk").as_deref(), Some(&b"2\n"[..]));
    assert_eq!(
        connection.chunk().expect("a chunk").as_deref(),
        Some(&b""[..]),
        "the last chunk is missing"
    );
    assert!(connection.closed());
    assert_eq!(server.until_exit().code(), Some(0));
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let mut server = Server::start(&Config::probe().limit("drain-time", "600s"));
    let mut idle: Vec<Connection> = (0..10)
        .map(|_| {
            let mut connection = server.connect();
            connection.exchange(&Request::post("/echo", "x")).check(200, "x");
            connection
        })
        .collect();
    server.signal("TERM");
    // The drain time is longer than this test waits.
    assert_eq!(server.until_exit().code(), Some(0));
    assert!(idle.iter_mut().all(Connection::closed));
}

#[test]
fn a_half_head_behind_a_request_is_finished() {
    let mut server = Server::start(&Config::probe().limit("drain-time", "60s"));
    let (mut half, mut idle) = (server.connect(), server.connect());
    half.send(
        [Request::post("/echo", "first").bytes(), b"POST /echo HTTP/1.1\r\n".to_vec()].concat(),
    );
    half.response().check(200, "first");
    idle.exchange(&Request::post("/echo", "x")).check(200, "x");
    server.signal("TERM");
    // At about the same time the server decides about both.
    assert!(idle.closed());
    half.send("host: test\r\ncontent-length: 6\r\n\r\nsecond");
    half.response().check(200, "second");
    assert!(half.closed(), "the connection outlives its last response");
    assert_eq!(server.until_exit().code(), Some(0), "{}", server.log());
}

#[test]
fn readiness_ends_when_draining_begins() {
    let config = Config::probe().limit("guest-time", "60s").limit("drain-time", "60s");
    let mut server = Server::start(&config);
    let long = long_request(&server);
    let mut running = server.begin(&long);
    server.until_busy(1.0);
    let ask = |target| {
        let mut connection = Connection::try_open(server.operator()).ok()?;
        let response = connection.exchange_or_end(&Request::get(target)).ok()??;
        Some(response.status)
    };
    assert_eq!(ask("/readyz"), Some(200));
    server.signal("TERM");
    until("readiness ends", || (ask("/readyz")? == 503).then_some(()));
    assert_eq!(ask("/livez"), Some(200), "a draining server is alive");
    assert_eq!(running.response().status, 200);
    assert_eq!(server.until_exit().code(), Some(0));
}

#[test]
fn the_drain_time_ends_a_drain() {
    let config = Config::probe().limit("guest-time", "600s").limit("drain-time", "300ms");
    let mut server = Server::start(&config);
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    server.signal("TERM");
    // The loop alone would run longer than this test waits.
    server.until_exit();
    let ended = looping.try_response(false);
    assert!(!matches!(&ended, Ok(Some(response)) if response.status == 200), "{ended:?}");
}

#[test]
fn nothing_is_left_of_a_server_that_has_ended() {
    let config = Config::probe().limit("drain-time", "10s");
    let mut server = Server::start(&config);
    server.check_alive();
    let (address, operator) = (server.address, server.operator());
    server.signal("TERM");
    assert_eq!(server.until_exit().code(), Some(0));
    assert!(Connection::try_open(address).is_err());
    assert!(Connection::try_open(operator).is_err());
    // The address is free at once.
    let again = Server::start(&Config::probe().with("listen", address.to_string()));
    assert_eq!(again.address, address);
    again.check_alive();
}

#[test]
fn whatever_was_sent_before_the_signal_is_answered() {
    let config = Config::probe().with("workers", 2).with("slots", 2);
    let config = config.limit("drain-time", "60s").limit("queue-length", 1000);
    for is_known in [false, true] {
        let mut server = Server::start(&config);
        let echo = Request::post("/echo", "sent");
        let mut clients: Vec<_> = (0..32).map(|_| server.connect()).collect();
        if is_known {
            for client in &mut clients {
                client.exchange(&echo).check(200, "sent");
            }
        }
        // All of this is in the kernel when the server goes on, and the signal with it.
        server.signal("STOP");
        for client in &mut clients {
            client.send(echo.bytes());
        }
        clients.extend((0..32).map(|_| server.begin(&echo)));
        server.signal("TERM");
        server.signal("CONT");
        for client in &mut clients {
            let response = client.response();
            response.check(200, "sent");
            assert!(client.closed(), "the connection outlives its last response");
        }
        assert_eq!(server.until_exit().code(), Some(0), "{}", server.log());
    }
}

#[test]
fn a_client_that_keeps_a_connection_after_its_last_response_does_not_delay_the_end() {
    let config = Config::probe().limit("linger-time", "10m").limit("drain-time", "10m");
    let mut server = Server::start(&config);
    let mut client = server.connect();
    client.exchange(&Request::get("/head").header("connection", "close"));
    assert!(client.closed());
    server.until("it is read on", |metrics| metrics.sum("arenaria_connections", &[]) == 1.0);
    server.signal("TERM");
    assert_eq!(server.until_exit().code(), Some(0));
}

/// Waits until the process has stopped.
fn stop(server: &Server) {
    server.signal("STOP");
    let stat = format!("/proc/{}/stat", server.pid());
    until("the server stands still", || {
        std::fs::read_to_string(&stat).ok().filter(|stat| stat.contains(") T ")).map(drop)
    });
}

/// A request that arrives in the time that is left for it, at a server which then gets no time until that is over.
/// False if that time was over before.
fn arrives_at_the_last_moment() -> bool {
    let mut server = Server::start(&Config::probe().limit("drain-time", "60s"));
    let mut client = server.connect();
    client.exchange(&Request::post("/echo", "first")).check(200, "first");
    server.signal("TERM");
    until("no connection is accepted", || Connection::try_open(server.address).err());
    stop(&server);
    let is_in_time = client.silent();
    if is_in_time {
        client.send(Request::post("/echo", "last").bytes());
        std::thread::sleep(Duration::from_millis(200));
    }
    server.signal("CONT");
    if is_in_time {
        client.response().check(200, "last");
    }
    assert_eq!(server.until_exit().code(), Some(0));
    is_in_time
}

#[test]
fn a_request_that_arrives_in_time_is_answered_by_a_server_that_gets_no_time() {
    until("the last moment was found", || arrives_at_the_last_moment().then_some(()));
}
