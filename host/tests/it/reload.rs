//! The reload of a configuration while its server runs, by SIGHUP and by the operator's listener.
//!
//! `cargo xtask reloads` reloads more often.

use std::io::Read as _;

use crate::client::Request;
use crate::harness::{arenaria, component, until};
use crate::load::Load;
use crate::reloaded::{Reloaded, put, route, server_keys};

const HELLO: &str = "hello, world\n";

/// The instances of all slots of one route.
const INSTANCES: f64 = 6.0;

/// An echo from the probe, and a greeting from the smallest processor.
fn echo() -> Request {
    Request::post("/echo", "an echo")
}

/// How many reloads there are.
fn reloads() -> u32 {
    let text = std::env::var("ARENARIA_RELOADS").unwrap_or("10".to_owned());
    text.parse().expect("it is a number")
}

#[test]
fn reloads_under_load_lose_no_request() {
    let reloaded = Reloaded::start("hello", &route("/", ""));
    let load = Load::start(reloaded.server.address, &echo());
    let [mut others, mut before] = [0.0, 0.0];
    for round in 0..reloads() {
        let (name, answer) = [("probe", "an echo"), ("hello", HELLO)][round as usize % 2];
        reloaded.put_component(name);
        // Each second round also has other limits, and a second route that comes and goes.
        let second = if round % 4 < 2 { route("/b", "") } else { String::new() };
        reloaded.put_routes(
            &(route("/", &format!("limits.queue-length = {}", 20 + round / 2)) + &second),
        );
        reloaded.hang_up("ok");
        reloaded.server.exchange(&echo()).check(200, answer);
        others += 1.0;
        load.until_more(20);
        let now = reloaded.server.metrics().sum("arenaria_requests_total", &[("route", "/")]);
        assert!(now >= before, "{before} requests became {now}");
        before = now;
    }
    let answered = load.end() as f64 + others;
    let metrics = reloaded.server.metrics();
    assert_eq!(metrics.sum("arenaria_requests_total", &[("status", "200")]), answered);
    assert_eq!(metrics.sum("arenaria_requests_total", &[]), answered);
    assert_eq!(reloaded.reloads("refused"), 0.0);
}

#[test]
fn a_reload_tells_what_has_changed_and_leaves_the_rest() {
    let reloaded = Reloaded::start("hello", &(route("/", "") + &route("/b", "")));
    reloaded.check_reloaded([&[], &[], &[]]);
    assert_eq!(reloaded.server.metrics().retired("replaced"), 0.0);
    reloaded.put_routes(&(route("/", "") + &route("/b", "limits.queue-length = 7")));
    reloaded.check_reloaded([&[], &["/b"], &[]]);
    reloaded.put_routes(&(route("/", "") + &route("/c", "")));
    reloaded.check_reloaded([&["/c"], &[], &["/b"]]);
    reloaded.put_component("probe");
    reloaded.check_reloaded([&[], &["/", "/c"], &[]]);
    reloaded.server.exchange(&echo()).check(200, "an echo");
    // All routes have a limit of the server, and its slots.
    let keys = server_keys().replace("slots = 3", "slots = 2");
    put(&reloaded.folder, "arenaria.toml", keys + &route("/", "") + &route("/c", ""));
    reloaded.check_reloaded([&[], &["/", "/c"], &[]]);
    reloaded.server.until("there are fewer slots", |metrics| {
        metrics.sum("arenaria_slots", &[("route", "/")]) == 4.0
    });
    for line in ["reloaded the configuration: nothing has changed", "added /c; removed /b"] {
        until(line, || reloaded.server.log().contains(line).then_some(()));
    }
}

#[test]
fn routes_come_and_go_and_requests_end_with_what_they_began_with() {
    let reloaded = Reloaded::start("probe", &(route("/", "") + &route("/echo", "")));
    let mut slow = reloaded.server.connect();
    slow.send(
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    );
    // The server asks for the body once it knows the route.
    let mut go_on = [0; 25];
    slow.stream().read_exact(&mut go_on).expect("the server answers");
    assert_eq!(go_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
    reloaded.server.get("/remember").check(200, "0\n");
    reloaded.put_routes(&route("/", ""));
    reloaded.check_reloaded([&[], &[], &["/echo"]]);
    let of_removed = [("route", "/echo")];
    assert_eq!(reloaded.ask(&Request::get("/readyz")).status, 200);
    assert!(!reloaded.server.metrics().values("arenaria_slots", &of_removed).is_empty());
    slow.send("abcd");
    slow.response().check(200, "abcd");
    reloaded.server.until("nothing of the removed route is left", |metrics| {
        metrics.values("arenaria_slots", &of_removed).is_empty()
            && metrics.values("arenaria_requests_total", &of_removed).is_empty()
    });
    reloaded.put_routes(&route("/only", ""));
    reloaded.check_reloaded([&["/only"], &[], &["/"]]);
    reloaded.server.exchange(&echo()).check_problem(404, "no-route");
    assert_eq!(reloaded.server.get("/only").status, 404);
    reloaded.server.until("one route is left", |metrics| {
        metrics.sum("arenaria_slots", &[("state", "idle")]) == INSTANCES
    });
    assert_eq!(reloaded.ask(&Request::get("/readyz")).status, 200);
}

#[test]
fn a_limit_that_has_changed_holds() {
    let reloaded = Reloaded::start("probe", &route("/", ""));
    reloaded.server.exchange(&echo()).check(200, "an echo");
    reloaded.put_routes(&route("/", "limits.request-body = \"3B\""));
    reloaded.hang_up("ok");
    reloaded.server.exchange(&echo()).check_limit(413, "body-too-large", "request-body", "3B");
    reloaded.put_routes(&route("/", ""));
    reloaded.hang_up("ok");
    reloaded.server.exchange(&echo()).check(200, "an echo");
}

#[test]
fn a_server_without_a_file_reads_its_component_again() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let path = folder.path().to_owned();
    put(&path, "a.wasm", std::fs::read(component("hello")).expect("it exists"));
    let listeners = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let mut command = arenaria(&["serve", "a.wasm", "--workers", "1", "--slots", "1"]);
    command.args(listeners).args(["--memory", "4MiB"]).current_dir(&path);
    let server = crate::harness::Server::start_command(command, folder);
    let reloaded = Reloaded { server, folder: path };
    reloaded.server.get("/").check(200, HELLO);
    reloaded.put_component("probe");
    reloaded.hang_up("ok");
    reloaded.server.check_alive();
    reloaded.check_reloaded([&[], &[], &[]]);
}

#[test]
fn reloads_that_are_asked_for_at_once_are_few_and_the_last_one_serves() {
    let reloaded = Reloaded::start("hello", &route("/", ""));
    reloaded.put_component("probe");
    let posts: Vec<_> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..8).map(|_| scope.spawn(|| reloaded.post().json())).collect();
        reloaded.server.signal("HUP");
        reloaded.server.signal("HUP");
        posts.into_iter().map(|post| post.join().expect("it was answered")).collect()
    });
    assert!(posts.iter().all(|post| post["added"] == serde_json::json!([])), "{posts:?}");
    reloaded.server.exchange(&echo()).check(200, "an echo");
    reloaded.check_reloaded([&[], &[], &[]]);
    let metrics = reloaded.server.metrics();
    assert_eq!(metrics.retired("replaced"), INSTANCES, "the component was replaced once");
    assert!(metrics.sum("arenaria_reloads_total", &[("result", "ok")]) <= 11.0);
}

#[test]
fn a_reload_while_the_server_ends_harms_nothing() {
    let mut reloaded = Reloaded::start("probe", &route("/", "limits.guest-time = \"1m\""));
    let mut running = reloaded.server.begin(&Request::get("/spin?iterations=100000000"));
    reloaded.server.until_busy(1.0);
    reloaded.put_component("hello");
    reloaded.server.signal("TERM");
    until("the server ends", || reloaded.server.log().contains("shutting down").then_some(()));
    reloaded.server.signal("HUP");
    assert_eq!(running.response().status, 200);
    assert_eq!(reloaded.server.until_exit().code(), Some(0));
    assert!(!reloaded.server.log().contains("reloaded"), "it ends");
}

/// A route with a component that never ends its configuration: in `fresh`, it is configured while it is loaded.
fn endless(isolation: &str, time: &str) -> String {
    let keys = "settings.configure = \"loop\"\nlimits.configure-time = ";
    route("/", &format!("isolation = \"{isolation}\"\n{keys}\"{time}\""))
}

#[test]
fn the_end_does_not_wait_for_a_reload() {
    for isolation in ["fresh", "reuse"] {
        let mut reloaded = Reloaded::start("probe", &route("/", ""));
        reloaded.put_routes(&endless(isolation, "1h"));
        reloaded.server.signal("HUP");
        until("it reloads", || {
            reloaded.server.log().contains("reloading the configuration").then_some(())
        });
        reloaded.server.check_alive();
        reloaded.server.signal("TERM");
        assert_eq!(reloaded.server.until_exit().code(), Some(0));
    }
}

#[test]
fn a_reload_may_take_longer_than_other_answers_of_the_operators_listener() {
    let short = "head-time = \"500ms\"\nresponse-time = \"500ms\"\n";
    let keys = server_keys().replace("[limits]\n", &format!("[limits]\n{short}"));
    let reloaded = Reloaded::start_with("probe", "", |command| {
        let folder = command.get_current_dir().expect("it is set").to_owned();
        put(&folder, "arenaria.toml", keys.clone() + &route("/", ""));
    });
    put(&reloaded.folder, "arenaria.toml", keys + &endless("fresh", "3s"));
    let refused = reloaded.check_refused(422, "not-reloaded");
    assert!(refused.contains("configure ran for longer than configure-time = 3s"), "{refused}");
    reloaded.server.check_alive();
}
