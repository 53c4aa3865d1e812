//! The operator's listener: exact counts, the guests' reports of their memory, health.

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::Server;

#[track_caller]
fn operator_get(server: &Server, target: &str) -> crate::client::Response {
    Connection::open(server.operator()).exchange(&Request::get(target))
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let config = Config::probe().route("/status", "probe").route("/trap", "probe");
    let server = Server::start(&config);
    for _ in 0..7 {
        server.check_alive();
    }
    for _ in 0..3 {
        server.get("/status/404");
    }
    server.get("/trap");
    let settled = server.until_settled();
    let count = |route, status| {
        settled.sum("arenaria_requests_total", &[("route", route), ("status", status)])
    };
    assert_eq!(count("/", "200"), 7.0);
    assert_eq!(count("/status", "404"), 3.0);
    assert_eq!(count("/trap", "500"), 1.0);
    assert_eq!(settled.sum("arenaria_requests_total", &[]), 11.0);
    let durations =
        |route| settled.sum("arenaria_request_duration_seconds_count", &[("route", route)]);
    assert_eq!((durations("/"), durations("/status"), durations("/trap")), (7.0, 3.0, 1.0));
    assert_eq!(settled.sum("arenaria_queue_wait_seconds_count", &[]), 11.0);
    assert_eq!(settled.sum("arenaria_retirements_total", &[("route", "/trap")]), 1.0);
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 1.0);
}

#[test]
fn a_histogram_is_one() {
    let server = Server::start(&Config::probe());
    server.check_alive();
    let metrics = server.until_settled();
    for name in ["arenaria_request_duration_seconds", "arenaria_queue_wait_seconds"] {
        let bucket = format!("{name}_bucket");
        let bounds = metrics.label_values(&bucket, "le");
        assert!(bounds.len() > 5 && bounds.contains(&"+Inf"), "{name}: {bounds:?}");
        let infinite = metrics.sum(&bucket, &[("le", "+Inf")]);
        assert_eq!(infinite, metrics.sum(&format!("{name}_count"), &[]), "{name}");
        let seconds = metrics.sum(&format!("{name}_sum"), &[]);
        assert!((0.0..60.0).contains(&seconds), "{name}: {seconds} s");
    }
}

#[test]
fn slots_are_counted_by_state() {
    let config = Config::probe().with("workers", 2).with("slots", 2).limit("guest-time", "2s");
    let server = Server::start(&config);
    let count = |state| {
        let metrics = server.metrics();
        metrics.sum("arenaria_slots", &[("route", "/"), ("state", state)])
    };
    assert_eq!((count("idle"), count("busy"), count("warming")), (4.0, 0.0, 0.0));
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    assert_eq!((count("idle"), count("busy")), (3.0, 1.0));
    assert_eq!(looping.response().status, 504);
    drop(looping);
    server.until_settled();
}

#[test]
fn a_route_has_its_own_number_of_slots() {
    let config = Config::probe().route("/echo", "probe").route_key("slots", 3);
    let server = Server::start(&config);
    let settled = server.until_settled();
    let idle = |route| settled.sum("arenaria_slots", &[("route", route), ("state", "idle")]);
    assert_eq!((idle("/"), idle("/echo")), (1.0, 3.0));
    server.check_alive();
}

#[test]
fn the_memory_of_each_instance_is_shown() {
    let server = Server::start(&Config::probe().with("workers", 2).with("slots", 2));
    for n in 0..50 {
        server.post("/echo", "x".repeat(n * 1000));
    }
    let settled = server.until_settled();
    let shown = [
        "arenaria_arena_in_use_bytes",
        "arenaria_arena_high_water_bytes",
        "arenaria_arena_request_high_water_bytes",
        "arenaria_arena_sealed_bytes",
        "arenaria_arena_request_survivors_bytes",
        "arenaria_arena_persistent_bytes",
        "arenaria_arena_capacity_bytes",
        "arenaria_arena_resets_total",
        "arenaria_arena_spills_total",
    ];
    for name in shown {
        for (worker, slot) in [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")] {
            let labels = [("route", "/"), ("worker", worker), ("slot", slot)];
            assert_eq!(settled.values(name, &labels).len(), 1, "{name} {labels:?}");
        }
        assert_eq!(settled.values(name, &[]).len(), 4, "{name}");
    }
    assert_eq!(settled.sum("arenaria_arena_in_use_bytes", &[]), 0.0);
    assert_eq!(settled.sum("arenaria_arena_sealed_bytes", &[]), 0.0);
    for capacity in settled.values("arenaria_arena_capacity_bytes", &[]) {
        assert!(capacity > 0.0 && capacity < f64::from(4 << 20), "{capacity}");
    }
    let highest =
        settled.values("arenaria_arena_high_water_bytes", &[]).into_iter().fold(0.0, f64::max);
    assert!(
        highest >= 49_000.0,
        "a body of 49,000 bytes was echoed, but the high-water mark is {highest}"
    );
}

#[test]
fn the_memory_of_the_last_request_is_shown() {
    let server = Server::start(&Config::probe());
    let read = || {
        let settled = server.until_settled();
        let bytes = |name: &str| settled.sum(&format!("arenaria_arena_{name}_bytes"), &[]);
        (bytes("request_high_water"), bytes("request_survivors"), bytes("high_water"))
    };
    let (before, survivors, _) = read();
    assert_eq!((before, survivors), (0.0, 0.0), "there was no request");
    server.post("/echo", "x".repeat(100_000));
    let large = read();
    assert!(large.0 >= 100_000.0 && large.1 == 0.0, "{large:?}");
    assert_eq!(read(), large, "a reading is not a request");
    server.check_alive();
    let small = read();
    assert!(small.0 > 0.0 && small.0 < 10_000.0, "{small:?}");
    assert!(small.2 >= 100_000.0, "the instance's own mark stays: {small:?}");
    assert_eq!(server.get("/survive?bytes=20000").status, 200);
    let survived = read();
    assert!((20_000.0..30_000.0).contains(&survived.1), "{survived:?}");
    server.check_alive();
    assert_eq!(read().1, 0.0, "the request after it left nothing");
}

#[test]
fn an_arena_is_reset_by_each_request() {
    let server = Server::start(&Config::probe());
    server.check_alive();
    let resets = |server: &Server| server.until_settled().sum("arenaria_arena_resets_total", &[]);
    let before = resets(&server);
    for _ in 0..100 {
        server.check_alive();
    }
    let after = resets(&server);
    assert!(after >= before + 100.0, "{before} {after}");
}

#[test]
fn reading_the_metrics_changes_nothing() {
    let server = Server::start(&Config::probe());
    server.post("/echo", "x".repeat(1000));
    let read = || {
        let metrics = server.until_settled();
        let sum = |name| metrics.sum(name, &[]);
        let memory = (sum("arenaria_arena_high_water_bytes"), sum("arenaria_arena_sealed_bytes"));
        (memory, sum("arenaria_requests_total"), sum("arenaria_arena_persistent_bytes"))
    };
    let first = read();
    for _ in 0..50 {
        assert_eq!(read(), first);
    }
    server.get("/remember").check(200, "1\n");
}

#[test]
fn the_phases_of_the_flagship_are_shown() {
    let server = Server::start(&Config::program(".a"));
    let document = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000));
    assert_eq!(server.post("/", document).status, 200);
    let settled = server.until_settled();
    let name = "arenaria_arena_phase_high_water_bytes";
    assert_eq!(settled.label_values(name, "phase"), ["decode", "transform", "encode"]);
    for phase in ["decode", "transform", "encode"] {
        let labels = [("route", "/"), ("worker", "0"), ("slot", "0"), ("phase", phase)];
        let marks = settled.values(name, &labels);
        // The document is in memory in every phase.
        assert!(marks.len() == 1 && marks[0] > 10_000.0, "{phase}: {marks:?}");
    }
}

#[test]
fn survivors_are_shown_as_sealed_and_kept_bytes_as_persistent() {
    let server = Server::start(&Config::probe());
    let before = server.until_settled();
    assert_eq!(server.get("/survive?bytes=20000").status, 200);
    server.check_alive();
    let sealed = server.until_settled().sum("arenaria_arena_sealed_bytes", &[]);
    assert!((20_000.0..100_000.0).contains(&sealed), "{sealed}");
    assert_eq!(server.get("/persist?bytes=100").status, 200);
    let after = server.until_settled();
    let persistent = |m: &crate::scrape::Metrics| m.sum("arenaria_arena_persistent_bytes", &[]);
    assert!(persistent(&after) >= persistent(&before), "{after:?}");
    assert_eq!(after.sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn the_operator_is_told_of_health() {
    let server = Server::start(&Config::probe());
    assert_eq!(operator_get(&server, "/livez").status, 200);
    assert_eq!(operator_get(&server, "/readyz").status, 200);
    let other = operator_get(&server, "/metricsx");
    assert_eq!(other.status, 404);
    assert!(
        other.text().starts_with("expected the path / (the live page), /livez,"),
        "{}",
        other.text()
    );
    let content_type = operator_get(&server, "/metrics");
    let content_type = content_type.header("content-type").expect("a type");
    assert!(content_type.contains("text"), "{content_type}");
    // The data listener does not serve these paths: they go to the probe, like all others.
    for target in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(server.get(target).status, 404);
    }
}

#[test]
fn the_operator_is_answered_while_every_slot_loops() {
    let server = Server::start(&Config::probe().limit("guest-time", "2s"));
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    for _ in 0..20 {
        assert_eq!(operator_get(&server, "/livez").status, 200);
        assert_eq!(operator_get(&server, "/readyz").status, 200);
        server.metrics();
    }
    assert!(looping.silent(), "the response arrived only after the loop");
    assert_eq!(looping.response().status, 504);
    server.check_alive();
}

#[test]
fn an_operator_who_misbehaves_harms_nobody() {
    let server = Server::start(&Config::probe().limit("head-time", "300ms"));
    let mut connection = Connection::open(server.operator());
    connection.send("GET /met");
    assert!(connection.closed(), "the rest of its head never comes");
    let mut connection = Connection::open(server.operator());
    connection.send("\0\0\0\r\n\r\n");
    assert!(
        !matches!(connection.try_response(false), Ok(Some(response)) if response.status == 200)
    );
    assert_eq!(operator_get(&server, "/livez").status, 200);
    server.check_alive();
}

#[test]
fn without_an_operator_nothing_listens_for_one() {
    let server = Server::start(&Config::probe().with("operator-listen", "off"));
    assert!(!server.has_operator());
    server.check_alive();
}
