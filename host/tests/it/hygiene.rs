//! What a request can see of an earlier one. The component `canary` leaves bytes in its memory, and
//! the next request looks for them in all of it. A second look is from outside: this process reads
//! the memory of the server.
//!
//! A canary is computed by the component from a number, and here by [`canary`].

use std::collections::BTreeMap;
use std::ops::Range;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, until};
use crate::process_memory::ProcessMemory;

/// Places with bytes that do not outlive a request.
const DEAD: [&str; 7] = ["heap", "phase", "stack", "deep-stack", "own-frame", "body", "response"];
/// Places with bytes that do.
const KEPT: [&str; 2] = ["persistent", "survivor"];

/// The bytes of the memory of an instance.
const MEMORY_BYTES: u64 = 4 << 20;
/// The number of the canary that tells where an instance is.
const BEACON: u64 = 1;

/// The same bytes as in the component.
fn canary(number: u64) -> Vec<u8> {
    let byte = |index: u64| {
        let seed = number.wrapping_mul(32).wrapping_add(index + 1);
        let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed >> 56) as u8
    };
    (0..32).map(byte).collect()
}

fn config() -> Config {
    Config::of("canary")
}

fn scrubbed() -> Config {
    config().setting("arena-scrub", "true")
}

/// Leaves a canary in a place. Its number is one that no other place has.
#[track_caller]
fn plant(server: &Server, place: &str) -> u64 {
    let index = DEAD.iter().chain(&KEPT).position(|&known| known == place).expect("it is known");
    let number = 1000 + index as u64;
    let target = format!("/plant?place={place}&number={number}");
    let request = match place {
        "body" => Request::post(&target, canary(number).repeat(2048)),
        _ => Request::get(&target),
    };
    let answer = server.exchange(&request);
    assert!(matches!(answer.status, 200 | 204), "{place}: {answer:?}");
    number
}

/// What the next request finds of a canary, by part of the memory. Parts without any are left out.
#[track_caller]
fn seen_inside(server: &Server, number: u64) -> BTreeMap<String, u64> {
    let answer = server.get(&format!("/find?number={number}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let parse = |line: &str| {
        let (part, count) = line.split_once(' ').expect("a part and a count");
        (part.to_owned(), count.parse().expect("a count"))
    };
    let counts: BTreeMap<_, u64> = answer.text().lines().map(parse).collect();
    assert_eq!(counts.len(), 5, "{counts:?}");
    counts.into_iter().filter(|&(_, count)| count > 0).collect()
}

#[track_caller]
fn parts_inside(server: &Server, place: &str) -> Vec<String> {
    let number = plant(server, place);
    seen_inside(server, number).into_keys().collect()
}

#[test]
fn a_reused_instance_keeps_what_a_request_left() {
    let server = Server::start(&config());
    for place in ["stack", "deep-stack", "own-frame"] {
        assert_eq!(parts_inside(&server, place), ["stack"], "{place}");
    }
    for place in ["heap", "phase", "body", "response"] {
        assert_eq!(parts_inside(&server, place), ["rest"], "{place}");
    }
    assert_eq!(parts_inside(&server, "persistent"), ["persistent"]);
    assert_eq!(parts_inside(&server, "survivor"), ["rest", "sealed"]);
}

#[test]
fn a_scrubbed_instance_keeps_nothing_but_what_persists() {
    for config in [scrubbed(), config().setting("arena-scrub", "poison")] {
        let server = Server::start(&config);
        for place in DEAD {
            assert_eq!(parts_inside(&server, place), [""; 0], "{place}");
        }
        assert_eq!(parts_inside(&server, "persistent"), ["persistent"]);
        assert_eq!(parts_inside(&server, "survivor"), ["sealed"]);
        let settled = server.until_settled();
        assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0, "it was one instance");
    }
}

#[test]
fn a_fresh_instance_has_nothing_of_another_request() {
    let server = Server::start(&config().route_key("isolation", "fresh"));
    for place in DEAD.into_iter().chain(KEPT) {
        assert_eq!(parts_inside(&server, place), [""; 0], "{place}");
    }
}

/// The addresses in the server's memory at which halves of a canary are.
fn seen_outside(server: &Server, number: u64) -> Vec<u64> {
    let canary = canary(number);
    ProcessMemory::open(server.pid()).find(&[&canary[..16], &canary[16..]])
}

/// Where in the server's process the memory of its only instance is.
#[track_caller]
fn linear_memory(server: &Server) -> Range<u64> {
    let text = server.get("/beacon").text();
    let address: u64 = text.trim().parse().expect("an address");
    // A search finds both halves.
    let [first, second] = seen_outside(server, BEACON)[..] else {
        panic!("expected one beacon");
    };
    assert_eq!(first + 16, second);
    let base = first - address;
    assert_eq!(base % (64 << 10), 0, "a memory begins at a page");
    base..base + MEMORY_BYTES
}

/// Plants a canary after two other requests. After the first, the second and the fourth request
/// the host reads the usage of the instance, so after this one nothing else runs in it.
#[track_caller]
fn plant_third(server: &Server, place: &str) -> u64 {
    for _ in 0..2 {
        assert_eq!(server.get("/beacon").status, 200);
    }
    plant(server, place)
}

#[test]
fn the_process_holds_what_a_reused_instance_keeps() {
    for place in ["heap", "phase", "stack", "deep-stack", "own-frame"] {
        let server = Server::start(&config());
        let number = plant_third(&server, place);
        let addresses = seen_outside(&server, number);
        let memory = linear_memory(&server);
        assert!(addresses.iter().any(|address| memory.contains(address)), "{place}");
    }
}

#[test]
fn the_process_holds_nothing_that_a_scrubbed_instance_computed() {
    for place in ["heap", "phase", "stack", "deep-stack", "own-frame"] {
        let server = Server::start(&scrubbed());
        let number = plant_third(&server, place);
        let is_gone = || seen_outside(&server, number).is_empty().then_some(());
        until(&format!("{place} is gone from the process"), is_gone);
    }
    // What is kept is where it should be, or this test sees nothing.
    let server = Server::start(&scrubbed());
    let number = plant_third(&server, "persistent");
    let addresses = seen_outside(&server, number);
    let memory = linear_memory(&server);
    assert!(!addresses.is_empty() && addresses.iter().all(|address| memory.contains(address)));
}

#[test]
fn a_body_and_a_response_leave_a_scrubbed_memory_at_once() {
    for place in ["body", "response"] {
        let is_inside = |server: &Server| {
            // The host's own buffers may keep it: they are not the component's memory.
            let memory = linear_memory(server);
            let number = plant(server, place);
            seen_outside(server, number).iter().any(|address| memory.contains(address))
        };
        assert!(is_inside(&Server::start(&config())), "{place}");
        let server = Server::start(&scrubbed());
        until(place, || (!is_inside(&server)).then_some(()));
    }
}

#[test]
fn the_process_holds_nothing_of_a_fresh_instance() {
    let server = Server::start(&config().route_key("isolation", "fresh"));
    for place in ["heap", "phase", "stack", "deep-stack", "own-frame", "persistent", "survivor"] {
        let number = plant(&server, place);
        let is_gone = || seen_outside(&server, number).is_empty().then_some(());
        until(&format!("{place} is gone from the process"), is_gone);
    }
}
