//! A component can access what the route's configuration grants by name, and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use crate::config::Config;
use crate::harness::{Server, until};
use crate::language::{Language, MEMORY};

in_every_language! {
    outgoing_requests_are_denied,
    outgoing_requests_go_where_they_were_granted_and_nowhere_else,
    no_more_outgoing_requests_are_under_way_than_may,
    settings_are_shown_as_environment_where_that_was_granted,
}

/// A listener of the test, and the host and port that it can be granted by.
pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let authority = listener.local_addr().expect("it is bound").to_string();
    (listener, authority)
}

/// Answers the request of a component, and returns its head.
pub(crate) fn answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head comes");
        head.push(byte[0]);
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\nupstream";
    stream.write_all(answer.as_bytes()).expect("the component listens");
    String::from_utf8(head).expect("a head is text")
}

#[track_caller]
fn check_untouched(listener: &TcpListener) {
    listener.set_nonblocking(true).expect("a socket has this option");
    let called = listener.accept();
    assert!(
        called.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "an ungranted request was sent"
    );
}

#[track_caller]
fn check_denied(server: &Server, language: &Language, authority: &str) {
    let answer = server.get(&format!("/fetch?authority={authority}"));
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains(language.denied), "{}", answer.text());
}

fn outgoing_requests_are_denied(language: &Language) {
    let (listener, authority) = listener();
    let server = Server::start(&language.config());
    check_denied(&server, language, &authority);
    check_denied(&server, language, "localhost");
    check_untouched(&listener);
}

fn no_more_outgoing_requests_are_under_way_than_may(language: &Language) {
    let (listener, granted) = listener();
    let grants = vec![format!("outgoing-http:{granted}")];
    let config = language.config().route_key("grants", grants).limit("outgoing-requests", 0);
    let server = Server::start(&config);
    let answer = server.get(&format!("/fetch?authority={granted}"));
    assert_eq!(answer.status, 502, "{}", answer.text());
    check_untouched(&listener);
}

fn outgoing_requests_go_where_they_were_granted_and_nowhere_else(language: &Language) {
    let (upstream, granted) = listener();
    let (other, not_granted) = listener();
    let grants = vec![format!("outgoing-http:{granted}")];
    let server = Server::start(&language.config().route_key("grants", grants));
    let (heads, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in upstream.incoming() {
            let _ = heads.send(answer(&mut stream.expect("the component calls")));
        }
    });
    // `wstd` reports an error if the answer comes before it has ended the request's empty body, which is chance.
    let answer = until("the component fetches", || {
        Some(server.get(&format!("/fetch?authority={granted}"))).filter(|it| it.status == 200)
    });
    answer.check(200, "upstream");
    let head = asked.recv().expect("it was asked");
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    check_denied(&server, language, &not_granted);
    // Nor the same host by another name.
    check_denied(&server, language, &granted.replace("127.0.0.1", "localhost"));
    check_untouched(&other);
}

fn settings_are_shown_as_environment_where_that_was_granted(language: &Language) {
    let config = language.config().setting("GREETING", "salve");
    let server = Server::start(&config.route_key("grants", vec!["environment"]));
    let seen = server.get("/env").text();
    assert!(seen.contains("GREETING") && seen.contains("salve"), "{seen}");
    assert!(!seen.contains("PATH"), "{seen}");
}

/// A component that imports `wasi:config/store`: without the grant it is refused (see
/// [`crate::refused`]).
#[test]
fn settings_are_given_as_configuration_where_that_was_granted() {
    let config =
        Config::empty().limit("memory", MEMORY).route("/", "test-components/rust-p2-config");
    let config = config.setting("greeting", "salve").route_key("grants", vec!["config"]);
    let server = Server::start(&config);
    server.get("/config").check(200, "greeting=salve\n");
    server.get("/env").check(200, "");
}
