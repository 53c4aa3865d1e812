//! A processor with a libc (`wasi-probe`, built for `wasm32-wasip2`): Rust code allocates in the arena, the libc in a
//! heap of its own, and each block is freed where it was allocated.
//!
//! `serve` gives a processor nothing of the system. So what a host can give is tested with a host of this file's own.

use tempfile::TempDir;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

use world::exports::arenaria::processor::{handler::Request, memory::ArenaUsage};

use crate::config::Config;
use crate::harness::{Server, component};

mod world {
    #![allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated")]
    wasmtime::component::bindgen!({ path: "../wit/processor", world: "processor" });
}

/// The arena's own bytes: `phase_arena`'s default for this target.
const ARENA_BYTES: u64 = 8 << 20;

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// An instance, with a host that gives it much.
struct Guest {
    store: Store<Host>,
    exports: world::Processor,
    printed: [MemoryOutputPipe; 2],
    _folder: TempDir,
}

impl Guest {
    /// Starts an instance with as many variables, arguments and files.
    fn start(count: usize) -> Self {
        let printed = [(); 2].map(|()| MemoryOutputPipe::new(1 << 20));
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let mut wasi = WasiCtx::builder();
        for number in 0..count {
            wasi.env(format!("NAME{number:03}"), "v".repeat(number))
                .arg(format!("argument{number:03}"));
            let file = folder.path().join(format!("file{number:03}"));
            std::fs::write(file, "t".repeat(100 * number)).expect("the folder is ours");
        }
        wasi.stdout(printed[0].clone()).stderr(printed[1].clone());
        let opened = wasi.preopened_dir(folder.path(), "/data", FsPerms::ReadOnly);
        opened.expect("the folder is there");
        let host = Host { wasi: wasi.build(), table: ResourceTable::new() };

        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).expect("each name is new");
        let component = Component::from_file(&engine, component("wasi-probe"));
        let mut store = Store::new(&engine, host);
        let exports = world::Processor::instantiate(
            &mut store,
            &component.expect("it is a component"),
            &linker,
        );
        let exports = exports.expect("it imports only WASI");
        let configured = exports.arenaria_processor_lifecycle().call_configure(&mut store, &[]);
        configured.expect("no trap").expect("no settings are sound ones");
        Self { store, exports, printed, _folder: folder }
    }

    #[track_caller]
    fn post(&mut self, path_with_query: &str, body: &str) -> String {
        let request = Request {
            method: "POST".to_owned(),
            path_with_query: path_with_query.to_owned(),
            headers: vec![("x-name".to_owned(), "value".to_owned())],
            body: body.as_bytes().to_vec(),
            received_at: 0,
        };
        let handler = self.exports.arenaria_processor_handler();
        let response = handler.call_handle(&mut self.store, &request).expect(path_with_query);
        let text = String::from_utf8(response.body).expect("it answers with text");
        assert!(
            matches!(response.status, 200 | 204),
            "{path_with_query}: {} {text}",
            response.status
        );
        text
    }

    fn usage(&mut self) -> ArenaUsage {
        let memory = self.exports.arenaria_processor_memory();
        memory.call_usage(&mut self.store).expect("no trap")
    }

    /// After a request nothing of it is left in the arena.
    #[track_caller]
    fn check_empty(&mut self) {
        let usage = self.usage();
        assert_eq!((usage.capacity, usage.in_use, usage.sealed), (ARENA_BYTES, 0, 0), "{usage:?}");
        assert!(usage.persistent > 0 && usage.resets > 0, "{usage:?}");
    }
}

/// As many lines, made of their numbers.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

#[test]
fn what_the_libc_gets_from_the_host_is_freed_by_the_libc() {
    let count = 100;
    let mut guest = Guest::start(count);
    for round in 0..20 {
        let environment = lines(count, |number| format!("NAME{number:03}={}", "v".repeat(number)));
        assert_eq!(guest.post("/environment", ""), environment);
        assert_eq!(
            guest.post("/arguments", ""),
            lines(count, |number| format!("argument{number:03}"))
        );
        let files = lines(count, |number| format!("file{number:03}: {}", "t".repeat(100 * number)));
        assert_eq!(guest.post("/folder?path=/data", ""), files);
        let random = guest.post("/random", "");
        assert_eq!(random.split_whitespace().count(), 101, "{random}");
        assert!(random.starts_with("328350 "), "{random}");
        guest.post("/print", &format!("round {round}"));
        let churned = guest.post(&format!("/churn?seed={round}&steps=5000"), "");
        assert!(churned.starts_with("arena ") && churned.contains(" libc "), "{churned}");
        guest.check_empty();
    }
    let rounds = lines(20, |round| format!("round {round}"));
    for pipe in &guest.printed {
        assert_eq!(pipe.contents(), rounds.as_bytes());
    }
}

#[test]
fn what_rust_code_gets_from_the_host_grows_and_is_freed_in_the_libcs_heap() {
    let mut guest = Guest::start(10);
    for _ in 0..1000 {
        assert_eq!(guest.post("/imports", ""), "10 2000 0\n");
    }
    guest.check_empty();
}

#[test]
fn arguments_of_exports_come_into_the_arena() {
    let mut guest = Guest::start(0);
    let body = "b".repeat(1 << 20);
    for _ in 0..20 {
        assert_eq!(guest.post("/echo", &body), body);
    }
    guest.check_empty();
    let usage = guest.usage();
    assert!((2 << 20..3 << 20).contains(&usage.request_high_water), "{usage:?}");
}

/// The arena is exhausted; the libc's heap does not help out.
#[test]
fn an_exhausted_arena_is_answered_with_507() {
    let config = Config::of("wasi-probe").limit("memory", "32MiB").limit("request-body", "16MiB");
    let server = Server::start(&config);
    server.post("/echo", "still here").check(200, "still here");
    let response = server.post("/echo", vec![b'x'; 9 << 20]);
    response.check_problem(507, "memory");
    server.post("/echo", "still here").check(200, "still here");
}

#[test]
fn it_is_served_like_any_processor() {
    let server = Server::start(&Config::of("wasi-probe").limit("memory", "32MiB"));
    for path in ["/environment", "/arguments"] {
        server.get(path).check(200, "");
    }
    assert_eq!(server.get("/folder").status, 422, "no folder is opened");
    server.get("/churn?steps=5000").check(200, server.get("/churn?steps=5000").text());
    let metrics = server.metrics();
    assert_eq!(
        metrics.sum("arenaria_arena_capacity_bytes", &[]),
        ARENA_BYTES as f64,
        "{metrics:?}"
    );
}
