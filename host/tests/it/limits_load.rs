//! The limits on concurrency: queues, connections, and clients that do not read.

use std::sync::mpsc;
use std::thread;

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::{Server, until};

/// Sends the same request `count` times at once. Returns the responses in order of arrival.
fn at_once(server: &Server, count: usize, request: &Request) -> Vec<Response> {
    let connections: Vec<Connection> = (0..count).map(|_| server.begin(request)).collect();
    let (sender, answers) = mpsc::channel();
    for mut connection in connections {
        let sender = sender.clone();
        thread::spawn(move || sender.send(connection.response()));
    }
    drop(sender);
    answers.iter().collect()
}

fn statuses(responses: &[Response]) -> Vec<u16> {
    responses.iter().map(|response| response.status).collect()
}

#[test]
fn a_full_queue_sheds_at_once() {
    let config = Config::probe().limit("queue-length", 2).limit("guest-time", "1500ms");
    let server = Server::start(&config);
    let answers = at_once(&server, 7, &Request::get("/loop"));
    // One runs and two wait. The other four are refused at once, before the first loop ends.
    assert_eq!(statuses(&answers), [503, 503, 503, 503, 504, 504, 504]);
    for shed in &answers[..4] {
        shed.check_limit(503, "saturated", "queue-length", "2");
        assert_eq!(shed.header("retry-after"), Some("1"));
    }
    server.check_alive();
    let shed = server.until_settled().sum("arenaria_requests_total", &[("status", "503")]);
    assert_eq!(shed, 4.0);
}

#[test]
fn the_default_queue_is_four_times_the_slots() {
    let server = Server::start(&Config::probe().with("slots", 2).limit("guest-time", "1s"));
    let answers = at_once(&server, 2 + 8 + 3, &Request::get("/loop"));
    assert_eq!(statuses(&answers[..3]), [503; 3]);
    assert_eq!(statuses(&answers[3..]), [504; 10]);
    server.check_alive();
}

#[test]
fn a_request_that_waited_too_long_is_shed() {
    let config = Config::probe().limit("queue-time", "100ms").limit("guest-time", "3s");
    let server = Server::start(&config);
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    let shed = server.post("/echo", "x");
    assert!(looping.silent(), "refused only after the slot was free");
    shed.check_limit(503, "saturated", "queue-time", "100ms");
    assert_eq!(shed.header("retry-after"), Some("1"));
    assert_eq!(looping.response().status, 504);
    drop(looping);
    let settled = server.until_settled();
    assert!(settled.sum("arenaria_queue_wait_seconds_count", &[]) >= 1.0, "{settled:?}");
    server.check_alive();
}

#[test]
fn a_request_that_waited_its_time_is_served() {
    let server = Server::start(&Config::probe().limit("guest-time", "500ms"));
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    server.check_alive();
    assert_eq!(looping.response().status, 504);
}

#[test]
fn a_queue_may_have_no_place() {
    let config = Config::probe().limit("queue-length", 0).limit("guest-time", "1s");
    let server = Server::start(&config);
    let answers = at_once(&server, 3, &Request::get("/loop"));
    assert_eq!(statuses(&answers), [503, 503, 504]);
    answers[0].check_limit(503, "saturated", "queue-length", "0");
    server
        .until("the slot is free again", |m| m.sum("arenaria_slots", &[("state", "idle")]) == 1.0);
    server.check_alive();
}

#[test]
fn saturation_of_one_route_leaves_another_alone() {
    let config =
        Config::probe().limit("guest-time", "2s").limit("queue-length", 1).route("/loop", "probe");
    let server = Server::start(&config);
    let mut looping = vec![server.begin(&Request::get("/loop"))];
    server.until_busy(1.0);
    looping.extend((0..3).map(|_| server.begin(&Request::get("/loop"))));
    for _ in 0..5 {
        server.check_alive();
    }
    let mut statuses: Vec<u16> = looping.iter_mut().map(|c| c.response().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [503, 503, 504, 504]);
}

#[test]
fn connections_over_the_limit_wait_and_are_served_later() {
    let server = Server::start(&Config::probe().limit("connections", 4));
    let request = Request::post("/echo", "mine");
    let mut inside: Vec<Connection> = (0..4)
        .map(|_| {
            let mut connection = server.connect();
            connection.exchange(&request).check(200, "mine");
            connection
        })
        .collect();
    let mut outside: Vec<Connection> = (0..3).map(|_| server.begin(&request)).collect();
    // After these round trips, a server without the limit would have served the others: requests on
    // open connections run on the worker, and a scrape runs on the thread that accepts.
    for _ in 0..10 {
        for connection in &mut inside {
            connection.exchange(&request).check(200, "mine");
        }
        assert_eq!(server.metrics().sum("arenaria_connections", &[]), 4.0);
    }
    assert!(outside.iter_mut().all(Connection::silent), "a fifth connection was served");
    for connection in &mut outside {
        drop(inside.pop());
        connection.response().check(200, "mine");
    }
    // The operator's listener still works, and shows at most the allowed number of connections.
    assert!(server.metrics().sum("arenaria_connections", &[]) <= 4.0);
    drop((inside, outside));
    server.check_alive();
    server.until_settled();
}

#[test]
fn the_operators_connections_over_the_limit_wait_and_are_served_later() {
    let server = Server::start(&Config::probe().limit("operator-connections", 1));
    let request = Request::get("/livez");
    let mut inside = Connection::open(server.operator());
    inside.exchange(&request).check(200, "alive\n");
    let mut outside = Connection::open(server.operator());
    outside.send(request.bytes());
    for _ in 0..5 {
        inside.exchange(&request).check(200, "alive\n");
    }
    assert!(outside.silent(), "a second connection was served");
    drop(inside);
    outside.response().check(200, "alive\n");
}

#[test]
fn a_refused_request_is_read_on_for_linger_time() {
    let open = |linger: &str| {
        let server = Server::start(&Config::probe().limit("linger-time", linger));
        let mut connection = server.connect();
        connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 9999999\r\n\r\n");
        assert_eq!(connection.response().status, 413);
        assert!(connection.closed(), "the server says at once that nothing more comes");
        (server, connection)
    };
    let (server, connection) = open("1h");
    assert_eq!(server.metrics().sum("arenaria_connections", &[]), 1.0, "it reads on");
    drop(connection);
    server.until_settled();

    let (server, mut connection) = open("200ms");
    server.until_settled();
    // What is sent to a closed socket is answered with a reset.
    until("the socket is closed", || connection.try_send("x").is_err().then_some(()));
}

/// Larger than the system's socket buffers, so a client that does not read blocks the server.
const HUGE: usize = 12 << 20;

fn huge_responses() -> Config {
    Config::probe().limit("memory", "16MiB")
}

fn huge() -> Request {
    Request::get(&format!("/respond?bytes={HUGE}"))
}

#[test]
fn a_huge_response_arrives_whole() {
    let server = Server::start(&huge_responses());
    server.exchange(&huge()).check(200, vec![b'x'; HUGE]);
    server.check_alive();
    server.until_settled();
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let config = huge_responses().limit("response-time", "300ms");
    let server = Server::start(&config);
    let mut connection = server.begin(&huge());
    server.until("the connection is gone", |m| {
        m.sum("arenaria_connections", &[]) == 0.0
            && m.sum("arenaria_requests_total", &[("status", "200")]) == 1.0
    });
    match connection.try_response(false) {
        Ok(Some(response)) => {
            assert!(!response.complete, "a client that did not read received the whole response");
        }
        Ok(None) => panic!("not even the head had been sent"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    server.check_alive();
    server.until_settled();
}

/// Reads a huge response in steps, with a pause before each.
#[track_caller]
fn read_slowly(connection: &mut Connection, pause: impl Fn()) {
    let (status, headers) = connection.try_head().expect("a head").expect("a head");
    assert_eq!(status, 200, "{headers:?}");
    let mut left = HUGE;
    while left > 0 {
        pause();
        left -= connection.read_part(left.min(1 << 20));
    }
}

#[test]
fn a_client_that_reads_slowly_is_served() {
    // Longer in total than any limit, but no single pause is longer.
    let config = huge_responses().limit("response-time", "2s").limit("idle-time", "200ms");
    let server = Server::start(&config);
    let mut connection = server.begin(&huge());
    read_slowly(&mut connection, || server.until_idle_is_over());
    server.check_alive();
}

#[test]
fn a_client_that_pauses_while_it_reads_is_not_idle() {
    let config = huge_responses().limit("response-time", "60s").limit("idle-time", "300ms");
    let server = Server::start(&config);
    let mut connection = server.begin(&huge());
    for _ in 0..3 {
        server.until_idle_is_over();
    }
    read_slowly(&mut connection, || {});
    server.check_alive();
}

#[test]
fn a_client_that_asks_again_while_it_reads_is_no_slow_head() {
    let config = huge_responses().limit("head-time", "300ms").limit("idle-time", "100ms");
    let server = Server::start(&config);
    let mut connection = server.begin(&huge());
    connection.send(Request::post("/echo", "next").bytes());
    read_slowly(&mut connection, || server.until_idle_is_over());
    connection.response().check(200, "next");
}

#[test]
fn responses_that_nobody_reads_are_bounded_together() {
    let config = huge_responses().limit("host-memory", "64MiB").limit("queue-length", 64);
    let server = Server::start(&config);
    let before = server.resident_bytes();
    // All of it together is a quarter of a gigabyte.
    let request = Request::get("/respond?bytes=8388608");
    let readers: Vec<Connection> = (0..32).map(|_| server.begin(&request)).collect();
    server.until("all have responses", |m| m.sum("arenaria_requests_total", &[]) == 32.0);
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 100 << 20, "the process grew by {grown} bytes");
    for mut connection in readers {
        let response = connection.response();
        if response.status != 200 {
            response.check_limit(503, "saturated", "host-memory", "64MiB");
        }
        assert!(response.complete);
    }
    server.exchange(&request).check(200, vec![b'x'; 8 << 20]);
}

#[test]
fn a_client_that_is_slow_with_its_head_holds_no_slot() {
    let server = Server::start(&Config::probe());
    let mut slow: Vec<Connection> = (0..20).map(|_| server.connect()).collect();
    for connection in &mut slow {
        connection.send("POST /echo HTTP/1.1\r\nhost: te");
    }
    server.check_alive();
    for connection in &mut slow {
        connection.send("st\r\ncontent-length: 4\r\n\r\nabcd");
        connection.response().check(200, "abcd");
    }
}

/// Four bodies of 1 MB without their last byte.
fn half_sent(server: &Server, target: &str) -> Vec<Connection> {
    let head = format!("POST {target} HTTP/1.1\r\nhost: test\r\ncontent-length: 1000001\r\n\r\n");
    let send = |_| {
        let mut connection = server.connect();
        connection.send(&head);
        // The server may refuse the body before all of it has arrived.
        let _ = connection.try_send(vec![b'x'; 1_000_000]);
        connection
    };
    (0..4).map(send).collect()
}

#[test]
fn bodies_on_their_way_are_bounded_together() {
    // Half of the host's memory is for bodies. It has room for at most two of four bodies of 1 MB.
    let server = Server::start(&Config::probe().limit("host-memory", "4MiB"));
    let mut half_sent = half_sent(&server, "/echo");
    until("two are refused", || {
        let answered = half_sent.iter_mut().map(Connection::silent).filter(|silent| !silent);
        (answered.count() >= 2).then_some(())
    });
    assert_eq!(server.get("/head").status, 200, "a request without a body is served");
    let (mut served, mut refused) = (0, 0);
    for connection in &mut half_sent {
        let _ = connection.try_send("x");
        let response = connection.response();
        if response.status == 200 {
            response.check(200, vec![b'x'; 1_000_001]);
            served += 1;
        } else {
            response.check_limit(503, "saturated", "host-memory", "4MiB");
            assert_eq!(response.header("retry-after"), Some("1"));
            refused += 1;
        }
    }
    assert!(served >= 1 && refused >= 2, "{served} served, {refused} refused");
    drop(half_sent);
    server.post("/echo", vec![b'y'; 1 << 20]).check(200, vec![b'y'; 1 << 20]);
}

#[test]
fn bodies_of_one_route_leave_memory_to_another() {
    let config = Config::empty().route("/", "probe").route("/echo/a", "probe");
    let server = Server::start(&config.limit("host-memory", "4MiB"));
    let flood = half_sent(&server, "/echo/a");
    server.until("all but one are refused", |metrics| {
        metrics.sum("arenaria_requests_total", &[("route", "/echo/a"), ("status", "503")]) == 3.0
    });
    server.post("/echo", vec![b'y'; 1_000_000]).check(200, vec![b'y'; 1_000_000]);
    drop(flood);
}
