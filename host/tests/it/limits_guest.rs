//! The limits on what a processor uses: memory, time, the number of requests per instance.

use std::thread;

use crate::bridge::bridged;
use crate::client::Request;
use crate::config::Config;
use crate::harness::Server;

#[test]
fn an_exhausted_memory_is_answered_and_the_instance_replaced() {
    let server = Server::start(&Config::probe().limit("memory", "4MiB"));
    server.get("/exhaust").check_limit(507, "memory", "memory", "4MiB");
    server.check_alive();
    server.get("/remember").check(200, "1\n");
    assert_eq!(server.until_settled().retired("memory"), 1.0);
}

#[test]
fn the_memory_of_an_instance_is_what_the_configuration_says() {
    let config = Config::probe()
        .limit("memory", "4MiB")
        .route("/try-exhaust", "probe")
        .route_limit("memory", "8MiB");
    let server = Server::start(&config);
    let reached = |target: &str| {
        let response = server.get(target);
        assert_eq!(response.status, 200, "{response:?}");
        let text = response.text();
        let digits = text.split(' ').next().expect("a text has a beginning");
        digits.parse::<u64>().expect("the probe answers with a number of bytes")
    };
    let bytes = reached("/try-exhaust");
    assert!((4 << 20..8 << 20).contains(&bytes), "{bytes} of 8 MiB");
    let settled = server.until_settled();
    let capacity = |route| settled.sum("arenaria_arena_capacity_bytes", &[("route", route)]) as u64;
    assert!((2 << 20..4 << 20).contains(&capacity("/")), "{}", capacity("/"));
    assert!((6 << 20..8 << 20).contains(&capacity("/try-exhaust")), "{}", capacity("/try-exhaust"));
    assert_eq!(
        settled.sum("arenaria_retirements_total", &[]),
        0.0,
        "the guest handled it without a replacement"
    );
}

#[test]
fn a_body_that_fits_the_limit_but_not_the_memory_is_refused() {
    let server =
        Server::start(&Config::probe().limit("memory", "4MiB").limit("request-body", "4MiB"));
    let refused = server.post("/echo", vec![b'x'; 4 << 20]);
    refused.check_limit(507, "memory", "memory", "4MiB");
    server.check_alive();
}

#[test]
fn survivors_of_each_request_do_not_fail_one() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    for _ in 0..500 {
        let response = connection.exchange(&Request::get("/survive?bytes=32768"));
        assert_eq!(response.status, 200, "{response:?}");
    }
    connection.exchange(&Request::post("/echo", "after")).check(200, "after");
    drop(connection);
    // 16 MiB survived in all, in an arena of less than 4 MiB, of which a quarter may be sealed.
    let settled = server.until_settled();
    assert!(
        settled.retired("requested-by-guest") >= 8.0,
        "{}",
        settled.retired("requested-by-guest")
    );
    assert_eq!(
        settled.retired("requested-by-guest"),
        settled.sum("arenaria_retirements_total", &[])
    );
}

#[test]
fn an_endless_loop_is_ended_and_the_instance_replaced() {
    let server = Server::start(&Config::probe().limit("guest-time", "300ms"));
    server.get("/loop").check_limit(504, "guest-time", "guest-time", "300ms");
    server.check_alive();
    server.get("/remember").check(200, "1\n");
    assert_eq!(server.until_settled().retired("deadline"), 1.0);
}

#[test]
fn others_are_answered_while_a_request_loops() {
    let server = Server::start(&Config::probe().with("slots", 2).limit("guest-time", "3s"));
    let mut looping = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    let mut connection = server.connect();
    for n in 0..20 {
        connection.exchange(&Request::post("/echo", format!("{n}"))).check(200, format!("{n}"));
    }
    server.check_alive();
    assert!(looping.silent(), "the twenty responses arrived only after the loop had ended");
    looping.response().check_limit(504, "guest-time", "guest-time", "3s");
    server.check_alive();
}

#[test]
fn a_route_has_its_own_time() {
    let config = Config::probe()
        .limit("guest-time", "60s")
        .route("/loop", "probe")
        .route_limit("guest-time", "200ms");
    let server = Server::start(&config);
    server.get("/loop").check_limit(504, "guest-time", "guest-time", "200ms");
    server.check_alive();
}

#[test]
fn an_instance_is_retired_after_its_number_of_requests() {
    let server = Server::start(&Config::probe().limit("requests-per-instance", 3));
    let mut connection = server.connect();
    // The old instance serves until the new one is warm: at least the limit, and a few requests
    // more.
    let (mut served, mut lives) = (0, Vec::new());
    while lives.len() < 3 {
        let response = connection.exchange(&Request::get("/remember"));
        assert_eq!(response.status, 200, "{response:?}");
        let before: u64 = response.text().trim().parse().expect("the probe answers a number");
        if before == 0 && served > 0 {
            lives.push(std::mem::take(&mut served));
        }
        assert_eq!(before, served, "after {lives:?}");
        served += 1;
        assert!(served < 10_000, "never replaced: {lives:?}");
    }
    assert!(lives.iter().all(|served| *served >= 3), "{lives:?}");
    drop(connection);
    server.check_alive();
    let settled = server.until_settled();
    assert!((3.0..=5.0).contains(&settled.retired("requests")), "{settled:?}");
    assert_eq!(settled.retired("requests"), settled.sum("arenaria_retirements_total", &[]));
}

#[test]
fn an_instance_may_be_good_for_one_request() {
    let server = Server::start(&Config::probe().limit("requests-per-instance", 1));
    for _ in 0..30 {
        server.check_alive();
    }
    let settled = server.until_settled();
    assert!(settled.retired("requests") >= 1.0, "{settled:?}");
    assert_eq!(settled.sum("arenaria_requests_total", &[("status", "200")]), 30.0);
}

#[test]
fn a_response_with_too_many_header_fields_is_refused() {
    let config = Config::probe()
        .limit("response-headers", 8)
        .route("/headers", "probe")
        .route_limit("response-headers", 300);
    let server = Server::start(&config);
    // The longest route that matches wins: this one has its own limit.
    assert_eq!(server.get("/headers?count=300").status, 200);
    let refused = server.get("/headers?count=301");
    refused.check_limit(500, "bad-response", "response-headers", "300");
    server.check_alive();

    let server = Server::start(&Config::probe().limit("response-headers", 8));
    assert_eq!(server.get("/headers?count=8").status, 200);
    let refused = server.get("/headers?count=9");
    refused.check_limit(500, "bad-response", "response-headers", "8");
    server.check_alive();
    assert_eq!(server.until_settled().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn a_response_with_too_large_a_head_is_refused() {
    let server = Server::start(&Config::probe().limit("response-head", "1KiB"));
    let with = |bytes: usize| format!("/header?name=x&value={}", "v".repeat(bytes - 1));
    server.get(&with(1024)).check(200, "header");
    let refused = server.get(&with(1025));
    refused.check_limit(500, "bad-response", "response-head", "1KiB");
    server.check_alive();
    assert_eq!(server.until_settled().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn the_default_limits_of_a_response_are_256_header_fields_and_64_kib() {
    let server = Server::start(&Config::probe().limit("request-head", "128KiB"));
    assert_eq!(server.get("/headers?count=256").status, 200);
    let refused = server.get("/headers?count=257");
    refused.check_limit(500, "bad-response", "response-headers", "256");
    // The probe echoes the content-type, which is longer than a target may be.
    let with = |bytes: usize| {
        let value = "v".repeat(bytes - "content-type".len());
        server.exchange(&Request::post("/echo", "x").header("content-type", &value))
    };
    with(64 << 10).check(200, "x");
    let refused = with((64 << 10) + 1);
    refused.check_limit(500, "bad-response", "response-head", "64KiB");
}

/// The probe as a component of `wasi:http`, behind these limits.
fn with_imports(world: &str, key: &str, value: &str) -> (tempfile::TempDir, Server) {
    let (folder, output) = bridged("probe", world, "environment");
    let config = Config::probe().limit("memory", "32MiB").limit(key, value);
    let config = match value.parse::<i64>() {
        Ok(number) => config.limit(key, number),
        Err(_) => config,
    };
    let file = output.display().to_string();
    (folder, Server::start(&config.route_key("component", file).route_key("isolation", "reuse")))
}

#[test]
fn a_component_that_needs_too_many_handles_is_ended() {
    for world in ["p2", "p3"] {
        let (_folder, server) = with_imports(world, "guest-handles", "2");
        for _ in 0..3 {
            let refused = server.post("/echo", "x");
            refused.check_limit(500, "handles", "guest-handles", "2");
        }
        let (_folder, server) = with_imports(world, "guest-handles", "64");
        server.check_alive();
    }
}

#[test]
fn header_fields_that_a_component_makes_are_bounded() {
    for world in ["p2", "p3"] {
        let (_folder, server) = with_imports(world, "guest-head", "1KiB");
        let with = |bytes: usize| format!("/header?name=x&value={}", "v".repeat(bytes));
        server.get(&with(500)).check(200, "header");
        // It fails in the guest, which says what it likes.
        assert_eq!(server.get(&with(2000)).status, 500);
        server.check_alive();
    }
}

/// Every fault, many times and from many clients at once. The counts of the reasons must be exact.
#[track_caller]
fn flood(isolation: &str) {
    let config = Config::probe().with("slots", 2).limit("guest-time", "100ms");
    let server = Server::start(&config.route_key("isolation", isolation));
    let faults = ["/trap", "/panic", "/exhaust", "/recurse", "/loop", "/survive?bytes=500000"];
    thread::scope(|scope| {
        for turn in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..12 {
                    let response = server.get(faults[(n + turn) % faults.len()]);
                    assert!(matches!(response.status, 200 | 500 | 504 | 507), "{response:?}");
                }
            });
        }
    });
    server.check_alive();
    let settled = server.until("every slot is idle", |m| {
        m.sum("arenaria_slots", &[("state", "idle")]) == 2.0
            && m.sum("arenaria_connections", &[]) == 0.0
    });
    assert_eq!(settled.retired("deadline"), 8.0);
    assert_eq!(settled.retired("memory"), 8.0);
    assert_eq!(settled.retired("trap"), 24.0, "trap, panic and recursion, eight of each");
    assert_eq!(settled.sum("arenaria_arena_in_use_bytes", &[]), 0.0);
}

#[test]
fn a_flood_of_faults_leaves_a_server_at_rest() {
    flood("reuse");
    flood("fresh");
}
