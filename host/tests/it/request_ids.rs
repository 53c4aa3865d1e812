//! The ids of requests: the host's own, and the trace that a client names.

use serde_json::Value;

use crate::client::{Request, Response};
use crate::config::Config;
use crate::harness::Server;
use crate::json_log::{json, object, objects};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// Whether it is 32 hexadecimal digits in lower case.
fn is_id(value: &Value) -> bool {
    let is_digit = |digit| matches!(digit, '0'..='9' | 'a'..='f');
    value.as_str().is_some_and(|text| text.len() == 32 && text.chars().all(is_digit))
}

/// The id that an error names.
#[track_caller]
fn instance(response: &Response) -> String {
    let instance = response.json()["instance"].as_str().expect("it has one").to_owned();
    let id = instance.strip_prefix("urn:arenaria:request:").expect(&instance);
    assert!(is_id(&id.into()), "{instance}");
    id.to_owned()
}

/// The line of the fault of the request with this id.
#[track_caller]
fn line(server: &Server, id: &str) -> Value {
    object(server, "the line of the request", |line| line["request-id"] == id)
}

#[test]
fn an_error_names_the_line_of_its_request() {
    let server = Server::start(&json(Config::probe()));
    let [first, second] = [(); 2].map(|()| instance(&server.get("/trap")));
    assert_ne!(first, second);
    for id in [first, second] {
        let line = line(&server, &id);
        assert_eq!(line["path"], "/trap", "{line}");
        // Without a trace of the client, the request is its own.
        assert_eq!(line["trace-id"], id, "{line}");
    }
    let refused = server.get("/status/99");
    let invalid = line(&server, &instance(&refused));
    assert!(invalid["message"].as_str().is_some_and(|text| text.contains("got 99")), "{invalid}");
    // What the client did wrong needs no line of the log.
    let mine = server.exchange(&Request::post("/echo", "x").header("content-encoding", "x"));
    assert!(mine.check_problem(415, "unsupported-coding").get("instance").is_none());
}

#[test]
fn lines_of_a_guest_and_its_fault_have_the_same_ids() {
    let server = Server::start(&json(Config::probe()));
    let request = Request::get("/log-and-panic").header("traceparent", &traceparent());
    let id = instance(&server.exchange(&request));
    let fault = line(&server, &id);
    assert_eq!(fault["trace-id"], TRACE, "{fault}");
    let lines = objects(&server.log());
    let guest: Vec<_> = lines.iter().filter(|line| line["target"] == "guest").collect();
    assert!(!guest.is_empty(), "{lines:?}");
    assert!(guest.iter().all(|line| line["request-id"] == id && line["trace-id"] == TRACE));
}

#[test]
fn a_trace_is_taken_only_as_the_standard_says() {
    let server = Server::start(&json(Config::probe().limit("request-head", "64KiB")));
    let [good, upper, long] =
        [traceparent(), traceparent().to_uppercase(), traceparent() + &"0".repeat(50_000)];
    let zeroes = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    let no_parent = format!("00-{TRACE}-{}-01", "0".repeat(16));
    let forbidden = good.replacen("00", "ff", 1);
    let flags = good.replace("-01", "-0x");
    let later = good.replacen("00", "01", 1) + "-more";
    let injected = format!("00-{TRACE}-00f067aa0ba902b7-01\" level=\"ERROR");
    for (field, is_taken) in [
        (&good, true),
        (&later, true),
        (&upper, false),
        (&long, false),
        (&zeroes, false),
        (&no_parent, false),
        (&forbidden, false),
        (&flags, false),
        (&injected, false),
        (&String::new(), false),
    ] {
        let request = Request::get("/trap").header("traceparent", field);
        let id = instance(&server.exchange(&request));
        let line = line(&server, &id);
        assert!(is_id(&line["trace-id"]), "{line}");
        assert_eq!(line["trace-id"] == TRACE, is_taken, "{field:.80}: {line}");
        assert!(is_taken || line["trace-id"] == id, "{line}");
    }
    let twice = Request::get("/trap").header("traceparent", &good).header("traceparent", &good);
    let id = instance(&server.exchange(&twice));
    assert_eq!(line(&server, &id)["trace-id"], id);
}

#[test]
fn the_id_of_a_client_is_not_that_of_the_request() {
    let server = Server::start(&json(Config::probe()));
    for name in ["x-request-id", "request-id"] {
        let request = Request::get("/trap").header(name, TRACE);
        assert_ne!(instance(&server.exchange(&request)), TRACE);
    }
    assert!(!server.log().contains(TRACE), "{}", server.log());
}

#[test]
fn a_guest_gets_the_fields_that_its_route_forwards() {
    let forwarded = ["traceparent", "x-request-id"].map(str::to_owned).to_vec();
    let head = |config: Config| {
        let request = Request::get("/head").header("traceparent", &traceparent());
        Server::start(&config).exchange(&request.header("x-request-id", "mine")).text()
    };
    let with = head(Config::probe().route_key("forward-headers", forwarded));
    assert!(with.contains(TRACE) && with.contains("mine"), "{with}");
    let without = head(Config::probe());
    assert!(!without.contains(TRACE) && !without.contains("mine"), "{without}");
}

#[test]
fn a_record_that_fails_names_its_request() {
    let server = Server::start(&json(Config::probe().route_key("records", true)));
    let stream = |target| {
        let request = Request::post(target, "1\n").header("content-type", "application/x-ndjson");
        server.exchange(&request.header("traceparent", &traceparent()))
    };
    let error: Value = serde_json::from_slice(&stream("/trap").body).expect("one line");
    let instance = error["error"]["instance"].as_str().expect("it has one").to_owned();
    let id = instance.strip_prefix("urn:arenaria:request:").expect(&instance);
    assert_eq!(line(&server, id)["trace-id"], TRACE);
}

#[test]
fn a_wasi_http_component_fails_with_the_ids_of_its_request() {
    for name in ["peer-p2", "peer-p3"] {
        let config = json(Config::of(name)).limit("guest-time", "1ms").limit("memory", "64MiB");
        let server = Server::start(&config);
        let document = format!("[{}0]", "[0],".repeat(200_000));
        let request = Request::post("/", document).header("traceparent", &traceparent());
        let response = server.exchange(&request);
        response.check_problem(504, "guest-time");
        let line = line(&server, &instance(&response));
        assert_eq!((&line["trace-id"], &line["path"]), (&TRACE.into(), &"/".into()), "{line}");
    }
}
