//! A reused instance is replaced if its memory has grown too much, or if it leaks handles to host
//! resources. No request fails because of it.

use crate::client::Request;
use crate::harness::Server;
use crate::language::{Language, RUST_P3, check_alive};

in_every_reusable_language! {
    an_instance_that_has_grown_past_its_mark_is_replaced,
    an_instance_that_leaks_handles_is_replaced,
}

fn an_instance_that_has_grown_past_its_mark_is_replaced(language: &Language) {
    let server = Server::start(&language.reused().limit("retire-memory", "24MiB"));
    for _ in 0..20 {
        check_alive(&server);
    }
    server.get("/remember").check(200, "21\n");
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
    server.get("/grow").check(200, "grown\n");
    server.until_retired(&["memory-grown"], 1);
    server.get("/remember").check(200, "1\n");
}

fn an_instance_that_leaks_handles_is_replaced(language: &Language) {
    let server = Server::start(&language.reused());
    // The language's runtime keeps one or two for itself.
    server.get("/leak").check(200, "1\n");
    server.get("/leak").check(200, "2\n");
    server.get("/remember").check(200, "3\n");
    let mut most = 0;
    while server.metrics().retired("handle-leak") == 0.0 {
        let answer = server.get("/leak");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let kept: u32 = answer.text().trim().parse().expect("a number");
        most = most.max(kept);
        assert!(most < 100, "the leak is not detected");
    }
    // One handle of the guest may stand for two of the host.
    assert!(most > 5, "replaced after {most}");
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 1.0);
    check_alive(&server);
}

#[test]
fn an_instance_that_asks_for_backpressure_for_ever_is_replaced() {
    let config = RUST_P3.reused().limit("request-time", "5s").limit("queue-length", 10);
    let server = Server::start(&config);
    let mut connection = server.connect();
    for round in 1..=3 {
        connection.exchange(&Request::get("/backpressure")).check(200, "no more\n");
        connection.exchange(&Request::get("/remember")).check(200, "1\n");
        server.until_retired(&["backpressure"], round);
    }
    // Requests that wait already are served too.
    let mut waiting: Vec<_> =
        (0..6).map(|_| server.begin(&Request::get("/backpressure"))).collect();
    for connection in &mut waiting {
        connection.response().check(200, "no more\n");
    }
    server.until_retired(&["backpressure"], 9);
    assert!(server.log().contains("it still asks for backpressure"), "{}", server.log());
}

#[test]
fn an_instance_that_takes_its_backpressure_back_stays() {
    let server = Server::start(&RUST_P3.reused().limit("request-time", "5s"));
    for count in [2, 4, 6] {
        server.get("/backpressure-for-a-while").check(200, "no more for now\n");
        server.get("/remember").check(200, format!("{count}\n"));
    }
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}
