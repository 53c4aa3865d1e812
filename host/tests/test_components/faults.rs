//! A faulty component costs its own request and its own instance. The client gets a stable problem,
//! the next request succeeds, and the reason is counted.

use crate::client::Request;
use crate::harness::Server;
use crate::language::{Language, MEMORY, check_alive};

in_every_language! {
    a_trap_is_answered_with_500,
    an_endless_loop_is_answered_with_504,
    an_exhaustion_is_answered_with_507,
    a_sleep_past_the_request_time_is_answered_with_504,
}

/// One fault, twice on the same connection, and a good request after each.
#[track_caller]
fn check_fault(server: &Server, target: &str, status: u16, kind: &str, reason: &str) {
    let mut connection = server.connect();
    for round in 1..=2 {
        connection.exchange(&Request::get(target)).check_problem(status, kind);
        connection.exchange(&Request::get("/remember")).check(200, "1\n");
        server.until_retired(&[reason], round);
    }
    check_alive(server);
}

fn a_trap_is_answered_with_500(language: &Language) {
    check_fault(&Server::start(&language.reused()), "/trap", 500, "trap", "trap");
}

fn an_endless_loop_is_answered_with_504(language: &Language) {
    // Long enough for the good requests in between, because interpreters are slow.
    let server = Server::start(&language.reused().limit("guest-time", "2s"));
    check_fault(&server, "/loop", 504, "guest-time", "deadline");
}

fn an_exhaustion_is_answered_with_507(language: &Language) {
    // An interpreter needs a while to fill the memory.
    let server = Server::start(&language.reused().limit("guest-time", "5m"));
    let mut connection = server.connect();
    for _ in 0..2 {
        let answer = connection.exchange(&Request::get("/hoard"));
        if language.dies_of_exhaustion {
            answer.check_limit(507, "memory", "memory", MEMORY);
        } else {
            answer.check(500, "");
        }
        connection.exchange(&Request::get("/remember")).check(200, "1\n");
    }
    server.until_retired(&["memory"], if language.dies_of_exhaustion { 2 } else { 0 });
}

fn a_sleep_past_the_request_time_is_answered_with_504(language: &Language) {
    let server = Server::start(&language.reused().limit("request-time", "2s"));
    server.get("/sleep").check_limit(504, "request-time", "request-time", "2s");
    check_alive(&server);
    server.until_retired(&["deadline"], 1);
}
