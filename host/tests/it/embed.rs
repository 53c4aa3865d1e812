//! The library: a processor in another program. Unlike the other tests, this uses the host's types.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arenaria::embed::{Fault, LoadError, Options, Processor, Request};
use tokio::runtime::Runtime;

use crate::harness::component;

/// Enough time for any request that ends, on any machine.
const AMPLE: Duration = Duration::from_secs(60);

fn options() -> Options {
    Options::new(2 << 20, AMPLE).cache(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing")
}

fn probe(options: Options) -> Processor {
    runtime().block_on(Processor::load(component("probe"), options)).expect("it is a good one")
}

fn get(path_with_query: &str) -> Request<'_> {
    Request { method: "GET", ..Request::post(path_with_query, b"") }
}

/// The probe's response.
async fn ask(processor: &Processor, path: &str) -> Result<String, Fault> {
    let response = processor.handle(get(path)).await?;
    Ok(String::from_utf8(response.body).expect("the probe returns text"))
}

#[track_caller]
fn check(processor: &Processor, path: &str, expected: &str) {
    assert_eq!(runtime().block_on(ask(processor, path)).expect("it answers"), expected);
}

#[track_caller]
fn check_refused(loaded: Result<Processor, LoadError>, parts: &[&str]) {
    let sentence = loaded.expect_err("it is refused").to_string();
    for part in parts {
        assert!(sentence.contains(part), "{sentence:?} lacks {part:?}");
    }
}

#[test]
fn a_request_goes_in_whole_and_an_instance_is_reused() {
    let processor = probe(options().setting("greeting", "ahoy"));
    check(&processor, "/greeting", "ahoy\n");
    check(&processor, "/remember", "1\n");
    let received_at = std::time::UNIX_EPOCH + Duration::from_nanos(7);
    let headers = [("accept", "text/plain")];
    let request = Request { headers: &headers, received_at, ..Request::post("/head?a", b"four") };
    let response = runtime().block_on(processor.handle(request)).unwrap();
    assert_eq!(response.status, 200);
    let expected = "POST /head?a\naccept: text/plain\nbody 4 bytes\nreceived at 7\n";
    assert_eq!(String::from_utf8(response.body).expect("the probe returns text"), expected);
}

#[test]
fn a_fault_costs_one_instance_and_no_more() {
    let processor = probe(options());
    let fault = |path| runtime().block_on(ask(&processor, path)).unwrap_err();
    let faults = ["/trap", "/exhaust", "/recurse"].map(|path| {
        check(&processor, "/remember", "0\n");
        fault(path)
    });
    assert!(
        matches!(faults, [Fault::Trap(_), Fault::Memory(_), Fault::Stack(_)]),
        "unexpected: {faults:?}"
    );
    check(&processor, "/remember", "0\n");
    check(&processor, "/remember", "1\n");
}

#[test]
fn a_deadline_ends_a_guest() {
    let short = Options::new(2 << 20, Duration::from_millis(20));
    let processor = probe(short.cache(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled")));
    let fault = runtime().block_on(ask(&processor, "/loop")).unwrap_err();
    assert!(matches!(fault, Fault::Deadline), "unexpected: {fault:?}");
    check(&processor, "/remember", "0\n");
}

/// Runs two requests at once. The first never ends by itself. Returns the order in which they
/// ended.
fn order(instances: u32) -> Vec<&'static str> {
    let limit = Options::new(2 << 20, Duration::from_millis(200)).instances(instances);
    let processor = probe(limit.cache(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled")));
    let ended = std::cell::RefCell::new(Vec::new());
    runtime().block_on(async {
        let long = async {
            ask(&processor, "/loop").await.expect_err("it loops");
            ended.borrow_mut().push("long");
        };
        let short = async {
            ask(&processor, "/remember").await.expect("it answers");
            ended.borrow_mut().push("short");
        };
        tokio::join!(long, short);
    });
    ended.into_inner()
}

#[test]
fn requests_run_beside_each_other_or_wait_for_an_instance() {
    assert_eq!(order(2), ["short", "long"]);
    assert_eq!(order(1), ["long", "short"]);
}

#[test]
fn a_request_that_is_given_up_leaves_room_for_the_next() {
    let processor = probe(options());
    check(&processor, "/remember", "0\n");
    runtime().block_on(async {
        let mut context = Context::from_waker(Waker::noop());
        let mut given_up = pin!(processor.handle(get("/loop")));
        assert!(matches!(given_up.as_mut().poll(&mut context), Poll::Pending));
    });
    check(&processor, "/remember", "0\n");
}

#[test]
fn threads_share_a_processor() {
    let processor = probe(options().instances(2));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    check(&processor, "/status/204", "");
                }
            });
        }
    });
    let usages = runtime().block_on(processor.arena_usages()).unwrap();
    assert!((1..=2).contains(&usages.len()), "{} instances", usages.len());
    assert!(usages.iter().all(|usage| usage.in_use == 0));
    assert_eq!(usages.iter().map(|usage| usage.resets).sum::<u64>(), 200);
    fn spawnable<F: Future + Send>(_: F) {}
    spawnable(processor.handle(get("/")));
}

#[test]
fn an_instance_that_asks_for_it_is_replaced() {
    let processor = probe(options());
    check(&processor, "/survive?bytes=1000000", "1000000 bytes survive\n");
    let usages = runtime().block_on(processor.arena_usages()).unwrap();
    assert!(usages[0].retire && usages.len() == 1, "{usages:?}");
    check(&processor, "/remember", "0\n");
}

#[test]
fn what_cannot_be_loaded_is_named() {
    let load = |name: &str, options| runtime().block_on(Processor::load(component(name), options));
    let refused = options().setting("configure", "error");
    check_refused(load("probe", refused), &["probe.wasm", "configure was told to fail"]);
    check_refused(load("probe", Options::new(1000, AMPLE)), &["memory = 1000B", "64KiB"]);
    check_refused(load("probe", Options::new(64 << 10, AMPLE)), &["probe.wasm", "64KiB"]);
    check_refused(load("probe", options().instances(0)), &["instances = 0"]);
    check_refused(load("probe", Options::new(2 << 20, Duration::ZERO)), &["guest-time = 0s"]);
    check_refused(load("peer-p2", options()), &["peer-p2.wasm", "wasi:http/proxy@0.2"]);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    check_refused(runtime().block_on(Processor::load(file, options())), &["host/Cargo.toml"]);
    check_refused(runtime().block_on(Processor::load("nowhere", options())), &["nowhere"]);
}
