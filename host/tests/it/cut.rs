//! Clients that disconnect in every phase of a connection. No slot stays busy, no connection stays
//! open, and no byte stays in an arena.

use std::thread;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};

/// Lets many clients do the same and disconnect, half of them with a reset, then checks that nothing is left.
#[track_caller]
fn check_cut(config: &Config, count: usize, leave: impl Fn(&Server) -> Connection + Sync) {
    let server = Server::start(config);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..count.div_ceil(4) {
                    let connection = leave(&server);
                    if number % 2 == 0 {
                        connection.reset();
                    }
                }
            });
        }
    });
    server.check_alive();
    server.until_settled();
}

fn two_slots() -> Config {
    Config::probe().with("slots", 2)
}

#[test]
fn before_a_byte() {
    check_cut(&two_slots(), 100, Server::connect);
}

#[test]
fn within_the_head() {
    let head = Request::post("/echo", "").header("x-padding", &"p".repeat(500)).bytes();
    for cut in [1, 4, 16, head.len() / 2, head.len() - 1] {
        check_cut(&two_slots(), 20, |server| {
            let mut connection = server.connect();
            connection.send(&head[..cut]);
            connection
        });
    }
}

#[test]
fn within_the_body() {
    let request = Request::post("/echo", "b".repeat(100_000)).bytes();
    check_cut(&two_slots(), 40, |server| {
        let mut connection = server.connect();
        connection.send(&request[..60_000]);
        connection
    });
}

#[test]
fn within_a_chunk() {
    check_cut(&two_slots(), 40, |server| {
        let mut connection = server.connect();
        connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
        connection.send("5\r\n12345\r\nff\r\n123");
        connection
    });
}

#[test]
fn between_two_requests() {
    check_cut(&two_slots(), 100, |server| {
        let mut connection = server.connect();
        connection.exchange(&Request::post("/echo", "one")).check(200, "one");
        connection
    });
}

#[test]
fn while_the_processor_runs() {
    let config = two_slots().limit("guest-time", "1s");
    let server = Server::start(&config);
    for _ in 0..3 {
        let looping = [0, 1].map(|_| server.begin(&Request::get("/loop")));
        server.until_busy(2.0);
        looping.into_iter().for_each(Connection::reset);
        server.check_alive();
    }
    let settled = server.until_settled();
    // The call is cancelled, or runs to its time limit. The instance is replaced in both cases.
    let replaced = settled.retired("cancelled") + settled.retired("deadline");
    assert_eq!(replaced, 6.0, "{settled:?}");
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 6.0);
    // Each request is counted: with the status for a client that left, or with that of the unread
    // response.
    let status = |code| settled.sum("arenaria_requests_total", &[("status", code)]);
    assert_eq!(status("499") + status("504"), 6.0, "{settled:?}");
}

#[test]
fn while_waiting_for_a_slot() {
    let config = Config::empty().route("/loop", "probe").route("/echo", "probe");
    let config = config.limit("guest-time", "2s").limit("queue-length", 8);
    let server = Server::start(&config);
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    // A place in the queue becomes free when its client leaves, so four times eight requests can
    // enter it.
    for _ in 0..4 {
        let waiting: Vec<_> = (0..8).map(|_| server.begin(&Request::get("/loop"))).collect();
        // A later request on the same worker is served after the server has seen them.
        for _ in 0..3 {
            server.get("/nowhere").check_problem(404, "no-route");
        }
        waiting.into_iter().for_each(Connection::reset);
        until("the server has seen them leave", || {
            let open = server.metrics().sum("arenaria_connections", &[]);
            (open <= 1.0).then_some(())
        });
    }
    assert_eq!(looping.response().status, 504);
    drop(looping);
    let left = server.metrics().sum("arenaria_requests_total", &[("status", "499")]);
    assert!(left >= 8.0, "only {left} requests left the queue; the others never entered it");
    // The next request finds the queue empty and waits for a slot.
    let mut looping = [0, 1].map(|_| server.begin(&Request::get("/loop")));
    assert_eq!(looping.each_mut().map(|connection| connection.response().status), [504, 504]);
    drop(looping);
    server.check_alive();
    server.until_settled();
}

#[test]
fn within_the_response() {
    let config = two_slots().limit("memory", "16MiB");
    check_cut(&config, 16, |server| {
        let mut connection = server.begin(&Request::get("/respond?bytes=12582912"));
        let (status, _) = connection.try_head().expect("a head").expect("not closed");
        assert_eq!(status, 200);
        connection
    });
}
