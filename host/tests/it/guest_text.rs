//! Text that a component chooses: names, messages, phases. Whatever it is, the log, the terminal and the metrics
//! stay short and printable, and other routes are served.

use tempfile::TempDir;

use crate::harness::{Server, arenaria, finished, processor, until};

/// A core module with the functions that this one does not have: it responds with 200 and says nothing.
pub(crate) fn module(parts: &str) -> String {
    let defaults = [
        ("(export \"handle\")", HANDLE),
        (
            "(export \"configure\")",
            "(func (export \"configure\") (param i32 i32) (result i32) (i32.const 1024))",
        ),
        ("(export \"usage\")", "(func (export \"usage\") (result i32) (i32.const 1024))"),
    ];
    let missing: String =
        defaults.iter().filter(|(name, _)| !parts.contains(name)).map(|(_, text)| *text).collect();
    format!(
        "(core module $guest (memory (export \"memory\") 2)
         (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 4096)) {parts} {missing})"
    )
}

const HANDLE: &str =
    "(func (export \"handle\") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
    (i32.store16 (i32.const 0) (i32.const 200)) (i32.const 0))";

/// Writes a component to a file.
pub(crate) fn file(component: &[u8]) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, component).expect("the folder is ours");
    let name = file.display().to_string();
    (folder, name)
}

pub(crate) fn serve(component: &[u8], flags: &[&str]) -> Server {
    let (folder, file) = file(component);
    let common = [
        &["serve", &file, "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"][..],
        &["--workers", "1", "--slots", "1", "--memory", "1MiB", "--queue-time", "30s"],
    ];
    let arguments = [&common.concat()[..], flags].concat();
    Server::start_command(arenaria(&arguments), folder)
}

/// What the server or a command wrote is printable, and no line is long.
#[track_caller]
pub(crate) fn check_printable(text: &str) {
    for line in text.lines() {
        assert!(line.len() < 8 << 10, "a line of {} bytes", line.len());
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

/// A name that becomes 32 MB if it is demangled, and contains what moves a cursor.
const NAMES: [&str; 3] = [
    "_RYFG_FGyyEvRYFF_EvRYFFEvERLB_B_B_ERLRjB_B_B_",
    "\\1b[2J\\1b[31mred",
    "line\\0aforged 2026 ERROR",
];

fn traps_in(name: &str) -> Vec<u8> {
    processor(&module(&format!(
        "(func $r (@name \"{name}\") (param i32)
           (if (i32.eqz (local.get 0)) (then unreachable))
           (call $r (i32.sub (local.get 0) (i32.const 1))) (drop (i32.const 0)))
         (func (export \"handle\") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
           (call $r (i32.const 40)) (i32.const 0))"
    )))
}

#[test]
fn a_name_in_a_backtrace_is_short_and_printable() {
    for name in NAMES {
        let server = serve(&traps_in(name), &[]);
        for _ in 0..10 {
            server.get("/").check_problem(500, "trap");
        }
        let log = until("the log tells of all", || {
            Some(server.log()).filter(|log| log.matches("unreachable").count() >= 10)
        });
        check_printable(&log);
        assert!(log.len() < 100 << 10, "{name}: {} bytes", log.len());
        assert!(!log.lines().any(|line| line.starts_with("forged")), "{log}");
    }
}

#[test]
fn a_very_long_name_in_a_backtrace_is_cut() {
    let server = serve(&traps_in(&"n".repeat(1 << 20)), &[]);
    server.get("/").check_problem(500, "trap");
    let log = until("the log tells of it", || {
        Some(server.log()).filter(|log| log.contains("cut at 128 bytes"))
    });
    check_printable(&log);
}

#[test]
fn traps_are_logged_up_to_a_limit_and_the_rest_is_counted() {
    let server = serve(&traps_in("r"), &["--log-lines", "3"]);
    let name = "arenaria_log_lines_left_out_total";
    // As many as it takes, at whatever speed: at most 3 lines appear in a second.
    until("lines are left out", || {
        server.get("/").check_problem(500, "trap");
        (server.metrics().sum(name, &[("route", "/")]) >= 3.0).then_some(())
    });
    until("the log says so in a later second", || {
        server.get("/").check_problem(500, "trap");
        server.log().contains("lines of the log; log-lines = 3 per second").then_some(())
    });
    let faults = server.metrics().retired("trap");
    let left_out = server.metrics().sum(name, &[]);
    let logged = server.log().matches("lost an instance").count() as f64;
    assert!(logged + left_out <= faults, "{logged} + {left_out} of {faults}");
}

/// `configure` returns an error of so many bytes, all of them `text`.
fn refuses_with(text: &str, bytes: usize) -> Vec<u8> {
    let memory = text.repeat(bytes / text.len());
    let escaped: String = memory.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = memory.len();
    processor(&module(&format!(
        "(data (i32.const 8192) \"{escaped}\")
         (func (export \"configure\") (param i32 i32) (result i32)
           (i32.store8 (i32.const 2048) (i32.const 1))
           (i32.store (i32.const 2052) (i32.const 8192))
           (i32.store (i32.const 2056) (i32.const {length})) (i32.const 2048))"
    )))
}

#[test]
fn an_error_of_configure_is_one_short_line() {
    for text in ["x", "line\n", "\x1b[2J", "é"] {
        let (_folder, file) = file(&refuses_with(text, 100_000));
        let arguments = ["serve", &file, "--listen", "127.0.0.1:0", "--operator-listen", "off"];
        let ended = finished(&mut arenaria(&arguments));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        check_printable(&ended.stderr);
        let cut = ended.stderr.lines().filter(|line| line.contains("cut at 1024 bytes")).count();
        assert_eq!(cut, 1, "{ended:?}");
        let ended = finished(&mut arenaria(&["call", &file]));
        check_printable(&ended.stderr);
    }
}

#[test]
fn names_of_imports_and_exports_cannot_move_the_cursor() {
    let name = "\\1b[2J\\0aserved: yes";
    let text = format!(
        "(component (import \"{name}\" (func)) (instance $i) (export \"{name}\" (instance $i)))"
    );
    let (_folder, file) = file(&wat::parse_str(text).expect("names are not checked here"));
    for command in ["inspect", "call"] {
        let ended = finished(&mut arenaria(&[command, &file]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        check_printable(&ended.stdout);
        check_printable(&ended.stderr);
        assert!(!ended.stdout.lines().any(|line| line == "served: yes"), "{ended:?}");
    }
}

#[test]
fn a_message_about_many_imports_names_a_few() {
    let imports: String =
        (0..5000).map(|number| format!("(import \"import-{number}\" (func))")).collect();
    let (_folder, file) =
        file(&wat::parse_str(format!("(component {imports})")).expect("it is sound"));
    let ended = finished(&mut arenaria(&["call", &file]));
    assert!(ended.stderr.contains("and 4992 more"), "{ended:?}");
    check_printable(&ended.stderr);
}

#[test]
fn a_usage_that_never_ends_delays_no_response_and_no_scrape() {
    let endless =
        processor(&module("(func (export \"usage\") (result i32) (loop (br 0)) unreachable)"));
    let server = serve(&endless, &["--guest-time", "600s"]);
    // The first request is followed by a reading of the arena, which is cut off long before guest-time.
    for _ in 0..3 {
        assert_eq!(server.get("/").status, 200);
    }
    let retired = server.until("the instance is replaced", |m| m.retired("deadline") >= 1.0);
    assert!(retired.values("arenaria_arena_capacity_bytes", &[]).is_empty());
}

#[test]
fn phases_with_new_names_each_time_are_limited() {
    // Each reading has one phase, with the next number of two digits as its name.
    let names = processor(&module(
        "(global $n (mut i32) (i32.const 0))
         (func (export \"usage\") (result i32)
           (global.set $n (i32.add (global.get $n) (i32.const 1)))
           (i32.store8 (i32.const 3000) (i32.add (i32.const 48) (i32.div_u (global.get $n) (i32.const 10))))
           (i32.store8 (i32.const 3001) (i32.add (i32.const 48) (i32.rem_u (global.get $n) (i32.const 10))))
           (i32.store (i32.const 2904) (i32.const 3000)) (i32.store (i32.const 2908) (i32.const 2))
           (i32.store (i32.const 2120) (i32.const 2904)) (i32.store (i32.const 2124) (i32.const 1))
           (i32.const 2048))",
    ));
    let server = serve(&names, &[]);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        // A scrape reads what has served a request since the last reading.
        server.get("/");
        let metrics = server.metrics();
        seen.extend(
            metrics
                .label_values("arenaria_arena_phase_high_water_bytes", "phase")
                .into_iter()
                .map(str::to_owned),
        );
    }
    assert_eq!(seen.len(), 16, "{seen:?}");
}

#[test]
fn a_bad_response_is_in_the_log() {
    let bad = processor(&module(
        "(func (export \"handle\") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
           (i32.store16 (i32.const 0) (i32.const 99)) (i32.const 0))",
    ));
    let server = serve(&bad, &[]);
    server.get("/").check_problem(500, "bad-response");
    until("the log tells of it", || {
        server.log().contains("expected a status from 200 to 599, got 99").then_some(())
    });
}

/// A component that contains so many others, one inside the other.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut component = HEADER.to_vec();
    for _ in 1..depth {
        let mut outer = HEADER.to_vec();
        outer.push(4);
        let mut size = component.len();
        loop {
            let byte = (size & 0x7f) as u8;
            size >>= 7;
            outer.push(if size == 0 { byte } else { byte | 0x80 });
            if size == 0 {
                break;
            }
        }
        outer.extend(component);
        component = outer;
    }
    component
}

#[test]
fn deep_nesting_is_refused_before_it_can_overflow_a_stack() {
    for depth in [17, 3000, 10_000] {
        let (_folder, file) = file(&nested(depth));
        for command in ["serve", "call", "inspect"] {
            let ended = finished(&mut arenaria(&[command, &file]));
            assert_eq!(ended.code, Some(1), "{command} {depth}: {ended:?}");
            let sentence = "expected at most 16 levels of nesting";
            assert!(ended.stderr.contains(sentence), "{command} {depth}: {ended:?}");
        }
        let bridged = format!("{file}.bridged");
        let ended = finished(&mut arenaria(&["bridge", &file, "-o", &bridged]));
        assert_eq!(ended.code, Some(1), "bridge {depth}: {ended:?}");
        assert!(ended.stderr.contains("levels of nesting"), "{ended:?}");
    }
}

#[test]
fn too_many_functions_are_refused_before_they_are_compiled() {
    let functions = "(func)".repeat(100_001);
    let (_folder, file) = file(&processor(&module(&functions)));
    let ended = finished(&mut arenaria(&["call", &file]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("expected at most 100000 functions"), "{ended:?}");
}

#[test]
fn a_module_with_two_tables_and_two_memories_is_served() {
    let two = processor(&module("(memory 1) (table 1 funcref) (table 1 funcref)"));
    let server = serve(&two, &[]);
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_configure_that_takes_too_long_is_told_as_such() {
    // It is quick the first time only: a server starts, and its requests need instances of their own.
    let slow = processor(&module(
        "(func (export \"configure\") (param i32 i32) (result i32)
           (if (i32.eqz (local.get 1)) (then (loop (br 0)))) (i32.const 1024))",
    ));
    let (_folder, file) = file(&slow);
    let arguments = [
        "serve",
        &file,
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        "off",
        "--configure-time",
        "50ms",
    ];
    let ended = finished(&mut arenaria(&arguments));
    assert!(ended.stderr.contains("configure-time = 50ms"), "{ended:?}");
}

#[test]
fn inspect_says_no_to_what_serve_refuses() {
    let text =
        "(component (core module $m (memory (export \"m\") 1)) (core instance (instantiate $m))
        (instance $i)
        (export \"arenaria:processor/handler@0.1.0\" (instance $i))
        (export \"arenaria:processor/lifecycle@0.1.0\" (instance $i))
        (export \"arenaria:processor/memory@0.1.0\" (instance $i)))";
    let (_folder, file) = file(&wat::parse_str(text).expect("it is sound"));
    let ended = finished(&mut arenaria(&["inspect", &file]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("served: no, "), "{ended:?}");
}
