//! Good requests, in fresh and in reused instances. A component can see nothing of the host.

use crate::client::Request;
use crate::harness::Server;
use crate::language::{JAVASCRIPT, Language, check_alive};

in_every_language! {
    a_fresh_instance_answers_each_request,
    a_reused_instance_answers_many_requests,
    a_component_sees_nothing_of_its_host,
    several_slots_serve_several_connections,
}

fn a_fresh_instance_answers_each_request(language: &Language) {
    let server = Server::start(&language.config());
    let mut connection = server.connect();
    for _ in 0..5 {
        connection.exchange(&Request::get("/")).check(200, "hello, world\n");
        connection.exchange(&Request::get("/remember")).check(200, "1\n");
        connection.exchange(&Request::get("/nowhere")).check(404, "not found\n");
        connection.exchange(&Request::post("/echo", "said")).check(200, "said");
    }
    let metrics = server.metrics();
    assert_eq!(metrics.sum("arenaria_retirements_total", &[]), 0.0, "{metrics:?}");
}

fn a_reused_instance_answers_many_requests(language: &Language) {
    let server = Server::start(&language.reused());
    let mut connection = server.connect();
    for number in 1..=50 {
        let count = if language.is_reusable { number } else { 1 };
        connection.exchange(&Request::get("/remember")).check(200, format!("{count}\n"));
    }
    let metrics = server.metrics();
    assert_eq!(metrics.sum("arenaria_retirements_total", &[]), 0.0, "{metrics:?}");
}

fn a_component_sees_nothing_of_its_host(language: &Language) {
    let server = Server::start(&language.config().setting("secret", "in the settings"));
    let seen = server.get("/env");
    assert_eq!(seen.status, 200);
    // In whatever notation: no name, no value, no argument.
    assert!(!seen.text().contains(char::is_lowercase) || seen.text().contains("[]"), "{seen:?}");
    for secret in ["secret", "PATH", "arenaria", "=", "/"] {
        assert!(!seen.text().contains(secret), "{secret}: {}", seen.text());
    }
    server.get("/files").check(200, "[]");
}

fn several_slots_serve_several_connections(language: &Language) {
    let server = Server::start(&language.reused().with("slots", 3));
    let mut waiting: Vec<_> = (0..6).map(|_| server.begin(&Request::get("/"))).collect();
    for connection in &mut waiting {
        connection.response().check(200, "hello, world\n");
    }
}

/// The engine of `componentize-js` keeps one `fetch` event forever and refuses a second response to
/// it, in every host. That costs the request and the instance, nothing else.
#[test]
fn javascript_that_is_reused_costs_no_more_than_each_second_request() {
    let server = Server::start(&JAVASCRIPT.config().route_key("isolation", "reuse"));
    for _ in 0..3 {
        check_alive(&server);
        server.get("/").check_problem(500, "bad-response");
    }
}
