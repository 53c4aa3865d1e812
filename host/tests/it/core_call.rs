//! The host passes values to a core module by itself, or lets wasmtime do it where the component is another one than
//! usual. Both must do the same, whatever the guest returns. The two components here differ in one function that nobody
//! calls, so the same requests go both ways.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arenaria::embed::{Fault, Options, Processor, Request};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished};

const GUEST: &str = include_str!("core_call.wat");
/// Where the guest copies a body, and the end of its memory.
const PLACE: u32 = 4096;
const MEMORY: u32 = 4 << 16;
/// What the guest does with a request.
const RETURN: u64 = 0;
const MIRROR: u64 = 1;
const PATH: u64 = 2;
const METHOD: u64 = 3;
const ALLOCATE_AT: u64 = 5;
const USAGE: u64 = 6;

/// A folder with the guest as two components: the usual one, and one that the host calls as a component.
struct Guests {
    _folder: TempDir,
    core: PathBuf,
    component: PathBuf,
}

/// The same processor, called in both ways.
struct Both {
    runtime: Runtime,
    core: Processor,
    component: Processor,
}

/// What a request does.
#[derive(Clone, Debug)]
struct Sent {
    action: u64,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Guests {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let core = folder.path().join("core.wasm");
        let component = folder.path().join("component.wasm");
        let other = "export other: func();";
        std::fs::write(&core, encoded(GUEST, "")).expect("the folder is ours");
        std::fs::write(&component, encoded(GUEST, other)).expect("the folder is ours");
        Self { _folder: folder, core, component }
    }
}

/// A guest as a component of a world that has this beside the processor.
fn encoded(guest: &str, other: &str) -> Vec<u8> {
    let text = match other {
        "" => format!("(module {guest})"),
        _ => format!("(module {guest} (func (export \"other\")))"),
    };
    let mut module = wat::parse_str(text).expect("it is a text");
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/processor");
    resolve.push_dir(wit).expect("it is sound");
    let world = format!(
        "package test:odd; world odd {{ include arenaria:processor/processor@0.1.0; {other} }}"
    );
    let package = resolve.push_str("odd.wit", &world).expect("it is sound");
    let world = resolve.select_world(&[package], Some("odd")).expect("it has the world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a section is added");
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).expect("it is a processor")
}

impl Both {
    fn new() -> Self {
        let guests = Guests::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime needs nothing");
        // As in the server.
        let options = || Options::new(u64::from(MEMORY), Duration::from_secs(60)).may_block(true);
        let load = |file| runtime.block_on(Processor::load(file, options()));
        let core = load(&guests.core).expect("it is a processor");
        let component = load(&guests.component).expect("it is a processor");
        Self { runtime, core, component }
    }

    /// What a request gives in each way. Of a fault, its kind.
    fn send(&self, sent: &Sent) -> [String; 2] {
        let Sent { action, method, path, headers, body } = sent;
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let received_at = SystemTime::UNIX_EPOCH + Duration::from_nanos(*action);
        let request =
            Request { method, path_with_query: path, headers: &headers, body, received_at };
        [&self.core, &self.component].map(|processor| {
            match self.runtime.block_on(processor.handle(request)) {
                Ok(response) => format!("{response:?}"),
                Err(fault) => kind(&fault),
            }
        })
    }

    fn usages(&self) -> [String; 2] {
        [&self.core, &self.component].map(|processor| {
            match self.runtime.block_on(processor.arena_usages()) {
                Ok(usages) => format!("{usages:?}"),
                Err(fault) => kind(&fault),
            }
        })
    }
}

fn kind(fault: &Fault) -> String {
    let text = format!("{fault:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

impl Sent {
    fn new(action: u64, body: &[u8]) -> Self {
        let (method, path) = ("POST".to_owned(), "/".to_owned());
        Self { action, method, path, headers: Vec::new(), body: body.to_vec() }
    }
}

#[test]
fn the_usual_component_is_called_as_a_core_module() {
    let guests = Guests::new();
    let [hello, transform] = ["hello", "transform"].map(component);
    let (core, whole) = ("called: as a core module", "called: as a component");
    for (file, expected) in
        [(&guests.core, core), (&guests.component, whole), (&hello, core), (&transform, core)]
    {
        let inspected = finished(&mut arenaria(&[
            "inspect".as_ref(),
            file.as_os_str(),
            "--memory".as_ref(),
            "16MiB".as_ref(),
        ]));
        assert!(inspected.stdout.contains(expected), "no {expected:?} in {inspected:?}");
    }
}

#[test]
fn a_request_arrives_whole() {
    let both = Both::new();
    let headers = [("accept", "a/b"), ("x", ""), ("y", "ü")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let request =
        Sent { method: "PUT".into(), path: "/a?b".into(), headers, ..Sent::new(0, b"four\0") };
    for (action, expected) in [
        (
            MIRROR,
            r#"headers: [("accept", "a/b"), ("x", ""), ("y", "ü")], body: [102, 111, 117, 114, 0]"#,
        ),
        (PATH, "body: [47, 97, 63, 98]"),
        (METHOD, "body: [80, 85, 84]"),
        (0x0807_0605_0403_0201, "body: [1, 2, 3, 4, 5, 6, 7, 8]"),
    ] {
        let [core, component] = both.send(&Sent { action, ..request.clone() });
        assert_eq!(core, component);
        assert!(core.contains(expected), "{core} lacks {expected}");
    }
}

#[test]
fn every_result_is_freed_once() {
    let both = Both::new();
    let statuses: Vec<_> = (0..3).map(|_| both.send(&Sent::new(MIRROR, b""))).collect();
    for (status, [core, component]) in (200..).zip(statuses) {
        assert_eq!(core, component);
        assert!(core.contains(&format!("status: {status}")), "{core}");
    }
}

#[test]
fn a_refusal_of_the_settings_arrives() {
    let guests = Guests::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for file in [&guests.core, &guests.component] {
        let options = Options::new(u64::from(MEMORY), Duration::from_secs(60));
        let loaded = runtime.block_on(Processor::load(file, options.setting("a", "not so")));
        let sentence = loaded.expect_err("it is refused").to_string();
        assert!(sentence.ends_with(": not so"), "{sentence}");
    }
}

#[test]
fn what_loops_where_it_should_allocate_stops_nobody() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let realloc = "(param $new i32)\n  (result i32)\n  (local $address i32)";
    let freed = "(param i32)\n  (global.set $ended";
    for (place, looping, is_first) in [
        (realloc, format!("{realloc} (loop (br 0))"), true),
        (freed, "(param i32) (loop (br 0))\n  (global.set $ended".to_owned(), false),
    ] {
        let text = GUEST.replace(place, &looping);
        assert_ne!(text, GUEST, "{place} is not there");
        let file = folder.path().join("loops.wasm");
        std::fs::write(&file, encoded(&text, "")).expect("the folder is ours");
        let config = Config::probe().with("workers", 1).limit("guest-time", "1s");
        let config = config.route("/loops", "hello");
        let server = Server::start(&config.route_key("component", file.display().to_string()));
        let mut blocked = 0;
        for _ in 0..3 {
            let response = server.get("/loops");
            if response.status == 504 && !is_first {
                // A tick happened to interrupt an earlier call of this request, so the one that loops has a fiber.
                response.check_problem(504, "guest-time");
            } else {
                response.check_problem(500, "trap");
                blocked += 1;
            }
            server.check_alive();
        }
        assert_ne!(blocked, 0, "no call without a fiber was ended");
    }
}

#[test]
fn what_allocates_slowly_yields_from_its_first_tick_on() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let realloc = "(param $new i32)\n  (result i32)\n  (local $address i32)";
    let is_served = |first: u32| {
        let slow = format!(
            "{realloc} (local $turns i32)
            (local.set $turns (select (i32.const {first}) (i32.const 30000000) (i32.eqz (global.get $calls))))
            (global.set $calls (i32.const 1))
            (loop $turn (br_if $turn
              (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))"
        );
        let text = GUEST.replace(realloc, &slow) + "(global $calls (mut i32) (i32.const 0))";
        let file = folder.path().join("slow.wasm");
        std::fs::write(&file, encoded(&text, "")).expect("the folder is ours");
        let config = Config::of("hello").route_key("component", file.display().to_string());
        let server = Server::start(&config.route_key("isolation", "fresh"));
        server.get("/").status == 200
    };
    // One of these first calls is interrupted by at least one tick, and by less than six. The second call of the
    // request takes too long for a call without a fiber.
    assert!((15..24).any(|doublings| is_served(1 << doublings)));
}

/// A processor with a start function, a segment that `configure` copies into memory that it adds, and a counter. The
/// status of a response shows all of these.
const STATEFUL: &str = r#"
    (memory (export "memory") 1 8)
    (data $segment "\0a")
    (global $started (mut i32) (i32.const 0))
    (start $start)
    (func $start (global.set $started (i32.const 7)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "arenaria:processor/handler@0.1.0#handle")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
        (i32.store16 (i32.const 0) (i32.add
            (i32.add (i32.const 200) (global.get $started))
            (i32.add (i32.mul (memory.size) (i32.const 20))
                (i32.add (i32.load8_u (i32.const 65536)) (i32.load8_u (i32.const 1024))))))
        (i32.store8 (i32.const 1024) (i32.add (i32.load8_u (i32.const 1024)) (i32.const 1)))
        (i64.store (i32.const 4) (i64.const 4))
        (i64.store (i32.const 12) (i64.const 1))
        (i32.const 0))
    (func (export "arenaria:processor/lifecycle@0.1.0#configure") (param i32 i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        (memory.init $segment (i32.const 65536) (i32.const 0) (i32.const 1))
        (i32.const 512))
    (func (export "arenaria:processor/memory@0.1.0#usage") (result i32) (i32.const 512))"#;

#[test]
fn a_fresh_instance_begins_with_all_that_configure_left() {
    // A snapshot can be made of the first. Of the second none, because it could change its table.
    let table = "(table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))";
    for (guest, has_snapshot) in
        [(STATEFUL.to_owned(), true), (format!("{STATEFUL} {table}"), false)]
    {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let file = folder.path().join("stateful.wasm");
        std::fs::write(&file, encoded(&guest, "")).expect("the folder is ours");
        let serve = |isolation| {
            let config = Config::of("hello").route_key("component", file.display().to_string());
            Server::start(&config.route_key("isolation", isolation))
        };
        let (fresh, reuse) = (serve("fresh"), serve("reuse"));
        // The start function: 7. Two pages: 40. The segment: 10.
        assert_eq!([(); 3].map(|()| fresh.get("/").status), [257; 3]);
        assert_eq!([(); 3].map(|()| reuse.get("/").status), [257, 258, 259]);
        let log = fresh.log();
        assert_eq!(log.contains("each instance is configured anew"), !has_snapshot, "{log}");
    }
}

/// Addresses, lengths and other words that a guest might return.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        6 => 0_u32..40,
        6 => PLACE..PLACE + 200,
        3 => MEMORY - 40..=MEMORY + 8,
        1 => any::<u32>(),
        1 => u32::MAX - 40..=u32::MAX,
    ]
}

/// The bytes of these words.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let words = proptest::collection::vec(word(), 1..48);
    words.prop_map(|words| words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn text() -> impl Strategy<Value = String> {
    "[ -~é]{1,12}"
}

fn sent() -> impl Strategy<Value = Sent> {
    // Nothing is empty: for what is empty, a component asks the guest for memory, and writes the address that it gets.
    let fields = proptest::collection::vec((text(), text()), 1..4);
    let returned = (Just(RETURN), words(), PLACE..PLACE + 64).prop_map(|(action, mut body, at)| {
        // Mostly an address near the words.
        if at % 4 != 3 {
            body[..4].copy_from_slice(&at.to_le_bytes());
        }
        (action, body)
    });
    let request = prop_oneof![
        6 => returned,
        2 => (MIRROR..=METHOD, proptest::collection::vec(any::<u8>(), 1..64)),
        1 => (Just(ALLOCATE_AT), words()),
        1 => (Just(USAGE), words()),
    ];
    (request, text(), text(), fields).prop_map(|((action, body), method, path, headers)| Sent {
        action,
        method,
        path,
        headers,
        body,
    })
}

#[test]
fn whatever_a_guest_returns_both_ways_give_the_same() {
    let cases = std::env::var("ARENARIA_CALLS").unwrap_or("256".to_owned());
    let cases = cases.parse().expect("it is a number");
    let both = Both::new();
    let (mut answered, mut failed) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let counted = std::cell::RefCell::new((&mut answered, &mut failed));
    let result = runner.run(&proptest::collection::vec(sent(), 1..12), |requests| {
        let mut shown = String::new();
        for request in &requests {
            let _ = write!(shown, "{request:?}; ");
            let [core, component] = both.send(request);
            let mut counted = counted.borrow_mut();
            *match core.starts_with("Response") {
                true => &mut *counted.0,
                false => &mut *counted.1,
            } += 1;
            prop_assert_eq!(core, component, "{}", shown);
            let [core, component] = both.usages();
            prop_assert_eq!(core, component, "usage after {}", shown);
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(answered > 200 && failed > 200, "{answered} answered, {failed} failed");
}
