//! Responses at the edges of HTTP, and guests that go on after theirs.

use crate::client::Request;
use crate::harness::{Server, until};
use crate::language::{RUST_P3, check_alive, streamed};

#[test]
fn a_body_shorter_than_announced_is_an_error_status() {
    let server = Server::start(&RUST_P3.config());
    let answer = server.get("/short");
    answer.check_problem(500, "bad-response");
    until("the log tells of it", || {
        server.log().contains("ended before it was complete").then_some(())
    });
    check_alive(&server);
}

#[test]
fn a_response_without_content_has_no_length() {
    let server = Server::start(&RUST_P3.config());
    let mut connection = server.connect();
    let answer = connection.exchange(&Request::get("/no-content"));
    assert_eq!((answer.status, answer.header("content-length")), (204, None), "{answer:?}");
    // The framing was correct if the connection can be used again.
    connection.exchange(&Request::get("/")).check(200, "hello, world\n");
}

#[test]
fn an_error_that_a_guest_returns_is_short_and_printable() {
    let server = Server::start(&RUST_P3.config());
    let answer = server.get("/error");
    let problem = answer.check_problem(500, "bad-response");
    let detail = problem["detail"].as_str().expect("checked");
    assert!(detail.len() < 2000 && detail.contains("cut at 1024 bytes"), "{} bytes", detail.len());
    assert!(!detail.contains(char::is_control), "{detail:?}");
    until("the log tells of it", || server.log().contains("cut at 1024 bytes").then_some(()));
}

#[test]
fn a_guest_does_not_keep_its_slot_after_a_response_without_a_body() {
    let server = Server::start(&RUST_P3.config().limit("linger-time", "50ms"));
    for _ in 0..4 {
        let answer = server.exchange(&Request::new("HEAD", "/linger"));
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
    // The only slot is free again.
    check_alive(&server);
}

#[test]
fn a_long_response_needs_little_of_the_memory_for_bodies() {
    // 32 KiB for each worker.
    let config = RUST_P3.config().with("workers", 16).limit("host-memory", "1MiB");
    let server = Server::start(&config.limit("request-body", "32KiB"));
    server.get("/stream?chunks=1000").check(200, streamed(1000));
}

#[test]
fn a_response_that_is_cut_is_counted_and_logged() {
    let server = Server::start(&RUST_P3.config().limit("guest-time", "300ms"));
    let mut connection = server.begin(&Request::get("/stream?chunks=100000000"));
    connection.try_head().expect("the connection holds").expect("a response begins");
    while connection.chunk().expect("the server closes in order").is_some() {}
    let cut = "arenaria_responses_cut_total";
    server.until("it is counted", |m| m.sum(cut, &[("route", "/")]) == 1.0);
    until("the log tells of it", || server.log().contains("cut a response").then_some(()));
}
