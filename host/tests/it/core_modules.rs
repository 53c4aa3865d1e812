//! Core modules that carry the WIT of a processor: every command takes them as if they were components.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::harness::{Finished, Server, arenaria, finished};

/// A processor as a linker leaves it: a memory of one page without a maximum. The length of the response's body is
/// the size of the memory in pages.
const PROCESSOR: &str = r#"
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "arenaria:processor/handler@0.1.0#handle")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
        (i32.store16 (i32.const 0) (i32.const 200))
        (i32.store (i32.const 12) (i32.const 1024))
        (i32.store (i32.const 16) (memory.size))
        (i32.const 0))
    (func (export "arenaria:processor/lifecycle@0.1.0#configure") (param i32 i32) (result i32)
        (i32.const 512))
    (func (export "arenaria:processor/memory@0.1.0#usage") (result i32) (i32.const 512))"#;

/// A file with a core module that has these fields and carries the WIT of a processor.
fn module(fields: &str) -> (TempDir, PathBuf) {
    let mut module = wat::parse_str(format!("(module {fields})")).expect("it is a text");
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/processor");
    let (package, _) = resolve.push_dir(wit).expect("it is sound");
    let world = resolve.select_world(&[package], Some("processor")).expect("it has the world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a section is added");
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("module.wasm");
    std::fs::write(&file, module).expect("the folder is ours");
    (folder, file)
}

fn run(command: &str, file: &Path, flags: &[&str]) -> Finished {
    finished(arenaria(&[command.as_ref(), file.as_os_str()]).args(flags))
}

#[test]
fn a_core_module_is_served_with_all_of_the_memory() {
    let (folder, file) = module(PROCESSOR);
    let name = file.display().to_string();
    let mut arguments = vec!["serve", &name, "--listen", "127.0.0.1:0", "--operator-listen", "off"];
    arguments.extend(["--workers", "1", "--slots", "1", "--memory", "2MiB"]);
    let server = Server::start_command(arenaria(&arguments), folder);
    assert_eq!(server.get("/").body.len(), 32, "2 MiB are 32 pages");
}

#[test]
fn one_that_grows_its_memory_keeps_its_minimum() {
    let grows = "(func (export \"g\") (drop (memory.grow (i32.const 1))))";
    let (_folder, file) = module(&format!("{PROCESSOR} {grows}"));
    let called = run("call", &file, &["--memory", "2MiB"]);
    assert_eq!((called.code, called.stdout.len()), (Some(0), 1), "{called:?}");
}

#[test]
fn every_command_takes_a_core_module() {
    let (folder, file) = module(PROCESSOR);
    let called = run("call", &file, &["--memory", "1MiB"]);
    assert_eq!((called.code, called.stdout.len()), (Some(0), 16), "{called:?}");
    let inspected = run("inspect", &file, &["--memory", "1MiB"]);
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    for words in
        ["core module", "memory: 64KiB, growable without limit; the host sets 1MiB", "served: yes"]
    {
        assert!(inspected.stdout.contains(words), "no {words:?} in {inspected:?}");
    }
    let output = folder.path().join("bridged.wasm");
    let bridged = run("bridge", &file, &["-o", &output.display().to_string()]);
    assert_eq!(bridged.code, Some(0), "{bridged:?}");
    let inspected = run("inspect", &output, &[]);
    assert!(inspected.stdout.contains("served: yes, as wasi:http/proxy@0.2"), "{inspected:?}");
}

#[track_caller]
fn check_refused(fields: &str, words: &[&str]) {
    let (_folder, file) = module(fields);
    for command in ["inspect", "call"] {
        let ended = run(command, &file, &[]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "no {word:?} in {ended:?}");
        }
    }
}

#[test]
fn an_import_of_no_interface_is_named_with_its_remedy() {
    let imports = |module: &str| format!("(import \"{module}\" \"deflate\" (func)) {PROCESSOR}");
    check_refused(&imports("env"), &["deflate of env", "a native library is missing"]);
    check_refused(&imports("wbg"), &["deflate of wbg", "for JavaScript"]);
    let preview1 = imports("wasi_snapshot_preview1");
    check_refused(&preview1, &["deflate of wasi_snapshot_preview1", "wasm32-unknown-unknown"]);
    let many: String = (0..20).map(|n| format!("(import \"env\" \"f{n}\" (func))")).collect();
    check_refused(&format!("{many} {PROCESSOR}"), &["f7 of env and 12 more"]);
}

#[test]
fn a_core_module_that_does_not_match_its_wit_is_refused() {
    check_refused("(memory (export \"memory\") 1)", &["does not match the WIT that it carries"]);
}

/// Serves a module with a stack of 4 KiB and data at an address. Returns what `inspect` says of the stack, and the
/// server's log.
#[track_caller]
fn told_of_stack(data: u32) -> (String, String) {
    let stack = "(global (mut i32) (i32.const 4096))";
    let (folder, file) = module(&format!("{stack} {PROCESSOR} (data (i32.const {data}) \"sand\")"));
    let inspected = run("inspect", &file, &[]).stdout;
    let line = inspected.lines().find(|line| line.starts_with("stack: "));
    let name = file.display().to_string();
    let mut arguments = vec!["serve", &name, "--listen", "127.0.0.1:0", "--operator-listen", "off"];
    arguments.extend(["--workers", "1", "--slots", "1", "--memory", "2MiB"]);
    let server = Server::start_command(arenaria(&arguments), folder);
    assert_eq!(server.get("/").status, 200);
    (line.unwrap_or_default().to_owned(), server.log())
}

#[test]
fn a_stack_above_data_is_told() {
    const TEXT: &str = "above data: an overflow overwrites it unnoticed; link with --stack-first";
    let (inspected, log) = told_of_stack(3000);
    assert_eq!(inspected, format!("stack: {TEXT}"));
    let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains(TEXT));
    assert_eq!(warnings.count(), 1, "{log}");
    let (inspected, log) = told_of_stack(4096);
    assert_eq!(inspected, "stack: 4KiB, below the data: an overflow traps");
    assert!(!log.contains("WARN"), "{log}");
}
