//! What the operator's listener says of instances and limits, as JSON.

use serde_json::{Value, json};

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};
use crate::reloaded::{Reloaded, put, route, server_keys};

#[track_caller]
fn read(server: &Server, target: &str) -> Value {
    let response = Connection::open(server.operator()).exchange(&Request::get(target));
    assert_eq!(response.status, 200, "{target}: {response:?} {}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    response.json()
}

/// The only route of `/instances`.
#[track_caller]
fn instances(server: &Server) -> Value {
    let mut read = read(server, "/instances");
    let routes = read["routes"].as_array_mut().expect("an array");
    assert_eq!(routes.len(), 1, "{routes:?}");
    routes.remove(0)
}

#[test]
fn every_slot_is_told_and_reading_changes_nothing() {
    let server = Server::start(&Config::probe().with("workers", 2).with("slots", 2));
    for n in 0..20 {
        server.post("/echo", "x".repeat(n * 1000));
    }
    server.until_settled();
    let first = instances(&server);
    assert_eq!(first["path"], "/");
    assert!(first["component"].as_str().expect("a text").ends_with("probe.wasm"), "{first}");
    assert_eq!(first["isolation"], "reuse");
    assert_eq!(first["states"], json!({ "idle": 4, "busy": 0, "warming": 0 }));
    assert_eq!(first["retirements"], json!({}));
    let rows = first["rows"].as_array().expect("an array").clone();
    let places: Vec<_> =
        rows.iter().map(|row| (row["worker"].as_u64(), row["slot"].as_u64())).collect();
    let place = |worker, slot| (Some(worker), Some(slot));
    assert_eq!(places, [place(0, 0), place(0, 1), place(1, 0), place(1, 1)]);
    let sum = |key: &str| rows.iter().filter_map(|row| row[key].as_u64()).sum::<u64>();
    assert_eq!(sum("requests"), 20);
    assert_eq!(sum("linear-memory-bytes"), 4 * (4 << 20));
    assert_eq!(first["linear-memory-bytes"], 4 * (4 << 20));
    for row in &rows {
        assert_eq!(row["state"], "idle", "{row}");
        assert_eq!(
            (&row["arena"]["in-use-bytes"], &row["arena"]["sealed-bytes"]),
            (&json!(0), &json!(0))
        );
    }
    let highest = rows.iter().filter_map(|row| row["arena"]["high-water-bytes"].as_u64()).max();
    assert!(highest.expect("they have arenas") >= 19_000, "{highest:?}");
    for _ in 0..10 {
        assert_eq!(instances(&server), first);
    }
    let metrics = server.until_settled();
    assert_eq!(metrics.sum("arenaria_requests_total", &[]), 20.0);
}

#[test]
fn a_busy_slot_keeps_its_last_reading_and_a_lost_instance_its_reason() {
    let server = Server::start(&Config::probe().limit("guest-time", "2s"));
    server.post("/echo", "x".repeat(50_000));
    server.until_settled();
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    let busy = instances(&server);
    let row = &busy["rows"][0];
    assert_eq!((&row["state"], &row["requests"]), (&json!("busy"), &json!(1)), "{busy}");
    assert!(row["arena"]["request-high-water-bytes"].as_u64() >= Some(50_000), "{row}");
    assert_eq!(looping.response().status, 504);
    drop(looping);
    server.until_settled();
    let after = instances(&server);
    assert_eq!(after["retirements"], json!({ "deadline": 1 }));
    assert_eq!(after["rows"][0]["requests"], 0, "it is a new one: {after}");
}

#[test]
fn in_fresh_isolation_a_slot_has_no_instance_between_requests() {
    let config = Config::probe().route_key("isolation", "fresh");
    let server = Server::start(&config);
    server.check_alive();
    let route = instances(&server);
    assert_eq!(route["isolation"], "fresh");
    let expected = json!({
        "worker": 0, "slot": 0, "state": "idle",
        "requests": null, "linear-memory-bytes": null, "arena": null,
    });
    assert_eq!(route["rows"], json!([expected]));
}

#[test]
fn more_than_256_slots_are_told_together() {
    let config = Config::probe().with("slots", 300).limit("memory", "1MiB");
    let server = Server::start(&config);
    server.post("/echo", "x".repeat(20_000));
    server.until("it is at rest", |metrics| {
        metrics.sum("arenaria_connections", &[]) == 0.0
            && metrics.sum("arenaria_arena_high_water_bytes", &[]) >= 20_000.0
    });
    let route = instances(&server);
    let rows = route["rows"].as_array().expect("an array");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(row["worker"], 0);
    assert_eq!(row["slots"], json!({ "idle": 300, "busy": 0, "warming": 0 }));
    assert_eq!((&row["requests"], &row["linear-memory-bytes"]), (&json!(1), &json!(300 << 20)));
    let (sum, max) = (&row["arena-sum"], &row["arena-max"]);
    let capacity = max["capacity-bytes"].as_u64().expect("a number");
    assert_eq!(sum["capacity-bytes"].as_u64(), Some(300 * capacity));
    assert!(max["request-high-water-bytes"].as_u64() >= Some(20_000), "{max}");
    // So are the series of the metrics.
    let metrics = server.metrics();
    for (name, figure) in [("high_water", "high-water-bytes"), ("capacity", "capacity-bytes")] {
        let name = format!("arenaria_arena_{name}_bytes");
        let labels = [("route", "/"), ("worker", "0")];
        let values = metrics.values(&name, &labels);
        assert_eq!(values, [max[figure].as_f64().expect("a number")], "{name}");
        assert!(metrics.label_values(&name, "slot").is_empty());
    }
    assert!(metrics.values("arenaria_arena_resets_total", &[]).is_empty());
    assert_eq!(metrics.sum("arenaria_slots", &[("state", "idle")]), 300.0);
}

#[test]
fn limits_are_told_as_they_are_typed_and_follow_a_reload() {
    let secret = "a-secret-that-only-the-component-sees";
    let token = "a-token-of-the-operator";
    let keys = format!("operator-token = \"${{file:token}}\"\n{}", server_keys());
    let with = |limits: &str| {
        keys.clone() + &route("/", &format!("settings.greeting = \"${{file:secret}}\"\n{limits}"))
    };
    let reloaded = Reloaded::start_with("probe", "", |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "secret", secret);
        put(&folder, "token", token);
        put(&folder, "arenaria.toml", with("limits.guest-time = \"90s\""));
    });
    let limits = || {
        let request = Request::get("/limits").header("authorization", &format!("Bearer {token}"));
        let response = reloaded.ask(&request);
        assert_eq!(response.status, 200, "{response:?}");
        let text = response.text();
        assert!(
            !text.contains(secret) && !text.contains(token) && !text.contains("greeting"),
            "{text}"
        );
        response.json()
    };
    let before = limits();
    assert_eq!(before["server"]["host-memory"], "256MiB");
    assert_eq!(before["server"]["operator-connections"], 64);
    assert_eq!(before["server"]["idle-time"], "1h");
    assert!(before["server"].get("guest-time").is_none(), "{before}");
    let route = &before["routes"]["/"];
    assert_eq!((&route["guest-time"], &route["queue-length"]), (&json!("1m 30s"), &json!(12)));
    assert_eq!(route["memory"], "4MiB");
    assert!(route.get("host-memory").is_none(), "{before}");
    put(&reloaded.folder, "arenaria.toml", with("limits.guest-time = \"7s\""));
    reloaded.server.signal("HUP");
    until("the limits follow", || (limits()["routes"]["/"]["guest-time"] == "7s").then_some(()));
    assert_eq!(limits()["server"], before["server"]);
}
