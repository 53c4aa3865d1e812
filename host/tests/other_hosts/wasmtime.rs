//! `wasmtime serve`, with its defaults and with reused instances.

use std::process::Command;

use crate::client::{Connection, Request};
use crate::exchanges;
use crate::host::{Host, bridged, program};

/// More requests than any test has.
const REUSED: [&str; 2] = ["--max-instance-reuse-count", "1000000"];

/// Serves the bridged flagship, with more arguments.
#[track_caller]
pub(crate) fn serve(world: &str, settings: &str, more: &[&str]) -> Host {
    let (folder, file) = bridged(world, settings);
    let mut command = Command::new(program("ARENARIA_WASMTIME"));
    command.args(["serve", "--addr", "127.0.0.1:0"]).args(more).arg(file);
    Host::start(command, "Serving HTTP on http://", folder)
}

/// The setting that allows programs in requests, as an environment variable.
pub(crate) const AD_HOC: [&str; 3] = ["-Scli", "--env", "ARENARIA_SET_AD_HOC=true"];

#[test]
fn the_second_generation_with_an_instance_per_request() {
    exchanges::check(&serve("p2", "environment", &AD_HOC));
}

#[test]
fn the_second_generation_with_instances_that_are_used_again() {
    exchanges::check(&serve("p2", "environment", &[&AD_HOC[..], &REUSED].concat()));
}

#[test]
fn the_third_generation_by_default() {
    exchanges::check(&serve("p3", "environment", &AD_HOC));
}

#[test]
fn settings_from_the_store_need_no_environment() {
    let set = ["-Sconfig", "-Sconfig-var=ad-hoc=true"];
    for world in ["p2", "p3"] {
        let host = serve(world, "config", &set);
        let mut connection = Connection::open(host.address);
        connection.exchange(&crate::payloads::ad_hoc(".[]", "[1,2]")).check(200, "1\n2\n");
    }
}

#[test]
fn settings_that_are_refused_are_an_answer_every_time() {
    let set = ["-Scli", "--env", "ARENARIA_SET_PROGRAMM=."];
    for world in ["p2", "p3"] {
        let host = serve(world, "environment", &[&set[..], &REUSED].concat());
        for _ in 0..3 {
            let mut connection = Connection::open(host.address);
            let problem = connection.exchange(&Request::post("/", "{}"));
            let problem = problem.check_problem(500, "settings");
            let detail = problem["detail"].as_str().expect("a text");
            assert!(detail.contains("programm"), "{problem}");
        }
    }
}
