//! A guest with objects in the engine's garbage-collected heap. The limit applies to heap and
//! linear memory together, garbage never costs an instance, and live objects are never lost.

use std::collections::BTreeMap;
use std::thread;

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished};
use crate::scrape::Metrics;

const MIB: f64 = 1_048_576.0;
/// The linear memory that the guest declares, for passing requests and responses.
const BOUNDARY: f64 = 2.0 * MIB;
/// The size of a list node of the guest in the heap.
const LINK_BYTES: u64 = 32;

/// Of 8 MiB the heap may have 6, of which a copying collector keeps one half free. An instance is
/// not retired for its memory, so that the tests observe one heap.
fn config() -> Config {
    Config::of("collector").limit("memory", "8MiB").limit("retire-memory", "8MiB")
}

fn heap(metrics: &Metrics) -> f64 {
    metrics.sum("arenaria_gc_heap_bytes", &[("route", "/")])
}

/// A good request after every fault: it must be served by a new instance.
#[track_caller]
fn check_alive(server: &Server) {
    server.post("/", "to be or not to be").check(200, "be 2\nnot 1\nor 1\nto 2\n");
}

/// A fault costs exactly one instance.
#[track_caller]
fn check_fault(target: &str, check: impl Fn(&crate::client::Response), reason: &str) {
    let server = Server::start(&config().limit("guest-time", "60s"));
    for round in 1..=2 {
        check(&server.get(target));
        check_alive(&server);
        let metrics = server.metrics();
        assert_eq!(metrics.retired(reason), f64::from(round), "{target}: {metrics:?}");
        let all = metrics.sum("arenaria_retirements_total", &[]);
        assert_eq!(all, f64::from(round), "{target}: {metrics:?}");
    }
}

/// Words in random order, many of them repeated.
fn text(words: usize) -> String {
    let mut number = 1_u64;
    let mut next = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (number >> 40) % words as u64
    };
    (0..words).map(|_| format!("w{:x}", next())).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check_count(server: &Server, text: &str) {
    let mut counts = BTreeMap::<&str, u64>::new();
    for word in text.split(' ') {
        *counts.entry(word).or_default() += 1;
    }
    let lines: String = counts.iter().map(|(word, count)| format!("{word} {count}\n")).collect();
    server.post("/", text).check(200, lines);
}

#[test]
fn words_are_counted_and_nothing_is_remembered() {
    let server = Server::start(&config());
    let mut connection = server.connect();
    let mut count = |body: &str, lines: &str| {
        connection.exchange(&Request::post("/", body)).check(200, lines);
    };
    count("", "");
    count("... !?", "");
    count("The hat, the cat;the end", "The 1\ncat 1\nend 1\nhat 1\nthe 2\n");
    count("größer als größer", "als 1\ngrößer 2\n");
    count("x", "x 1\n");
    drop(connection);
    for words in [10, 1000, 50_000] {
        check_count(&server, &text(words));
    }
    // Sorted words, with which an unbalanced tree would degenerate to a list.
    let sorted: Vec<_> = (10_000..30_000).map(|number| number.to_string()).collect();
    check_count(&server, &sorted.join(" "));
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn settings_are_taken_or_refused_with_a_sentence() {
    let server = Server::start(&config().setting("fold-case", "true"));
    server.post("/", "The the THE").check(200, "the 3\n");
    for (setting, sentence) in [
        ("fold-case=maybe", "fold-case: expected true or false, got maybe"),
        ("language=Scala", "expected no setting but fold-case, got language"),
    ] {
        let file = component("collector").display().to_string();
        let refused = finished(&mut arenaria(&["call", &file, "--set", setting]));
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(refused.stderr.contains(sentence), "{refused:?}");
    }
}

#[test]
fn garbage_flows_for_ever_within_the_cap() {
    // Garbage of four times the limit in each request.
    const LINKS: u64 = 4 * (8 << 20) / LINK_BYTES;
    let server = Server::start(&config().limit("guest-time", "60s"));
    let mut connection = server.connect();
    let mut after = Vec::new();
    for _ in 0..20 {
        let response = connection.exchange(&Request::get(&format!("/churn/{LINKS}")));
        // The values of the objects that were live at the end.
        let sum: u64 = (LINKS - 1024..LINKS).sum();
        response.check(200, format!("{sum}\n"));
        after.push(heap(&server.metrics()));
    }
    assert!(after[0] > 0.0 && after[0] <= 8.0 * MIB - BOUNDARY, "{after:?}");
    assert!(after.iter().all(|bytes| *bytes == after[0]), "the heap grew: {after:?}");
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn what_lives_is_moved_and_never_lost() {
    let server = Server::start(&config().limit("guest-time", "60s"));
    // A long list that takes two thirds of the room for live objects, and a deep stack.
    let links: u64 = (2 << 20) / LINK_BYTES;
    let deep = server.get(&format!("/deep/{links}"));
    deep.check(200, format!("{}\n", links * (links - 1) / 2));
    let frames: u64 = 2000;
    let climbed = server.get(&format!("/climb/{frames}"));
    climbed.check(200, format!("{}\n", frames * (frames + 1) / 2));
    // Exceptions are objects too. These need more memory than there is.
    let throws: u64 = 200_000;
    let thrown = server.get(&format!("/throw/{throws}"));
    thrown.check(200, format!("{}\n", throws * (throws - 1) / 2));
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn an_exhausted_heap_is_answered_with_507() {
    let check = |response: &crate::client::Response| {
        response.check_limit(507, "memory", "memory", "8MiB");
    };
    check_fault("/chain/9999999999", check, "memory");
    // More than the heap has, and more than any heap could have.
    check_fault("/array/1073741824", check, "memory");
    check_fault("/array/4294967295", check, "memory");
}

#[test]
fn nearly_all_of_the_cap_can_be_used() {
    let server = Server::start(&config().limit("guest-time", "60s"));
    // One half of 6 MiB is for live objects. The heap grows in steps, and the last step may not
    // fit.
    let links = (27 << 20) / 10 / LINK_BYTES;
    let sum = links * (links - 1) / 2;
    server.get(&format!("/chain/{links}")).check(200, format!("{sum}\n"));
    let bytes = heap(&server.metrics());
    assert!(bytes > 5.4 * MIB && bytes <= 6.0 * MIB, "{bytes}");
    server.get("/array/1000").check(200, "1000\n");
    server.get(&format!("/array/{}", 27 << 20)).check_limit(507, "memory", "memory", "8MiB");
}

#[test]
fn a_heap_that_grew_is_given_back_with_its_instance() {
    let server = Server::start(&config().limit("retire-memory", "6MiB"));
    let links = (27 << 20) / 10 / LINK_BYTES;
    assert_eq!(server.get(&format!("/chain/{links}")).status, 200);
    let given_back =
        |metrics: &Metrics| metrics.retired("memory-grown") == 1.0 && heap(metrics) < MIB;
    server.until("a small heap is back", given_back);
    check_alive(&server);
}

#[test]
fn a_trap_after_the_heap_was_refused_more_is_a_trap() {
    let check = |response: &crate::client::Response| {
        response.check_problem(500, "trap");
    };
    check_fault("/fall/2000000", check, "trap");
}

#[test]
fn an_endless_recursion_that_holds_objects_is_answered_with_500() {
    let check = |response: &crate::client::Response| {
        response.check_problem(500, "stack-exhausted");
    };
    check_fault("/climb/9999999999", check, "trap");
}

#[test]
fn time_in_the_collector_is_the_guests_time() {
    let server = Server::start(&config().limit("guest-time", "300ms"));
    server.get("/churn/9999999999").check_limit(504, "guest-time", "guest-time", "300ms");
    check_alive(&server);
    let links = (27 << 20) / 10 / LINK_BYTES;
    let pressed = server.get(&format!("/press/{links}"));
    pressed.check_limit(504, "guest-time", "guest-time", "300ms");
    check_alive(&server);
    assert_eq!(server.metrics().retired("deadline"), 2.0);
}

#[test]
fn others_are_answered_while_the_collector_runs() {
    let server = Server::start(&config().with("slots", 2).limit("guest-time", "5s"));
    let links = (27 << 20) / 10 / LINK_BYTES;
    let mut pressing = server.begin(&Request::get(&format!("/press/{links}")));
    server.until_busy(1.0);
    // One is enough: if the collector held the worker, it would wait for all of the guest's time.
    check_alive(&server);
    assert!(pressing.silent(), "the response arrived only after the other request had ended");
    pressing.response().check_limit(504, "guest-time", "guest-time", "5s");
    check_alive(&server);
}

#[test]
fn heap_and_linear_memory_are_shown_apart_and_given_back() {
    let config = config().with("slots", 2).route("/probe", "probe").route_limit("memory", "4MiB");
    let server = Server::start(&config);
    let shown = |metrics: &Metrics, route: &str| {
        let labels = [("route", route)];
        let linear = metrics.sum("arenaria_linear_memory_bytes", &labels);
        let grows = metrics.sum("arenaria_memory_grows_total", &labels);
        (linear / MIB, grows, metrics.sum("arenaria_gc_heap_bytes", &labels) / MIB)
    };
    let before = server.metrics();
    // The linear memory keeps its declared size. The rest is for the heap.
    let (linear, grows, fresh) = shown(&before, "/");
    assert_eq!((linear, grows), (2.0 * BOUNDARY / MIB, 0.0));
    assert!(fresh > 0.0 && fresh < 2.0, "{fresh}");
    assert_eq!(shown(&before, "/probe"), (2.0 * 4.0, 0.0, 0.0));

    let links = (2 << 20) / LINK_BYTES;
    assert_eq!(server.get(&format!("/chain/{links}")).status, 200);
    let (linear, grows, grown) = shown(&server.metrics(), "/");
    assert_eq!(
        (linear, grows),
        (2.0 * BOUNDARY / MIB, 0.0),
        "the heap must not count as linear memory"
    );
    assert!(grown >= fresh + 3.0, "{grown}");
    assert!(server.metrics().sum("arenaria_gc_heap_grows_total", &[("route", "/")]) > 0.0);

    server.get("/chain/9999999999").check_problem(507, "memory");
    check_alive(&server);
    server.until("the lost instance's heap is given back", |m| shown(m, "/").2 <= grown);
    assert_eq!(shown(&server.metrics(), "/probe"), (2.0 * 4.0, 0.0, 0.0));
}

#[test]
fn the_boundary_is_reset_with_every_request() {
    let server = Server::start(&config());
    for words in [100, 10_000, 10] {
        check_count(&server, &text(words));
    }
    let settled = server.until_settled();
    let read = |name: &str| settled.sum(name, &[("route", "/")]);
    assert_eq!(read("arenaria_arena_capacity_bytes"), BOUNDARY - 4096.0);
    assert_eq!(read("arenaria_arena_in_use_bytes"), 0.0);
    assert!(read("arenaria_arena_resets_total") >= 3.0);
    let high = read("arenaria_arena_high_water_bytes");
    assert!(high >= text(10_000).len() as f64 && high < BOUNDARY, "{high}");
    let last = read("arenaria_arena_request_high_water_bytes");
    assert!(last >= text(10).len() as f64 && last < text(1000).len() as f64, "{last}");
    assert_eq!(read("arenaria_arena_request_survivors_bytes"), 0.0);
}

#[test]
fn what_the_boundary_cannot_hold_is_answered_with_507() {
    let server = Server::start(&config().limit("request-body", "4MiB"));
    let response = server.post("/", vec![b' '; 3 << 20]);
    response.check_limit(507, "memory", "memory", "8MiB");
    let problem = response.check_problem(507, "memory");
    let detail = problem["detail"].as_str().expect("a sentence");
    assert!(detail.contains("the component's own memory of 2MiB"), "{detail}");
    check_alive(&server);
    // The request fits, but its response would be larger.
    let words: String = (0..400_000).map(|number| format!("{number:x} ")).collect();
    assert!(words.len() < 3 << 20);
    server.post("/", words).check_problem(507, "memory");
    check_alive(&server);
}

#[test]
fn a_fresh_instance_has_a_heap_for_its_request_alone() {
    let server = Server::start(&config().route_key("isolation", "fresh"));
    assert_eq!(heap(&server.metrics()), 0.0);
    for _ in 0..20 {
        check_alive(&server);
    }
    server.get("/chain/9999999999").check_problem(507, "memory");
    check_alive(&server);
    server.until("the last heap is gone", |metrics| heap(metrics) == 0.0);
}

#[test]
fn a_flood_of_everything_leaves_a_server_that_answers() {
    let server = Server::start(&config().with("slots", 2).limit("guest-time", "100ms"));
    let targets = ["/chain/9999999999", "/churn/9999999999", "/array/1073741824", "/fall/1000"];
    thread::scope(|scope| {
        for turn in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..8 {
                    let response = server.get(targets[(n + turn) % targets.len()]);
                    assert!(matches!(response.status, 500 | 504 | 507), "{response:?}");
                }
            });
        }
    });
    check_alive(&server);
    assert_eq!(server.until_settled().sum("arenaria_retirements_total", &[]), 32.0);
}

#[test]
fn inspect_says_what_a_component_needs() {
    let said = |name: &str| {
        let file = component(name).display().to_string();
        let inspected = finished(&mut arenaria(&["inspect", &file]));
        assert_eq!(inspected.code, Some(0), "{inspected:?}");
        inspected.stdout
    };
    let collector = said("collector");
    for part in ["memory: fixed at 2MiB; the host sets 2MiB", "garbage collection", "imports: none"]
    {
        assert!(collector.contains(part), "no {part:?} in {collector}");
    }
    assert!(!said("hello").contains("garbage"));
}
