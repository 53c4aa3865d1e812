//! A server without requests costs nothing: its clock sleeps until a guest runs, and its instances give their memory back.

use std::fs;
use std::time::Duration;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, until};

/// How often the clock's thread has slept.
fn clock_switches(server: &Server) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("it runs");
    let read = |path: &std::path::Path, file| fs::read_to_string(path.join(file)).ok();
    let clock = tasks
        .filter_map(|task| Some(task.ok()?.path()))
        .find(|path| read(path, "comm").is_some_and(|name| name.trim_end() == "clock"));
    let status = read(&clock.expect("it has a clock"), "status").expect("the clock runs");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.expect("the kernel counts them").trim().parse().expect("a number")
}

fn until_clock_sleeps(server: &Server) {
    until("the clock sleeps", || {
        let before = clock_switches(server);
        std::thread::sleep(Duration::from_millis(200));
        (clock_switches(server) == before).then_some(())
    });
}

#[test]
fn the_clock_sleeps_while_no_guest_runs_and_wakes_with_the_next() {
    for isolation in ["reuse", "fresh"] {
        let config = Config::probe().route_key("isolation", isolation).limit("guest-time", "300ms");
        let server = Server::start(&config.with("workers", 1));
        for _ in 0..2 {
            until_clock_sleeps(&server);
            let before = clock_switches(&server);
            server.get("/loop").check_problem(504, "guest-time");
            assert!(clock_switches(&server) > before + 50, "it ticks while a guest runs");
            server.check_alive();
        }
    }
}

#[test]
fn others_are_answered_while_a_request_loops_after_a_sleep() {
    let config = Config::probe().with("workers", 1).with("slots", 2).limit("guest-time", "60s");
    let server = Server::start(&config);
    until_clock_sleeps(&server);
    let looping = server.begin(&Request::get("/loop"));
    for _ in 0..10 {
        server.check_alive();
    }
    looping.reset();
}

#[test]
fn an_idle_server_gives_the_memory_of_its_instances_back() {
    const MIB: u64 = 1 << 20;
    let config = Config::probe().with("slots", 4).limit("memory", "32MiB");
    let server = Server::start(&config.limit("idle-instance-time", "1s"));
    server.check_alive();
    let before = server.resident_bytes();
    // Each takes several ticks, so they run beside each other.
    until("all instances have used 24 MiB", || {
        let request = Request::get("/phases?bytes=8388608");
        let mut running: Vec<_> = (0..4).map(|_| server.begin(&request)).collect();
        running.iter_mut().for_each(|running| assert_eq!(running.response().status, 200));
        (server.resident_bytes() > before + 90 * MIB).then_some(())
    });
    until("the memory is back", || {
        (server.resident_bytes() < before + before / 10 + MIB).then_some(())
    });
    // The new ones have not served, so they stay.
    let retired = || server.metrics().retired("idle");
    let count = retired();
    assert!(count >= 4.0, "{count}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(retired(), count);
    server.check_alive();
}
