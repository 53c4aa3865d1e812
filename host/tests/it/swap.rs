//! Components that are replaced while their server runs. `arenaria dev` does it when the file of a component changes,
//! or the keys of its route.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::{Server, arenaria, component, processor, until_built};
use crate::load::Load;

const HELLO: &str = "hello, world\n";

/// A folder with a configuration and a component, and the server that watches both.
struct Watched {
    server: Server,
    folder: PathBuf,
}

impl Watched {
    /// One route, `/`, to a copy of this component. The keys of the route follow.
    #[track_caller]
    pub(crate) fn start(name: &str, keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let path = folder.path().to_owned();
        put(&path, "a.wasm", &std::fs::read(component(name)).expect("it exists"));
        put(&path, "arenaria.toml", toml(keys).as_bytes());
        let mut command = arenaria(&["dev"]);
        command.current_dir(&path);
        let watched = Self { server: Server::start_command(command, folder), folder: path };
        watched.until_printed("serving /\n", 1);
        watched
    }

    /// Waits until this was printed so often.
    #[track_caller]
    fn until_printed(&self, text: &str, count: usize) {
        // A component may have to be compiled.
        until_built(&format!("{text:?} is printed {count} times"), || {
            (self.printed(text) >= count).then_some(())
        });
    }

    fn printed(&self, text: &str) -> usize {
        self.server.printed().matches(text).count()
    }

    /// Writes a file, and waits until what it changes serves.
    #[track_caller]
    fn replace(&self, file: &str, bytes: &[u8]) {
        let before = self.printed("serving /\n");
        put(&self.folder, file, bytes);
        self.until_printed("serving /\n", before + 1);
    }

    #[track_caller]
    fn replace_component(&self, name: &str) {
        self.replace("a.wasm", &std::fs::read(component(name)).expect("it exists"));
    }

    #[track_caller]
    fn replace_keys(&self, keys: &str) {
        self.replace("arenaria.toml", toml(keys).as_bytes());
    }

    /// Writes a file that cannot serve. Returns what is said of it.
    #[track_caller]
    fn break_with(&self, file: &str, bytes: &[u8]) -> String {
        let before = self.printed("failed: ");
        put(&self.folder, file, bytes);
        self.until_printed("failed: ", before + 1);
        let printed = self.server.printed();
        let failed = printed.lines().rev().find_map(|line| line.strip_prefix("failed: "));
        failed.expect("it was just printed").to_owned()
    }

    /// The operator's page about the build.
    #[track_caller]
    fn build(&self) -> crate::client::Response {
        Connection::open(self.server.operator()).exchange(&Request::get("/build"))
    }
}

/// Replaces a file in one step, as build tools do.
fn put(folder: &Path, file: &str, bytes: &[u8]) {
    let new = folder.join(format!("{file}.new"));
    std::fs::write(&new, bytes).expect("the folder is ours");
    std::fs::rename(new, folder.join(file)).expect("the folder is ours");
}

/// A configuration of two workers with three slots each.
fn toml(keys: &str) -> String {
    let server = Config::empty().with("workers", 2).with("slots", 3).to_toml();
    format!("{server}\n[[route]]\npath = \"/\"\ncomponent = \"a.wasm\"\n{keys}\n")
}

/// The instances of all slots of such a server.
const INSTANCES: f64 = 6.0;

/// An echo from the probe, and a greeting from all others.
fn echo() -> Request {
    Request::post("/echo", "an echo")
}

#[test]
fn no_request_is_lost_while_components_are_replaced() {
    let watched = Watched::start("hello", "");
    let reserved = watched.server.virtual_bytes();
    let load = Load::start(watched.server.address, &echo());
    for round in 0..3 {
        load.until_more(50);
        watched.replace_component("probe");
        watched.server.exchange(&echo()).check(200, "an echo");
        load.until_more(50);
        watched.replace_keys(&format!("[route.limits]\nmemory = \"{}MiB\"", 6 + round));
        let capacities = watched.server.metrics().values("arenaria_arena_capacity_bytes", &[]);
        let least = f64::from((5 + round) << 20);
        assert!(capacities.iter().all(|capacity| *capacity > least), "{capacities:?}");
        watched.replace_component("hello");
        watched.server.exchange(&echo()).check(200, HELLO);
    }
    let answered = load.end() as f64;
    let metrics = watched.server.until("replaced instances have ended", |metrics| {
        metrics.retired("replaced") == 9.0 * INSTANCES
            && metrics.sum("arenaria_slots", &[("state", "idle")]) == INSTANCES
    });
    assert_eq!(metrics.sum("arenaria_slots", &[]), INSTANCES);
    let others = 6.0;
    assert_eq!(metrics.sum("arenaria_requests_total", &[("status", "200")]), answered + others);
    assert_eq!(metrics.sum("arenaria_requests_total", &[]), answered + others);
    assert_eq!(metrics.sum("arenaria_retirements_total", &[]), 9.0 * INSTANCES);
    // Each component had a pool of its own. It ends with it.
    let now = watched.server.virtual_bytes();
    assert!(now < reserved + reserved / 2, "{reserved} bytes of address space became {now}");
}

/// What every component of the next test takes.
const DOCUMENT: &str = r#"{"action":"sand"}"#;

#[test]
fn a_processor_becomes_a_component_of_another_world_or_engine_and_back() {
    let watched = Watched::start("hello", "");
    let load = Load::start(watched.server.address, &Request::post("/", DOCUMENT));
    for (queue, name, isolation, answer) in [
        (20, "peer-p2", "fresh", "action"),
        (21, "peer-p3", "reuse", "action"),
        (22, "hello", "fresh", "hello"),
        (23, "collector", "reuse", "action 1\nsand 1"),
        (24, "hello", "reuse", "hello"),
    ] {
        watched.replace_component(name);
        let limits = format!("[route.limits]\nqueue-length = {queue}");
        watched.replace_keys(&format!("isolation = {isolation:?}\n{limits}"));
        let response = watched.server.post("/", DOCUMENT);
        assert!(response.status == 200 && response.text().contains(answer), "{name}: {response:?}");
        load.until_more(20);
    }
    load.end();
    watched.server.until("only the last component is left", |metrics| {
        metrics.sum("arenaria_slots", &[]) == INSTANCES
            && metrics.sum("arenaria_linear_memory_bytes", &[]) == INSTANCES * f64::from(4 << 20)
            && metrics.sum("arenaria_gc_heap_bytes", &[]) == 0.0
    });
}

#[test]
fn a_server_stays_ready_while_components_are_replaced() {
    let watched = Watched::start("hello", "");
    let load = Load::start(watched.server.operator(), &Request::get("/readyz"));
    for _ in 0..3 {
        watched.replace_component("probe");
        watched.replace_component("hello");
    }
    load.end();
}

#[test]
fn a_component_that_cannot_serve_leaves_the_old_one() {
    let watched = Watched::start("hello", "");
    watched.build().check(200, "the newest sources serve\n");
    let load = Load::start(watched.server.address, &echo());
    let good = toml("");
    let bad_settings = toml("[route.settings]\nconfigure = \"error\"");
    let too_large = toml("slots = 1024\n[route.limits]\nmemory = \"3GiB\"");
    let bad_isolation = toml("isolation = \"none\"");
    let of_probe = std::fs::read(component("probe")).expect("it exists");
    let looping = processor(include_str!("growing.wat"));
    let mut endless = looping.clone();
    endless.truncate(looping.len() / 2);
    for (file, bytes, parts) in [
        ("a.wasm", b"no component".as_slice(), ["cannot serve", "a.wasm"]),
        ("a.wasm", &endless, ["cannot serve", "a.wasm"]),
        ("arenaria.toml", too_large.as_bytes(), ["1024 slots + 1 spare", "lower memory"]),
        (
            "arenaria.toml",
            bad_isolation.as_bytes(),
            ["arenaria.toml, line", "expected `reuse` or `fresh`"],
        ),
    ] {
        let failed = watched.break_with(file, bytes);
        assert!(parts.iter().all(|part| failed.contains(part)), "{failed}");
        let problem = watched.build().check_problem(503, "not-built");
        assert_eq!(problem["detail"], failed, "{problem}");
        load.until_more(10);
        // The same as before: it serves already.
        let before = watched.printed("nothing has changed");
        put(&watched.folder, "arenaria.toml", good.as_bytes());
        put(&watched.folder, "a.wasm", &std::fs::read(component("hello")).expect("it exists"));
        watched.until_printed("nothing has changed", before + 1);
        watched.build().check(200, "the newest sources serve\n");
    }
    // Its settings are refused only when its instances are warmed, by each worker.
    put(&watched.folder, "arenaria.toml", bad_settings.as_bytes());
    let failed = watched.break_with("a.wasm", &of_probe);
    assert!(failed.contains("route \"/\" cannot start: configure was told to fail"), "{failed}");
    watched.server.exchange(&echo()).check(200, HELLO);
    watched.replace_keys("[route.settings]\ngreeting = \"good\"");
    watched.server.get("/greeting").check(200, "good\n");
    load.end();
    watched.server.until("only the last component is left", |metrics| {
        metrics.sum("arenaria_linear_memory_bytes", &[]) == INSTANCES * f64::from(4 << 20)
    });
}

#[test]
fn what_needs_a_restart_is_said() {
    let watched = Watched::start("hello", "");
    let other_server = toml("").replace("workers = 2", "workers = 1");
    put(&watched.folder, "arenaria.toml", other_server.as_bytes());
    watched
        .until_printed("note: expected workers = 2 as at the start, got workers = 1; restart", 1);
    watched.server.get("/").check(200, HELLO);
    let outgoing = toml("grants = [\"outgoing-http:localhost\"]");
    let failed = watched.break_with("arenaria.toml", outgoing.as_bytes());
    assert!(failed.contains("at most 0 concurrent outgoing requests"), "{failed}");
    watched.server.get("/").check(200, HELLO);
}

#[test]
fn a_route_gets_another_path() {
    let watched = Watched::start("hello", "");
    let other_path = toml("").replace("path = \"/\"", "path = \"/a\"");
    put(&watched.folder, "arenaria.toml", other_path.as_bytes());
    watched.until_printed("removed /\nserving /a\n", 1);
    watched.server.get("/").check_problem(404, "no-route");
    watched.server.get("/a").check(200, HELLO);
}

#[test]
fn a_stream_of_records_ends_with_the_component_with_which_it_began() {
    let watched = Watched::start("probe", "records = true");
    let mut stream = watched.server.connect();
    stream.send(
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    stream.send("2\r\n1\n\r\n");
    watched.server.until("the stream has begun", |metrics| {
        metrics.sum("arenaria_requests_total", &[("status", "200")]) == 1.0
    });
    watched.replace_component("hello");
    watched.server.exchange(&echo()).check(200, HELLO);
    // The stream needs one of the instances of its worker, and the others end before it.
    let others = watched
        .server
        .until("other instances end", |metrics| metrics.retired("replaced") >= INSTANCES - 2.0);
    assert!(others.retired("replaced") < INSTANCES, "{others:?}");
    stream.send("2\r\n2\n\r\n");
    watched.replace_component("probe");
    stream.send("2\r\n3\n\r\n");
    stream.send("0\r\n\r\n");
    stream.response().check(200, "1\n2\n3\n");
    watched.server.until("all replaced instances end", |metrics| {
        metrics.retired("replaced") == 2.0 * INSTANCES
            && metrics.sum("arenaria_slots", &[]) == INSTANCES
    });
}

#[test]
fn a_request_in_progress_is_answered_by_the_component_with_which_it_began() {
    let watched = Watched::start("probe", "");
    let mut slow = watched.server.connect();
    slow.send(
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    );
    // The server asks for the body once it knows the route.
    let mut go_on = [0; 25];
    slow.stream().read_exact(&mut go_on).expect("the server answers");
    assert_eq!(go_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut looping = watched.server.connect();
    looping.send(Request::get("/spin?iterations=100000000").bytes());
    watched.server.until_busy(1.0);
    watched.replace_component("hello");
    watched.server.exchange(&echo()).check(200, HELLO);
    slow.send("abcd");
    slow.response().check(200, "abcd");
    assert_eq!(looping.response().status, 200);
    watched.server.until("all replaced instances end", |metrics| {
        metrics.retired("replaced") == INSTANCES && metrics.sum("arenaria_slots", &[]) == INSTANCES
    });
}

#[test]
fn each_request_is_printed() {
    let watched = Watched::start("probe", "");
    watched.server.exchange(&echo()).check(200, "an echo");
    watched.until_printed("POST /echo 200 ", 1);
    let printed = watched.server.printed();
    let line = printed.lines().find(|line| line.starts_with("POST /echo 200 ")).expect("printed");
    assert!(line.ends_with("KiB") && line.contains("ms "), "{line}");
    watched.server.get("/trap?a=%1b").check_problem(500, "trap");
    watched.until_printed("GET /trap?a=%1b 500 ", 1);
    watched.server.get("/nowhere");
    watched.until_printed("GET /nowhere 404 ", 1);
}
