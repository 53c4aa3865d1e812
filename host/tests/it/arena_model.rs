//! The arena inside the sandbox: the random programs of `guest/arena/model`, in the fixture `guest/fixtures/model`.

use std::time::Duration;

use arena_model::Collections;
use arenaria::embed::{Options, Processor, Request};
use tokio::runtime::Runtime;

use crate::harness::component;

const LIVES: u64 = 1000;
const PROGRAMS: u64 = 20;
const REQUESTS: u64 = 40;

/// The fixture with its own runtime.
struct Guest {
    runtime: Runtime,
    processor: Processor,
}

impl Guest {
    fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it is ours");
        let options = Options::new(16 << 20, Duration::from_secs(60))
            .setting("seed", seed.to_string())
            .cache(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"));
        let processor = runtime.block_on(Processor::load(component("model"), options));
        Self { runtime, processor: processor.expect("it is a good one") }
    }

    #[track_caller]
    fn answer(&self, path: &str) -> String {
        let request = Request { method: "GET", ..Request::post(path, b"") };
        let response = self.runtime.block_on(self.processor.handle(request));
        let response = response.unwrap_or_else(|fault| panic!("{path}: {fault}"));
        let body = String::from_utf8(response.body).expect("it answers with text");
        assert_eq!(response.status, 200, "{path}: {body}");
        body
    }
}

/// An arena over a piece of linear memory keeps its invariants there too.
#[track_caller]
fn check_lives(path: &str) {
    let guest = Guest::new(0);
    let run = |seed: u64| {
        let answer = guest.answer(&format!("{path}?seed={seed}&count=10"));
        answer.parse::<u64>().expect("it answers with a number")
    };
    let operations: u64 = (0..LIVES).step_by(10).map(run).sum();
    assert!(operations > LIVES * 50, "{path}: {operations} operations test little");
}

#[test]
fn an_arena_keeps_its_invariants_in_the_sandbox() {
    check_lives("/life");
}

#[test]
fn the_persistent_part_keeps_them_in_the_sandbox() {
    check_lives("/persistent");
}

/// Over many requests, ordinary collections contain with the arena what they contain with the system's allocator. Some of
/// them persist, some are sealed, and some are made or grown in phases and persistent closures.
#[test]
fn collections_contain_the_same_in_the_arena_as_outside() {
    let mut operations = 0;
    for program in 0..PROGRAMS {
        let (guest, mut shadow) = (Guest::new(program), Collections::new(program));
        for request in 0..REQUESTS {
            let seed = program * REQUESTS + request;
            let (hash, count) = shadow.request(seed);
            let answer = guest.answer(&format!("/collections?seed={seed}"));
            assert_eq!(answer, format!("{hash:x} {count}"), "program {program}, request {request}");
            operations += count;
        }
        let usages = guest.runtime.block_on(guest.processor.arena_usages()).expect("it answers");
        let [usage] = &usages[..] else { panic!("expected one instance") };
        // The last request leaves nothing alive, and so do many others.
        assert_eq!((usage.in_use, usage.sealed, usage.spills), (0, 0, 0), "program {program}");
        assert!(usage.resets >= REQUESTS / 4, "program {program}: {usage:?}");
        assert!(usage.high_water > 100_000, "program {program}: {usage:?}");
    }
    assert!(operations > PROGRAMS * REQUESTS * 20, "{operations} operations test little");
}
