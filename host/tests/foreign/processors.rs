//! Processors in other languages: they import WASI, of which they are given nothing, and have a memory
//! that grows.

use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished};
use crate::language::MEMORY;

fn config(name: &str) -> Config {
    Config::empty().limit("memory", MEMORY).route("/", name)
}

#[track_caller]
fn check(name: &str) {
    // Like every processor, it is reused unless the operator says otherwise.
    let server = Server::start(&config(name).setting("greeting", "salve"));
    server.post("/", "sand").check(200, "salve, sand (1)\n");
    server.post("/", "").check(200, "salve, world (2)\n");
    server.post("/any/path", "\u{e4}").check(200, "salve, \u{e4} (3)\n");
    let answer = server.post("/", "x");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    server
        .post("/", "x".repeat(1 << 20))
        .check(200, format!("salve, {} (5)\n", "x".repeat(1 << 20)));
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
    drop(server);

    let server = Server::start(&config(name).route_key("isolation", "fresh"));
    for _ in 0..3 {
        server.post("/", "sand").check(200, "hello, sand (1)\n");
    }
    let file = component(name).display().to_string();
    let said = finished(&mut arenaria(&["inspect", &file]));
    assert!(said.stdout.contains("arenaria:processor/processor@0.1.0"), "{said:?}");
}

#[test]
fn a_processor_in_javascript_is_served() {
    check("foreign/processor-javascript");
}

#[test]
fn a_processor_in_python_is_served() {
    check("foreign/processor-python");
}

#[test]
fn they_are_short() {
    for source in [
        include_str!("../../../examples/processors/javascript/processor.js"),
        include_str!("../../../examples/processors/python/processor.py"),
    ] {
        assert!(source.lines().count() < 30, "{source}");
    }
}
