//! Compiled components that are not what a route needs, or not for this binary and this machine, are refused by name before
//! any of their code is loaded.

use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::compiled::{Folder, greeting};
use crate::config::Config;
use crate::harness::{Server, arenaria, component, finished};

/// Where the parts of a file begin.
const VERSION: usize = 8;
const LENGTHS: usize = 12;
const SUM: usize = 24;
const HEADER: usize = 56;

/// The same file with another header.
fn with_header(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let length = u32::from_le_bytes(file[LENGTHS..][..4].try_into().expect("four bytes")) as usize;
    let (header, code) = file[HEADER..].split_at(length);
    let mut header: Value = serde_json::from_slice(header).expect("it is JSON");
    change(&mut header);
    let header = serde_json::to_vec(&header).expect("it is JSON");
    let length = u32::try_from(header.len()).expect("it is short").to_le_bytes();
    let sum = Sha256::new().chain_update(&header).chain_update(code).finalize();
    [&file[..LENGTHS], &length, &file[LENGTHS + 4..SUM], &sum, &header, code].concat()
}

/// The code in a file, as wasmtime has made it.
fn code(file: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(file[LENGTHS..][..4].try_into().expect("four bytes")) as usize;
    &file[HEADER + length..]
}

#[test]
fn what_differs_is_refused_by_name() {
    let config = greeting("fresh", "hello");
    let folder = Folder::new(&config);
    folder.compile();
    let refused = |config: &Config, parts: &[&str]| {
        folder.configure(config);
        let again = "change it back, compile it again (arenaria compile), or remove compiled";
        folder.check_refused(&[&[again], parts].concat());
    };
    refused(
        &greeting("fresh", "hello").route_limit("memory", "2MiB"),
        &["cannot load probe.cwasm", "with memory = 4MiB, got memory = 2MiB on route \"/\""],
    );
    refused(&greeting("reuse", "hello"), &["with isolation = fresh, got isolation = reuse"]);
    refused(
        &greeting("fresh", "bye"),
        &["compiled with another setting greeting than route \"/\" has"],
    );
    refused(
        &greeting("fresh", "hello").setting("arena-scrub", "true"),
        &["compiled with another setting arena-scrub than route \"/\" has"],
    );
    // The message goes to the log, and to whoever asks for a reload.
    folder.configure(&greeting("fresh", "value-9e2c"));
    let values = folder.run(&["serve"]).stderr;
    assert!(!values.contains("value-9e2c") && !values.contains("hello"), "{values}");
    folder.put("secret.txt", "a-secret-71d0");
    folder.configure(&greeting("fresh", "${file:secret.txt}"));
    let secret = folder.run(&["serve"]).stderr;
    assert!(secret.contains("another setting greeting"), "{secret}");
    assert!(!secret.contains("a-secret-71d0"), "{secret}");
    // Another component beside it.
    folder.put("other.wasm", std::fs::read(component("hello")).expect("it exists"));
    folder.configure(&greeting("fresh", "hello").route_key("component", "other.wasm"));
    folder.check_refused(&["probe.cwasm: it was compiled of another other.wasm than the one"]);
    // Whether it is there cannot be told.
    let config = greeting("fresh", "hello").route_key("component", "arenaria.toml/other.wasm");
    folder.configure(&config);
    folder.check_refused(&[
        "cannot tell whether the component arenaria.toml/other.wasm is there: Not a directory",
    ]);
    // What is taken from the configuration may be another.
    let limits = greeting("fresh", "hello").route_limit("request-body", "3B").with("slots", 2);
    folder.configure(&limits);
    let server = folder.serve();
    server.get("/greeting").check(200, "hello\n");
    assert_eq!(server.post("/echo", "an echo").status, 413);
}

#[test]
fn what_another_binary_or_machine_has_compiled_is_refused_by_name() {
    let folder = Folder::new(&greeting("reuse", "hello"));
    folder.compile();
    let good = folder.read("probe.cwasm");
    let again = "compile it again with this binary: arenaria compile";
    let check = |change: &dyn Fn(&mut Value), parts: &[&str]| {
        folder.put("probe.cwasm", with_header(&good, change));
        folder.check_refused(&[&["cannot load probe.cwasm"], parts].concat());
        let inspected = folder.run(&["inspect", "probe.cwasm"]);
        assert_eq!(inspected.code, Some(1), "{inspected:?}");
        for part in parts {
            assert!(inspected.stdout.contains(part), "no {part:?} in {inspected:?}");
        }
    };
    // A header of another version may be of another form.
    check(
        &|header| *header = json!({ "arenaria": "9.0.0", "wasmtime": "99.0.0", "target": "z80" }),
        &["compiled by arenaria 9.0.0, and this is arenaria 0.", again],
    );
    check(
        &|header| header["wasmtime"] = "99.0.0".into(),
        &["compiled by wasmtime 99.0.0, and this is wasmtime ", again],
    );
    check(
        &|header| header["target"] = "z80-unknown-none".into(),
        &["compiled by a binary for z80-unknown-none, and this is a binary for ", again],
    );
    check(
        &|header| header["cpu"] = json!(["teleport"]),
        &["for a CPU with teleport, which this machine does not have", "--cpu baseline"],
    );
    check(
        &|header| header["engine"] = "0123456789abcdef".into(),
        &["an engine with the settings 0123456789abcdef, and this is", again],
    );
    check(&|header| header["code"] = "unknown".into(), &["its header cannot be read"]);
    // What the header says is not what is there.
    folder.put("probe.cwasm", with_header(&good, |header| header["code"] = "component".into()));
    folder.check_refused(&["cannot load probe.cwasm: ", again]);
    // Only loading it can tell.
    let inspected = folder.run(&["inspect", "probe.cwasm"]);
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    assert!(inspected.stdout.ends_with("; its code was not loaded\n"), "{inspected:?}");
    folder.put("probe.cwasm", with_header(&good, |_| ()));
    folder.serve().get("/greeting").check(200, "hello\n");
}

#[test]
fn what_is_damaged_or_something_else_is_refused_by_name() {
    let folder = Folder::new(&greeting("reuse", "hello"));
    folder.check_refused(&["cannot read the compiled component probe.cwasm: No such file"]);
    folder.compile();
    let good = folder.read("probe.cwasm");
    let check = |bytes: &[u8], part: &str| {
        folder.put("probe.cwasm", bytes);
        folder.check_refused(&["cannot load probe.cwasm: ", part, "again: arenaria compile"]);
    };
    check(b"", "got an empty file");
    check(b"<html>", "got another file");
    check(
        &std::fs::read(component("probe")).expect("it exists"),
        "got WebAssembly that is not compiled",
    );
    check(code(&good), "got an ELF file, as wasmtime compile makes it");
    for length in [VERSION, LENGTHS, SUM, HEADER, HEADER + 9, good.len() / 2, good.len() - 1] {
        check(&good[..length], "it is cut off: expected ");
    }
    check(&[&good[..], b"more"].concat(), "something follows its end");
    for (at, part) in [
        (0, "got another file"),
        (VERSION, "expected a file of version 1, got version"),
        (LENGTHS, "expected"),
        (SUM - 1, "it is damaged: expected at most 1GiB of code"),
        (SUM, "another SHA-256"),
        (HEADER + 1, "another SHA-256"),
        (good.len() / 2, "another SHA-256"),
        (good.len() - 1, "another SHA-256"),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        check(&bytes, part);
    }
    std::fs::remove_file(folder.file("probe.cwasm")).expect("it exists");
    std::fs::create_dir(folder.file("probe.cwasm")).expect("the folder is ours");
    let not_a_file = ["expected a compiled component, got probe.cwasm, which is not a file"];
    folder.check_refused(&not_a_file);
    // Nobody writes to a pipe: to open it would take forever.
    let path = folder.file("probe.cwasm");
    std::fs::remove_dir(&path).expect("the folder is ours");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).expect("the folder is ours");
    folder.check_refused(&not_a_file);
}

#[test]
fn a_file_that_others_can_write_to_is_refused() {
    let folder = Folder::new(&greeting("reuse", "hello"));
    // Whatever they may do with other new files.
    for (umask, mode) in [("000", 0o644), ("077", 0o600)] {
        let mut compile = Command::new("/bin/sh");
        compile.args(["-c", "umask $1 && exec \"$0\" compile", env!("CARGO_BIN_EXE_arenaria")]);
        compile.arg(umask).env_clear().current_dir(&folder.path);
        let compiled = finished(compile.stdout(Stdio::piped()).stderr(Stdio::piped()));
        assert_eq!(compiled.code, Some(0), "{compiled:?}");
        assert_eq!(folder.mode("probe.cwasm"), mode, "umask {umask}");
    }
    for mode in [0o620, 0o602, 0o664, 0o666] {
        folder.set_mode("probe.cwasm", mode);
        let refused = "cannot load probe.cwasm: its group or others can write to it";
        folder.check_refused(&[refused, "chmod go-w probe.cwasm"]);
        let inspected = folder.run(&["inspect", "probe.cwasm"]);
        assert_eq!(inspected.code, Some(1), "{inspected:?}");
        assert!(inspected.stderr.contains(refused), "{inspected:?}");
    }
    folder.set_mode("probe.cwasm", 0o444);
    folder.serve().get("/greeting").check(200, "hello\n");
}

#[test]
fn compile_replaces_only_what_it_has_made() {
    let config = |name: &str| {
        Config::of("hello").route_key("component", "hello.wasm").route_key("compiled", name)
    };
    let folder = Folder::new(&config("hello.wasm"));
    folder.put("hello.wasm", std::fs::read(component("hello")).expect("it exists"));
    folder.put("notes", "mine");
    std::fs::create_dir(folder.file("folder")).expect("the folder is ours");
    std::os::unix::fs::symlink("notes", folder.file("link")).expect("the folder is ours");
    for name in ["hello.wasm", "arenaria.toml", "notes", "folder", "link"] {
        folder.configure(&config(name));
        let before = std::fs::read(folder.file(name)).ok();
        let refused = folder.run(&["compile"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        let expected = format!(
            "expected no file, or one that arenaria compile made, got {name}, which is something else; choose another name"
        );
        assert!(refused.stderr.contains(&expected), "{refused:?}");
        assert_eq!(std::fs::read(folder.file(name)).ok(), before, "{name}");
    }
    folder.put("empty", "");
    for name in ["new.cwasm", "new.cwasm", "empty"] {
        folder.configure(&config(name));
        folder.compile();
    }
}

#[test]
fn a_component_of_arenaria_itself_may_only_be_missing() {
    let config = |name: &str| {
        Config::of("hello").route_key("compiled", "a.cwasm").route_key("component", name)
    };
    let folder = Folder::new(&config("arenaria:transform"));
    let packed = "assets/components/transform.wasm";
    let command = |name: &str| {
        let mut command = arenaria(&[name]);
        command.current_dir(&folder.path).env("ARENARIA_ASSETS", folder.file("assets"));
        command
    };
    let check_refused = |part: &str| {
        let refused = finished(&mut command("serve"));
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(part), "no {part:?} in {refused:?}");
    };
    std::fs::create_dir_all(folder.file("assets/components")).expect("the folder is ours");
    folder.put(packed, std::fs::read(component("hello")).expect("it exists"));
    let compiled = finished(&mut command("compile"));
    assert_eq!(compiled.code, Some(0), "{compiled:?}");
    folder.put(packed, std::fs::read(component("probe")).expect("it exists"));
    check_refused("a.cwasm: it was compiled of another arenaria:transform than the one");
    std::fs::remove_file(folder.file(packed)).expect("it exists");
    std::fs::create_dir(folder.file(packed)).expect("the folder is ours");
    check_refused("transform.wasm: Is a directory");
    std::fs::remove_dir(folder.file(packed)).expect("it exists");
    folder.configure(&config("arenaria:other"));
    check_refused("expected arenaria:transform, the only component");
    folder.configure(&config("arenaria:transform"));
    let serve = command("serve");
    Server::start_command(serve, folder.into_folder()).get("/").check(200, "hello, world\n");
}

#[test]
fn only_a_file_that_is_named_as_compiled_is_loaded() {
    let folder = Folder::new(&greeting("reuse", "hello"));
    folder.compile();
    let good = folder.read("probe.cwasm");
    folder.put("upload.wasm", &good);
    folder.configure(&Config::probe().route_key("component", "upload.wasm"));
    folder
        .check_refused(&["expected a component, got upload.wasm, which arenaria compile has made"]);
    folder.put("upload.wasm", code(&good));
    folder.check_refused(&["cannot serve upload.wasm: expected a WebAssembly component"]);
    let served = folder.run(&["serve", "probe.cwasm"]);
    assert!(served.stderr.contains("and this one as --compiled probe.cwasm"), "{served:?}");
}

#[test]
fn two_routes_do_not_write_one_file() {
    let config = Config::of("hello").route_key("compiled", "a.cwasm");
    let folder = Folder::new(&config.route("/b", "hello").route_key("compiled", "a.cwasm"));
    let refused = folder.run(&["compile"]);
    assert!(refused.stderr.contains("two routes have compiled = \"a.cwasm\""), "{refused:?}");
}
