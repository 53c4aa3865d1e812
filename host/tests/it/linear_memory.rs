//! The metrics of linear memory: the configured size from the first request to the last, and a
//! count of growth.

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, processor};
use crate::scrape::Metrics;

const MIB: f64 = 1_048_576.0;

/// The metrics of a route: MiB of linear memory, and how often a memory grew.
#[track_caller]
fn shown(metrics: &Metrics, route: &str) -> (f64, f64) {
    let value = |name| match metrics.values(name, &[("route", route)])[..] {
        [value] => value,
        ref values => panic!("{name} of {route}: {values:?}"),
    };
    (value("arenaria_linear_memory_bytes") / MIB, value("arenaria_memory_grows_total"))
}

#[test]
fn every_instance_has_its_memory_from_the_start_and_no_more_later() {
    let config = Config::ad_hoc().with("workers", 2).with("slots", 2).route("/echo", "probe");
    let config = config.route_key("slots", 3).route_limit("memory", "4MiB");
    let server = Server::start(&config);
    let check = || {
        let settled = server.until_settled();
        assert_eq!(shown(&settled, "/"), (2.0 * 2.0 * 16.0, 0.0));
        assert_eq!(shown(&settled, "/echo"), (2.0 * 3.0 * 4.0, 0.0));
    };
    check();
    for n in 0..50 {
        let text = "x".repeat(n * 10_000);
        let document = format!("\"{text}\"");
        assert_eq!(server.post("/?program=length", document).status, 200);
        server.post("/echo", text.clone()).check(200, text);
    }
    check();
}

#[test]
fn a_lost_instance_gives_its_memory_back() {
    let server = Server::start(&Config::probe().with("slots", 2));
    for round in 1..=3 {
        for (target, status) in [("/trap", 500), ("/exhaust", 507)] {
            assert_eq!(server.get(target).status, status);
        }
        let settled = server.until_settled();
        assert_eq!(settled.sum("arenaria_retirements_total", &[]), 2.0 * f64::from(round));
        assert_eq!(shown(&settled, "/"), (2.0 * 4.0, 0.0));
    }
}

#[test]
fn a_retired_instance_gives_its_memory_back() {
    let server = Server::start(&Config::probe().limit("requests-per-instance", 1));
    for _ in 0..10 {
        server.check_alive();
    }
    let retired = |m: &Metrics| m.retired("requests") >= 1.0 && shown(m, "/") == (4.0, 0.0);
    server.until("one instance is left", retired);
}

#[test]
fn a_fresh_instance_has_memory_for_its_request_alone() {
    // Far longer than the check takes, even on a busy machine.
    let config = Config::probe().route_key("isolation", "fresh").limit("guest-time", "60s");
    let server = Server::start(&config);
    assert_eq!(shown(&server.metrics(), "/"), (0.0, 0.0));
    let looping = server.begin(&Request::get("/loop"));
    server.until("the request has its instance", |m| shown(m, "/") == (4.0, 0.0));
    looping.reset();
    server.until("the loop is gone with its client", |m| shown(m, "/") == (0.0, 0.0));
    for _ in 0..10 {
        server.check_alive();
    }
    server.until("the last instance is gone", |m| shown(m, "/") == (0.0, 0.0));
}

/// Serves a guest that grows by a page per request, up to 16 pages.
fn growing(retire_memory: &str) -> Server {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("growing.wasm");
    let component = processor(include_str!("growing.wat"));
    std::fs::write(&file, component).expect("the folder is ours");
    let file = file.display().to_string();
    let serve = [
        &["serve", &file, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"][..],
        &["--memory", "1MiB", "--workers", "1", "--slots", "1", "--retire-memory", retire_memory],
    ];
    Server::start_command(arenaria(&serve.concat()), folder)
}

#[test]
fn a_guest_that_grows_is_told_of() {
    let server = growing("1MiB");
    assert_eq!(shown(&server.metrics(), "/"), (1.0 / 16.0, 0.0));
    for grows in 1..16 {
        server.get("/").check(200, "");
        let grows = f64::from(grows);
        assert_eq!(shown(&server.metrics(), "/"), ((1.0 + grows) / 16.0, grows));
    }
    // Growth beyond the configured maximum is refused and not counted.
    server.get("/").check(599, "");
    assert_eq!(shown(&server.metrics(), "/"), (1.0, 15.0));
}

#[test]
fn an_instance_that_has_grown_past_the_mark_is_replaced() {
    let server = growing("256KiB");
    for _ in 0..3 {
        server.get("/").check(200, "");
    }
    assert_eq!(server.metrics().retired("memory-grown"), 0.0);
    server.get("/").check(200, "");
    let small_again =
        |m: &Metrics| m.retired("memory-grown") == 1.0 && shown(m, "/").0 == 1.0 / 16.0;
    server.until("a new instance has the place", small_again);
    server.get("/").check(200, "");
}

#[test]
fn the_process_shows_its_own_memory() {
    let server = Server::start(&Config::probe());
    server.check_alive();
    let shown = server.metrics().sum("process_resident_memory_bytes", &[]);
    let resident = server.resident_bytes() as f64;
    assert!((resident / 2.0..resident * 2.0).contains(&shown), "{shown} of {resident}");
}
