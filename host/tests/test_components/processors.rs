//! Processors in other languages. They import WASI, which gives them access to nothing, and have a
//! growable memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::config::Config;
use crate::grants::{answer, listener};
use crate::harness::{Server, arenaria, component, finished};
use crate::language::MEMORY;

fn config(name: &str) -> Config {
    Config::empty().limit("memory", MEMORY).route("/", name)
}

#[track_caller]
fn check(name: &str) {
    // Like every processor, it is reused by default.
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
    check("test-components/processor-javascript");
}

#[test]
fn a_processor_in_python_is_served() {
    check("test-components/processor-python");
}

/// A processor that imports clocks can sleep. That takes no time in the guest, so `guest-time` does
/// not end it.
fn sleeper() -> Config {
    config("test-components/rust-processor")
        .limit("request-time", "300ms")
        .limit("configure-time", "300ms")
}

#[test]
fn a_processor_that_sleeps_in_a_request_is_ended() {
    for isolation in ["reuse", "fresh"] {
        let server = Server::start(&sleeper().route_key("isolation", isolation));
        server.get("/").check(200, "awake\n");
        let ended = server.get("/sleep");
        ended.check_limit(504, "request-time", "request-time", "300ms");
        server.get("/").check(200, "awake\n");
    }
}

#[test]
fn a_processor_that_sleeps_when_it_is_configured_does_not_start() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let config = sleeper().setting("sleep", "configure");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    let file = file.display().to_string();
    let ended = finished(&mut arenaria(&["serve", "--config", &file]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("configure-time = 300ms"), "{ended:?}");
}

/// A processor that is configured quickly when the server starts, and later as quickly as the test wants: it asks the
/// test, and waits for the answer.
#[test]
fn a_configuration_that_takes_too_long_costs_its_own_request() {
    let (upstream, authority) = listener();
    let is_silent = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&is_silent);
    thread::spawn(move || {
        let mut unanswered = Vec::new();
        for stream in upstream.incoming() {
            let mut stream = stream.expect("the component calls");
            if silent.load(Ordering::SeqCst) {
                unanswered.push(stream);
            } else {
                answer(&mut stream);
            }
        }
    });
    let config = config("test-components/rust-processor")
        .route_key("isolation", "fresh")
        .route_key("grants", vec![format!("outgoing-http:{authority}")])
        .setting("ask", &authority)
        .limit("configure-time", "2s");
    let server = Server::start(&config);
    server.get("/").check(200, "awake\n");
    is_silent.store(true, Ordering::SeqCst);
    server.get("/").check_limit(504, "configure-time", "configure-time", "2s");
    server.until_retired(&["deadline"], 1);
    is_silent.store(false, Ordering::SeqCst);
    server.get("/").check(200, "awake\n");
}

#[test]
fn a_processor_that_sleeps_when_its_usage_is_asked_for_loses_no_slot() {
    // The request waits behind the reading of its usage.
    let config = sleeper().setting("sleep", "usage").with("slots", 1).limit("queue-time", "30s");
    let server = Server::start(&config);
    for count in 1..=3 {
        // The usage is read after the response, or for the metrics. Either costs the instance.
        server.get("/").check(200, "awake\n");
        server.until("the instance is replaced", |m| m.retired("deadline") >= f64::from(count));
    }
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
