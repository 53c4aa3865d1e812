//! Invalid input at the start. One sentence names the file or key, the value and the remedy. The
//! exit code is 2 for an invalid command line and 1 for everything else. Nothing is left half
//! started.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};

use crate::config::Config;
use crate::harness::{Finished, Server, arenaria, component, finished, processor};

fn folder() -> TempDir {
    tempfile::tempdir().expect("the system has room for a folder")
}

/// Starts a server with this configuration file, which must fail.
#[track_caller]
fn start(folder: &TempDir, config: &str) -> Finished {
    let file = folder.path().join("arenaria.toml");
    std::fs::write(&file, config).expect("the folder is ours");
    finished(&mut arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]))
}

/// Asserts that a command ended with one sentence that contains all these parts.
#[track_caller]
fn check_sentence(ended: &Finished, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "", "something was printed: {ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [sentence] = lines.as_slice() else { panic!("not one sentence: {}", ended.stderr) };
    for part in parts {
        assert!(sentence.contains(part), "no {part:?} in {sentence:?}");
    }
    assert!(!sentence.contains("panicked"), "{sentence}");
}

#[track_caller]
fn check_config(config: &str, parts: &[&str]) {
    check_sentence(&start(&folder(), config), parts);
}

/// Starts a server with this file as the component of the only route, which must fail.
#[track_caller]
fn check_component(bytes: Option<&[u8]>, parts: &[&str]) {
    let folder = folder();
    let file = folder.path().join("subject.wasm");
    if let Some(bytes) = bytes {
        std::fs::write(&file, bytes).expect("the folder is ours");
    }
    let name = file.display().to_string();
    let parts: Vec<&str> = parts.iter().copied().chain([name.as_str()]).collect();
    let listeners = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
    let served = arenaria(&[&["serve", &name], &listeners[..]].concat());
    check_sentence(&finished(&mut { served }), &parts);
    let inspected = finished(&mut arenaria(&["inspect", &name]));
    if bytes.is_none() {
        check_sentence(&inspected, &parts);
    }
}

#[test]
fn a_component_that_is_missing() {
    check_component(None, &["No such file"]);
}

#[test]
fn a_component_that_is_a_folder() {
    let folder = folder();
    let name = folder.path().display().to_string();
    check_sentence(&finished(&mut arenaria(&["serve", &name])), &[&name]);
}

#[test]
fn a_component_that_is_broken() {
    let hello = std::fs::read(component("hello")).expect("it exists");
    check_component(Some(b""), &["component"]);
    check_component(Some(b"<html>"), &["component"]);
    check_component(Some(&hello[..hello.len() / 2]), &["component"]);
    check_component(Some(&hello[..hello.len() - 1]), &["component"]);
    let mut scrambled = hello;
    let middle = scrambled.len() / 2;
    scrambled[middle..middle + 64].fill(0xff);
    check_component(Some(&scrambled), &[]);
}

#[test]
fn a_core_module_instead_of_a_component() {
    check_component(Some(b"\0asm\x01\0\0\0"), &["core module"]);
}

#[test]
fn a_component_of_another_world() {
    check_component(Some(b"\0asm\x0d\0\x01\0"), &["arenaria:processor/handler"]);
}

#[test]
fn a_component_that_wants_something() {
    use wasm_encoder::{Component, ComponentImportSection, ComponentTypeRef, ComponentTypeSection};
    let mut types = ComponentTypeSection::new();
    let none: [(&str, wasm_encoder::ComponentValType); 0] = [];
    types.function().params(none).result(None);
    let mut imports = ComponentImportSection::new();
    imports.import("open-the-door", ComponentTypeRef::Func(0));
    let mut wanting = Component::new();
    wanting.section(&types).section(&imports);
    check_component(Some(&wanting.finish()), &["open-the-door"]);
}

/// Changes the declared memories of a component.
struct Remember<F>(F);

impl<F: Fn(&mut wasm_encoder::MemoryType)> Reencode for Remember<F> {
    type Error = std::convert::Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut wasm_encoder::MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for memory in section {
            let mut memory = reencode::utils::memory_type(self, memory?);
            (self.0)(&mut memory);
            memories.memory(memory);
        }
        Ok(())
    }
}

impl<F: Fn(&mut wasm_encoder::MemoryType)> ReencodeComponent for Remember<F> {}

#[track_caller]
fn hello_with(change: impl Fn(&mut wasm_encoder::MemoryType)) -> Vec<u8> {
    let hello = std::fs::read(component("hello")).expect("it exists");
    let mut changed = wasm_encoder::Component::new();
    let parser = wasmparser::Parser::new(0);
    let result = Remember(change).parse_component(&mut changed, parser, &hello);
    result.expect("the component is sound");
    changed.finish()
}

#[test]
fn a_component_with_no_bound() {
    let wide = hello_with(|memory| memory.memory64 = true);
    check_component(Some(&wide), &["limited", "64-bit"]);
    let shared = hello_with(|memory| memory.shared = true);
    check_component(Some(&shared), &["limited", "shared"]);
    // The memory of a second module counts, although the module is never instantiated.
    let mut module = wasm_encoder::Module::new();
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    module.section(&memories);
    let mut second = std::fs::read(component("hello")).expect("it exists");
    let module = module.finish();
    second.push(1);
    second.push(u8::try_from(module.len()).expect("a tiny module"));
    second.extend_from_slice(&module);
    check_component(Some(&second), &["16448KiB", "raise memory"]);
}

#[test]
fn a_growable_component_is_given_the_operators_maximum() {
    let folder = folder();
    // One without `memory.grow` would get all of the memory at once.
    let growable = processor(
        r#"(core module $guest (memory (export "memory") 32)
         (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
         (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
            (drop (memory.grow (i32.const 32)))
            (i32.store16 (i32.const 0) (i32.const 200))
            (i32.store (i32.const 12) (i32.const 1024))
            (i32.store (i32.const 16) (memory.size))
            (i32.const 0))
         (func (export "configure") (param i32 i32) (result i32) (i32.const 512))
         (func (export "usage") (result i32) (i32.const 512)))"#,
    );
    let file = folder.path().join("growable.wasm");
    std::fs::write(&file, growable).expect("the folder is ours");
    let name = file.display().to_string();
    let serve = |memory: &str| {
        let listeners = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"];
        let rest = ["--memory", memory, "--workers", "1", "--slots", "1"];
        arenaria(&[&["serve", &name], &listeners[..], &rest[..]].concat())
    };
    check_sentence(&finished(&mut serve("1MiB")), &[&name, "1MiB", "2MiB", "memory"]);
    let server = Server::start_command(serve("4MiB"), folder);
    assert_eq!(server.get("/").body.len(), 64, "it may grow to 4 MiB");
    assert_eq!(server.get("/").body.len(), 64, "and no further");
}

#[test]
fn a_memory_too_small_for_the_component() {
    for memory in ["64KiB", "512KiB"] {
        let config = Config::probe().limit("memory", memory).to_toml();
        check_config(&config, &["probe.wasm", "memory", memory]);
    }
}

#[test]
fn a_bad_program_in_the_settings() {
    let config = Config::program(".a | nosuchfunction").to_toml();
    check_config(&config, &["route \"/\"", "program", "nosuchfunction"]);
    let config = Config::program("{a").to_toml();
    check_config(&config, &["route \"/\"", "program"]);
    let config = Config::of("transform").to_toml();
    check_config(&config, &["route \"/\"", "program", "ad-hoc"]);
    let config = Config::ad_hoc().setting("prgram", ".").to_toml();
    check_config(&config, &["route \"/\"", "prgram"]);
    let config = Config::ad_hoc().setting("depth-max", "deep").to_toml();
    check_config(&config, &["route \"/\"", "depth-max", "deep"]);
}

#[test]
fn an_unknown_key_in_the_configuration() {
    let good = Config::probe;
    check_config(&good().with("worker", 2).to_toml(), &["arenaria.toml", "worker"]);
    check_config(&good().limit("memmory", "1MiB").to_toml(), &["arenaria.toml", "memmory"]);
    check_config(
        &good().route_key("isolatoin", "reuse").to_toml(),
        &["arenaria.toml", "isolatoin"],
    );
    let limit = good().route_limit("guest-tme", "1s").to_toml();
    check_config(&limit, &["arenaria.toml", "guest-tme"]);
    check_config(&good().with("server", 1).to_toml(), &["arenaria.toml", "server"]);
}

#[test]
fn a_configuration_that_does_not_end() {
    let ended = finished(&mut arenaria(&["serve", "--config", "/dev/zero"]));
    check_sentence(&ended, &["/dev/zero", "expected at most 4MiB"]);
}

#[test]
fn a_value_in_the_configuration_that_makes_no_sense() {
    let good = Config::probe;
    let untrusted = || good().route_key("trusted", false);
    for (config, parts) in [
        (good().with("workers", 0), ["workers", "0"]),
        (good().with("workers", -1), ["arenaria.toml", "-1"]),
        (good().with("slots", 0), ["slots", "0"]),
        (good().with("slots", 1_000_000), ["slots", "1000000"]),
        (good().with("listen", "localhost"), ["listen", "localhost"]),
        (good().with("listen", "127.0.0.1:70000"), ["listen", "127.0.0.1:70000"]),
        (good().with("operator-listen", "on"), ["operator-listen", "on"]),
        (good().limit("memory", "12 bananas"), ["arenaria.toml", "12 bananas"]),
        (good().limit("memory", "0"), ["memory", "0"]),
        (good().limit("memory", "100KiB"), ["memory", "100KiB"]),
        (good().limit("memory", "5GiB"), ["memory", "5GiB"]),
        (good().limit("guest-time", "0s"), ["guest-time", "0s"]),
        (good().limit("guest-time", "soon"), ["arenaria.toml", "soon"]),
        (good().limit("connections", 0), ["connections", "0"]),
        (good().limit("request-headers", 0), ["request-headers", "0"]),
        (good().limit("requests-per-instance", 0), ["requests-per-instance", "0"]),
        (good().route_key("isolation", "maybe"), ["arenaria.toml", "maybe"]),
        (untrusted().route_key("isolation", "reuse"), ["trusted = false", "isolation"]),
        (untrusted().route_key("keep-pages", true), ["keep-pages = true", "trusted = false"]),
        (good().route_key("keep-pages", true), ["keep-pages = true", "isolation = \"fresh\""]),
        (good().route_key("grants", vec!["files"]), ["grant", "files"]),
        (good().route_key("grants", vec!["outgoing-http:"]), ["outgoing-http:", "api.example.com"]),
        (good().limit("request-time", "0s"), ["request-time", "0s"]),
        (good().route("/", "hello"), ["path", "/"]),
        (good().route("a", "hello"), ["path", "a"]),
        (good().route("/a/", "hello"), ["path", "/a/"]),
        (good().route("/a?b", "hello"), ["path", "/a?b"]),
        (good().route("", "hello"), ["path", "\"\""]),
        (good().route_limit("connections", 5), ["connections", "[limits]"]),
        (good().route("/a b", "hello"), ["path", "/a%20b"]),
        (good().route("/ü", "hello"), ["path", "/%C3%BC"]),
        (good().route("/x/../y", "hello"), ["path", "/x/../y"]),
        (good().route("/a\nb", "hello"), ["path", "/a%0Ab"]),
        (
            good().route_key("grants", vec!["outgoing-http:*"]),
            ["outgoing-http:*", "a host such as"],
        ),
        (good().with("listen", "[::1]:9").with("operator-listen", "[::1]:9"), ["[::1]:9", "both"]),
        (good().limit("request-body", "5MiB"), ["request-body = 5MiB", "memory = 4MiB"]),
        (good().limit("guest-time", "1ns"), ["guest-time", "1ns"]),
        (good().limit("memory", -1), ["expected a size such as 16MiB", "got -1"]),
        (good().limit("memory", 1.5), ["arenaria.toml", "expected a size such as"]),
        (good().limit("guest-time", true), ["arenaria.toml", "expected a time such as"]),
        (Config::empty(), ["route", "nothing"]),
    ] {
        check_config(&config.to_toml(), &parts);
    }
    let names = toml::Value::from(vec!["bad name"]);
    check_config(&good().route_key("forward-headers", names).to_toml(), &["bad name"]);
}

#[test]
fn a_configuration_that_is_none() {
    check_config("listen = ", &["arenaria.toml", "line 1"]);
    check_config("[[route]]\npath = \"/\"\n", &["arenaria.toml", "component"]);
    check_config("\u{0}", &["arenaria.toml"]);
    let missing = finished(&mut arenaria(&["serve", "--config", "no-such-file.toml"]));
    check_sentence(&missing, &["no-such-file.toml"]);
    let binary = folder();
    let file = binary.path().join("binary.toml");
    std::fs::write(&file, b"\xff\xfe").expect("the folder is ours");
    let name = file.display().to_string();
    check_sentence(&finished(&mut arenaria(&["serve", "--config", &name])), &["binary.toml"]);
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    check_config(
        &Config::probe().with("listen", address.as_str()).to_toml(),
        &["listen", &address],
    );
    let operator = Config::probe().with("operator-listen", address.as_str()).to_toml();
    check_config(&operator, &["operator-listen", &address]);
}

#[test]
fn a_port_in_use_by_another_server_of_the_same_kind() {
    let first = Server::start(&Config::probe().with("workers", 2));
    let address = first.address.to_string();
    let second = Config::probe().with("listen", address.as_str()).with("workers", 2);
    check_config(&second.to_toml(), &["listen", &address]);
    let operator = first.operator().to_string();
    let second = Config::probe().with("operator-listen", operator.as_str());
    check_config(&second.to_toml(), &["operator-listen", &operator]);
    first.check_alive();
}

#[test]
fn memory_settings_that_do_not_fit_the_machine() {
    let config = Config::probe().with("slots", 1000).with("workers", 8).limit("memory", "4GiB");
    check_config(&config.to_toml(), &["memory", "slots", "workers", "8"]);
    let config = Config::probe().limit("host-memory", "100TiB");
    check_config(&config.to_toml(), &["host-memory"]);
}

#[track_caller]
fn check_usage(arguments: &[&str], parts: &[&str]) {
    let ended = finished(&mut arenaria(arguments));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stdout, "");
    for part in parts {
        assert!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
    }
}

#[test]
fn a_wrong_command_line() {
    check_usage(&[], &["Usage"]);
    check_usage(&["server"], &["server"]);
    check_usage(&["serve", "a.wasm", "--wrokers", "2"], &["--wrokers"]);
    check_usage(&["serve", "a.wasm", "--workers", "two"], &["two", "--workers"]);
    check_usage(&["serve", "a.wasm", "--memory", "12 bananas"], &["12 bananas", "--memory"]);
    check_usage(&["serve", "a.wasm", "--guest-time", "soon"], &["soon", "--guest-time"]);
    check_usage(&["serve", "a.wasm", "--isolation", "maybe"], &["maybe", "--isolation"]);
    check_usage(&["serve", "a.wasm", "--set", "novalue"], &["novalue", "--set"]);
    check_usage(&["serve", "a.wasm", "b.wasm"], &["b.wasm"]);
    check_usage(&["inspect"], &["Usage"]);
    check_usage(&["call"], &["Usage"]);
    check_usage(&["call", "a.wasm", "--header", "nocolon"], &["nocolon", "--header"]);
}

#[test]
fn a_compiled_component_that_is_stale_or_foreign_is_not_trusted() {
    let cache = folder();
    let kept = cache.path().display().to_string();
    let hello = component("hello").display().to_string();
    let mut arguments = vec!["serve", &hello, "--cache", &kept, "--listen", "127.0.0.1:0"];
    arguments.extend(["--operator-listen", "off", "--workers", "1", "--slots", "1"]);
    let check = || {
        let server = Server::start_command(arenaria(&arguments), folder());
        server.get("/").check(200, "hello, world\n");
    };
    check();
    let mut files = Vec::new();
    files_below(cache.path(), &mut files);
    assert!(!files.is_empty(), "the cache is empty: the next start would compile again");
    for damage in [&b""[..], b"not compiled by anybody", &[0xff; 5000]] {
        for file in &files {
            std::fs::write(file, damage).expect("the folder is ours");
        }
        check();
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}
