//! How routes share the time of a worker.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, until};

/// Some milliseconds.
const SPIN: &str = "iterations=10000000";

/// Two routes that are alike, with these weights.
fn two_routes(weights: [i64; 2]) -> Config {
    let [one, other] = weights;
    Config::empty()
        .with("slots", 4)
        .route("/spin", "probe")
        .route_key("weight", one)
        .route("/spin/more", "probe")
        .route_key("weight", other)
}

/// Sends a request again and again, on several connections.
fn flood(address: SocketAddr, target: &str, answered: &AtomicUsize, ends: &AtomicBool) {
    let target = format!("{target}?{SPIN}");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                while !ends.load(Relaxed) {
                    assert_eq!(connection.exchange(&Request::get(&target)).status, 200);
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
    });
}

/// How many requests of each route are answered while both are flooded.
fn answered(config: &Config, sum: usize) -> [usize; 2] {
    let server = Server::start(config);
    let (counts, ends) = ([AtomicUsize::new(0), AtomicUsize::new(0)], AtomicBool::new(false));
    let read = || [counts[0].load(Relaxed), counts[1].load(Relaxed)];
    thread::scope(|scope| {
        for (target, count) in ["/spin", "/spin/more"].into_iter().zip(&counts) {
            scope.spawn(|| flood(server.address, target, count, &ends));
        }
        let counts = until("enough are answered", || Some(read()).filter(|c| c[0] + c[1] >= sum));
        ends.store(true, Relaxed);
        counts
    })
}

#[test]
fn routes_that_are_flooded_share_the_time_by_weight() {
    let [one, other] = answered(&two_routes([1, 4]), 300);
    assert!((2 * one..7 * one).contains(&other), "{one} and {other}");
}

#[test]
fn a_weight_is_a_small_number() {
    for weight in [0, 1001] {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let file = folder.path().join("arenaria.toml");
        std::fs::write(&file, two_routes([1, weight]).to_toml()).expect("the folder is ours");
        let arguments = ["serve".as_ref(), "--config".as_ref(), file.as_os_str()];
        let ended = crate::harness::finished(&mut crate::harness::arenaria(&arguments));
        assert!(
            ended.code == Some(1) && ended.stderr.contains("expected weight from 1 to 1000"),
            "{ended:?}"
        );
    }
}
