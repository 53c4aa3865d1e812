//! What clients and the operator may learn of the time of a request: `server-timing`, and exemplars.

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::Server;

/// The names in `server-timing`, with their milliseconds.
#[track_caller]
fn timing(response: &Response) -> Vec<(String, f64)> {
    let field = response.header("server-timing").expect("it has the field");
    let part = |part: &str| {
        let (name, time) = part.split_once(";dur=").expect("a name and a time");
        (name.to_owned(), time.parse().expect("a number"))
    };
    field.split(", ").map(part).collect()
}

#[test]
fn a_route_tells_its_clients_the_time_if_the_operator_wants() {
    let config = Config::probe()
        .route_key("server-timing", true)
        .limit("guest-time", "100ms")
        .route("/silent", "probe")
        .route("/p2", "peer-p2")
        .route_key("server-timing", true)
        .route("/p3", "peer-p3")
        .route_key("server-timing", true)
        .limit("memory", "16MiB");
    let server = Server::start(&config);
    for path in ["/head", "/p2", "/p3", "/loop", "/trap"] {
        let response = server.get(path);
        let times = timing(&response);
        let names: Vec<_> = times.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["queue", "guest", "total"], "{path}");
        let [queue, guest, total] = [0, 1, 2].map(|index| times[index].1);
        assert!(queue >= 0.0 && guest > 0.0 && queue + guest <= total + 0.002, "{path}: {times:?}");
        assert!(path != "/loop" || (guest >= 100.0 && response.status == 504), "{times:?}");
    }
    for path in ["/silent", "/silent/trap"] {
        assert_eq!(server.get(path).header("server-timing"), None, "{path}");
    }
    // What was refused before it reached an instance has no time in one.
    let refused = server.exchange(&Request::post("/echo", "x").header("content-encoding", "x"));
    assert_eq!(timing(&refused).len(), 1, "{refused:?}");
}

#[test]
fn a_stream_tells_its_wait_and_a_guest_keeps_its_own_field() {
    let config = Config::probe().route_key("server-timing", true).route_key("records", true);
    let server = Server::start(&config);
    let stream = Request::post("/echo", "1\n").header("content-type", "application/x-ndjson");
    let names: Vec<_> =
        timing(&server.exchange(&stream)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["queue", "total"]);
    let own = server.get("/header?name=server-timing&value=db;dur=1");
    let fields: Vec<_> = own.headers.iter().filter(|(name, _)| name == "server-timing").collect();
    assert_eq!((fields.len(), &*fields[0].1), (2, "db;dur=1"), "{fields:?}");
}

/// The buckets of the durations that have an exemplar, each with its trace.
fn exemplars(server: &Server) -> Vec<(String, String)> {
    let text = Connection::open(server.operator()).exchange(&Request::get("/metrics")).text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (sample, exemplar) = line.split_once(" # {")?;
            let (labels, rest) = exemplar.split_once("\"} ").expect("labels");
            let numbers: Vec<f64> =
                rest.split(' ').map(|number| number.parse().expect("a number")).collect();
            let le = sample.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let le = le.expect("a bucket").to_owned();
            let bound: f64 = le.trim_start_matches('+').parse().expect("a bound");
            assert!(numbers[0] > 0.0 && numbers[0] <= bound && numbers[1] > 1e9, "{line}");
            assert!(sample.starts_with("arenaria_request_duration_seconds_bucket{"), "{line}");
            assert!(sample.contains("route=\"/loop\""), "{line}");
            Some((le, labels.trim_start_matches("trace_id=\"").to_owned()))
        })
        .collect()
}

#[test]
fn a_bucket_names_the_last_trace_that_its_client_records() {
    let empty = Config::empty().with("exemplars", true).limit("guest-time", "100ms");
    let config = empty.route("/", "probe").route("/loop", "probe").with("workers", 2);
    let server = Server::start(&config);
    let send = |path: &str, traceparent: &str| {
        server.exchange(&Request::get(path).header("traceparent", traceparent));
    };
    let trace = |digit: &str| digit.repeat(32);
    let parent = |digit: &str, flags: &str| format!("00-{}-00f067aa0ba902b7-{flags}", trace(digit));
    send("/loop", &parent("1", "00"));
    send("/loop", &parent("2", "01").to_uppercase());
    send("/loop", "00-\"}-1-01");
    server.get("/loop");
    assert_eq!(exemplars(&server), []);
    // It is cancelled after guest-time, so its bucket is that of 250 ms or a later one.
    send("/loop", &parent("a", "01"));
    let first = exemplars(&server);
    server.metrics();
    assert_eq!((first.len(), &first[0].1), (1, &trace("a")), "{first:?}");
    for _ in 0..4 {
        send("/loop", &parent("b", "03"));
    }
    let later = exemplars(&server);
    assert!(later.iter().any(|(_, found)| *found == trace("b")), "{later:?}");
}

#[test]
fn nothing_is_kept_unless_the_operator_wants() {
    let server = Server::start(&Config::probe());
    let parent = format!("00-{}-00f067aa0ba902b7-01", "a".repeat(32));
    server.exchange(&Request::post("/echo", "x").header("traceparent", &parent)).check(200, "x");
    assert_eq!(exemplars(&server), []);
    server.metrics();
}
