//! Configurations that a running server refuses: the old one serves on.

use crate::client::{Connection, Request};
use crate::harness::until;
use crate::load::Load;
use crate::reloaded::{Reloaded, put, route, server_keys};

const HELLO: &str = "hello, world\n";

#[test]
fn a_configuration_that_cannot_serve_is_refused_and_the_old_one_stays() {
    let reloaded = Reloaded::start("probe", &route("/", "settings.greeting = \"old\""));
    let load = Load::start(reloaded.server.address, &Request::get("/greeting"));
    let loaded_at = "arenaria_config_last_reload_success_timestamp_seconds";
    let loaded_at = reloaded.server.metrics().sum(loaded_at, &[]);
    assert!(loaded_at > 1e9, "{loaded_at}");
    let rows: [(&str, &[&str]); 9] = [
        ("[[route]\n", &["arenaria.toml, line ", ", column "]),
        (&route("/", "wrong = 1"), &["arenaria.toml, line ", ", column 1: unknown field `wrong`"]),
        (&route("/", "slots = 0"), &["route \"/\": expected slots from 1 to 1024, got 0"]),
        ("", &["nothing to serve"]),
        (&route("/", "").replace("a.wasm", "gone.wasm"), &["gone.wasm"]),
        (&route("/", "").replace("a.wasm", "arenaria.toml"), &["cannot serve", "arenaria.toml"]),
        (
            &route("/", "settings.configure = \"error\""),
            &["route \"/\" cannot start: configure was told to fail"],
        ),
        (&route("/", "settings.configure = \"panic\""), &["route \"/\" cannot start", "trapped"]),
        (
            &route("/", "slots = 1024\nlimits.memory = \"3GiB\""),
            &["1024 slots + 1 spare", "lower memory"],
        ),
    ];
    let count = rows.len() as f64;
    for (routes, parts) in rows {
        reloaded.put_routes(routes);
        let refused = reloaded.check_refused(422, "not-reloaded");
        assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
        let line = format!("the new configuration is refused, and the old one stays: {refused}");
        until("the log has it", || reloaded.server.log().contains(&line).then_some(()));
        load.until_more(10);
        reloaded.server.get("/greeting").check(200, "old\n");
    }
    let metrics = reloaded.server.metrics();
    assert_eq!(metrics.sum("arenaria_reloads_total", &[("result", "refused")]), count);
    assert_eq!(metrics.sum("arenaria_config_last_reload_successful", &[]), 0.0);
    reloaded.put_routes(&route("/", "settings.greeting = \"new\""));
    reloaded.hang_up("ok");
    reloaded.server.get("/greeting").check(200, "new\n");
    load.end();
    let metrics = reloaded.server.metrics();
    assert_eq!(metrics.sum("arenaria_config_last_reload_successful", &[]), 1.0);
    assert_eq!(metrics.sum("arenaria_reloads_total", &[("result", "ok")]), 1.0);
}

#[test]
fn all_routes_change_or_none() {
    let reloaded = Reloaded::start("probe", &(route("/", "") + &route("/b", "")));
    let bad = route("/c", "settings.configure = \"error\"");
    let greeting = route("/", "settings.greeting = \"new\"");
    reloaded.put_routes(&(greeting.clone() + &bad));
    reloaded.check_refused(422, "not-reloaded");
    let old = reloaded.server.get("/greeting");
    assert!(old.status == 200 && old.text() != "new\n", "{old:?}");
    assert_eq!(reloaded.ask(&Request::get("/readyz")).status, 200);
    let metrics = reloaded.server.metrics();
    assert!(metrics.values("arenaria_slots", &[("route", "/c")]).is_empty(), "it was not added");
    reloaded.put_routes(&greeting);
    reloaded.check_reloaded([&[], &["/"], &["/b"]]);
}

#[test]
fn keys_of_the_server_need_a_restart() {
    let reloaded = Reloaded::start("hello", &route("/", ""));
    let keys = |from: &str, to: &str| {
        let keys = server_keys();
        assert!(keys.contains(from), "no {from} in {keys}");
        keys.replace(from, to)
    };
    for (keys, old, new) in [
        (keys("workers = 2", "workers = 1"), "workers = 2", "workers = 1"),
        (
            keys("listen = \"127.0.0.1:0\"\noperator", "listen = \"127.0.0.1:1\"\noperator"),
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:1\"",
        ),
        (
            keys(
                "idle-time = \"1h\"",
                "idle-time = \"2h\"\nconnections = 3\nhost-memory = \"1GiB\"",
            ),
            "host-memory = \"256MiB\", idle-time = \"1h\"",
            "connections = 3, host-memory = \"1GiB\", idle-time = \"2h\"",
        ),
        (
            keys("workers = 2", "workers = 2\nplayground = true"),
            "playground = false",
            "playground = true",
        ),
    ] {
        // What could change does not change either.
        put(&reloaded.folder, "arenaria.toml", keys + &route("/a", ""));
        let refused = reloaded.check_refused(409, "needs-restart");
        for part in [old, new, " as at the start, got ", "; restart the server to change this"] {
            assert!(refused.contains(part), "no {part:?} in {refused}");
        }
        reloaded.server.get("/").check(200, HELLO);
    }
    let outgoing = route("/", "grants = [\"outgoing-http:localhost\"]");
    reloaded.put_routes(&outgoing);
    let refused = reloaded.check_refused(409, "needs-restart");
    assert!(refused.contains("at most 0 concurrent outgoing requests"), "{refused}");
    reloaded.put_routes(&route("/a", ""));
    reloaded.check_reloaded([&["/a"], &[], &["/"]]);
}

#[test]
fn only_the_operator_can_ask_for_a_reload() {
    let reloaded = Reloaded::start("hello", &route("/", ""));
    let ask = |method: &str, headers: &str| {
        let mut connection = Connection::open(reloaded.server.operator());
        connection
            .send(format!("{method} /-/reload HTTP/1.1\r\n{headers}\r\ncontent-length: 0\r\n\r\n"));
        connection.response()
    };
    for (headers, status) in [
        ("host: arenaria.svc:8081", 200),
        ("host: localhost\r\norigin: http://localhost", 200),
        ("host: localhost\r\norigin: http://evil.example", 403),
        ("host: localhost\r\norigin: null", 403),
        ("host: localhost\r\nsec-fetch-site: cross-site", 403),
        ("host: evil.example\r\norigin: http://evil.example", 403),
        ("host: evil.example\r\naccept-language: en", 403),
    ] {
        assert_eq!(ask("POST", headers).status, status, "{headers}");
    }
    assert_eq!(reloaded.reloads("ok"), 2.0);
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let response = ask(method, "host: localhost");
        assert_eq!((response.status, response.header("allow")), (405, Some("POST")), "{method}");
    }
    let response = reloaded.ask(&Request::new("POST", "/metrics"));
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(reloaded.ask(&Request::new("POST", "/-/reload/")).status, 405);
    // The data listener has no such path.
    reloaded.server.post("/-/reload", "").check(200, HELLO);
    assert_eq!(reloaded.reloads("ok"), 2.0);
}
