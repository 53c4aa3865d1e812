//! What an author sees: the lines that a processor logs, and the text of its panic. They are in the host's log, with
//! the route and the request, and never in an answer. Whatever a component has in its log, the host stays well.

use crate::client::Request;
use crate::config::Config;
use crate::guest_text::{check_printable, module, serve};
use crate::harness::{Server, arenaria, component, finished, until};

/// Waits until the log has a line with all of these parts, and returns it.
#[track_caller]
fn line(server: &Server, parts: &[&str]) -> String {
    until(&format!("a line with {parts:?}"), || {
        let log = server.log();
        let line = log.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        line.map(str::to_owned)
    })
}

#[test]
fn a_panic_is_in_the_log_with_its_text_and_its_request() {
    for isolation in ["reuse", "fresh"] {
        let server = Server::start(&Config::probe().route_key("isolation", isolation));
        let answer = server.get("/panic?text=out%20of%20%1b%0atea&secret=1");
        answer.check_problem(500, "trap");
        for secret in ["tea", "panicked", "probe"] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
        let parts = [
            "WARN",
            "lost an instance: the guest panicked: guest/fixtures/probe/src/lib.rs:",
            ": out of \\u{1b}\\ntea; ",
            "unreachable",
            "route=\"/\" slot=0 method=GET path=/panic",
        ];
        let line = line(&server, &parts);
        check_printable(&line);
        assert!(!line.contains("secret"), "the query is in the log: {line}");
        // The next instance has no panic of its own.
        server.get("/trap").check_problem(500, "trap");
        self::line(&server, &["path=/trap", "lost an instance: the guest trapped: "]);
    }
}

#[test]
fn a_known_mistake_has_a_remedy() {
    let server = Server::start(&Config::probe());
    for (path, panic, remedy) in [
        ("/clock", "time not implemented on this platform", "use `Request::received_at` instead"),
        ("/file", "operation not supported on this platform", "a processor has no files"),
    ] {
        server.get(path).check_problem(500, "trap");
        line(&server, &["the guest panicked: ", panic, remedy]);
    }
    let ended = finished(&mut arenaria(&["call", &file("probe"), "--path", "/clock"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("use `Request::received_at` instead"), "{ended:?}");
}

#[test]
fn the_text_of_a_panic_is_cut() {
    let server = Server::start(&Config::probe());
    server.get(&format!("/panic?text={}", "x".repeat(5000))).check_problem(500, "trap");
    let line = line(&server, &["the guest panicked: guest/fixtures/probe/src/lib.rs:", "xxx…"]);
    let (_, text) = line.split_once("panicked: ").expect("it is in the line");
    let (text, _) = text.split_once(';').expect("the trap follows");
    assert_eq!(text.len(), 1024, "{line}");
}

#[test]
fn lines_are_in_the_log_with_their_request() {
    for isolation in ["reuse", "fresh"] {
        let server = Server::start(&Config::probe().route_key("isolation", isolation));
        server.post("/log?text=a%20line&count=4", "body").check(204, "");
        let request = "route=\"/\" slot=0 method=POST path=/log";
        line(&server, &["INFO guest: a line 0 ", request]);
        line(&server, &["WARN guest: a line 1 ", request]);
        line(&server, &["ERROR guest: a line 2 ", request]);
        let log = server.log();
        assert!(!log.contains("a line 3"), "a line for the author at the default level: {log}");
        assert_eq!(log.matches("a line 0").count(), 1, "{log}");
    }
}

#[test]
fn lines_for_the_author_appear_on_request() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    std::fs::write(&file, Config::probe().to_toml()).expect("the folder is ours");
    let mut serve = arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]);
    serve.env("ARENARIA_LOG", "info,guest=debug");
    let server = Server::start_command(serve, folder);
    server.get("/log?text=a%20line&count=4").check(204, "");
    line(&server, &["DEBUG", "a line 3"]);
}

#[test]
fn lines_before_a_panic_are_shown() {
    let server = Server::start(&Config::probe());
    server.get("/log-and-panic").check_problem(500, "trap");
    line(&server, &["lost an instance", "the request asked for a panic"]);
    let log = server.log();
    let (logged, lost) = (log.find("before the panic"), log.find("lost an instance"));
    assert!(logged.is_some() && logged < lost, "{log}");
}

#[test]
fn lines_of_configure_are_in_the_log_whether_it_succeeds_or_panics() {
    let logged = "guest: configure was told to log route=\"/\"";
    for isolation in ["reuse", "fresh"] {
        let config = Config::probe().setting("configure", "log");
        let server = Server::start(&config.route_key("isolation", isolation));
        (0..3).for_each(|_| server.check_alive());
        line(&server, &["INFO", logged]);
        assert_eq!(server.log().matches(logged).count(), 1, "{}", server.log());
    }

    let config = Config::probe().setting("configure", "log-and-panic");
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    let ended = finished(&mut arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [logged, ": configure was told to panic; "] {
        assert!(ended.stderr.contains(part), "no {part:?} in {ended:?}");
    }
}

#[test]
fn a_log_that_is_full_drops_its_oldest_lines_and_counts_them() {
    let server = Server::start(&Config::probe().limit("log-lines", 100_000));
    server.get(&format!("/log?text={}&count=1000", "x".repeat(100))).check(204, "");
    let dropped = line(&server, &["path=/log", "older lines of the guest's log were dropped"]);
    let number = dropped.split(' ').find_map(|word| word.parse::<u32>().ok()).expect("a number");
    // Each line has 106 bytes, and the log has 8 KiB.
    assert_eq!(number, 1000 - (8 << 10) / 106, "{dropped}");
    line(&server, &["ERROR", "x 998"]);
    // What is dropped is counted once.
    server.get("/log?text=short&count=1").check(204, "");
    line(&server, &["short 0"]);
    assert_eq!(server.log().matches("were dropped").count(), 1, "{}", server.log());
}

#[test]
fn a_long_line_is_cut() {
    let server = Server::start(&Config::probe());
    server.get(&format!("/log?text={}&count=1", "%c3%a9".repeat(2000))).check(204, "");
    let line = line(&server, &["path=/log", "é"]);
    assert_eq!(line.matches('é').count(), 498, "{line}");
    assert!(line.contains("é… "), "{line}");
}

#[test]
fn lines_of_a_guest_count_in_log_lines() {
    let server = Server::start(&Config::probe().limit("log-lines", 3));
    server.get("/log?text=a%20line&count=50").check(204, "");
    let name = "arenaria_log_lines_left_out_total";
    // Of 50 lines, 12 are below the default level. They may be written in two seconds.
    server.until("lines are left out", |m| m.sum(name, &[]) >= 38.0 - 2.0 * 3.0);
    assert!(server.log().matches("a line").count() <= 6, "{}", server.log());
}

#[test]
fn a_line_uses_nothing_of_the_arena() {
    let server = Server::start(&Config::probe());
    let mut connection = server.connect();
    for count in [0, 100] {
        connection.exchange(&Request::get(&format!("/log?text=x&count={count}"))).check(204, "");
        let high = server.metrics().sum("arenaria_arena_request_high_water_bytes", &[]);
        assert!(high < 1000.0, "{count} lines: {high} bytes");
    }
}

fn file(name: &str) -> String {
    component(name).display().to_string()
}

#[test]
fn call_shows_the_log_and_the_panic() {
    let ended = finished(&mut arenaria(&["call", &file("probe"), "--path", "/log?text=x&count=4"]));
    let lines: Vec<_> = ended.stderr.lines().take(5).collect();
    assert_eq!(
        lines,
        ["log info: x 0", "log warn: x 1", "log error: x 2", "log debug: x 3", "204"]
    );
    let ended = finished(&mut arenaria(&["call", &file("probe"), "--path", "/log-and-panic"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("log error: before the panic\n"), "{ended:?}");
    assert!(ended.stderr.contains(": the request asked for a panic; "), "{ended:?}");
}

/// A processor with a log: `buffer` returns this address and length. The number at 5000 is the length of its panic's
/// text, and each request adds so much to the number of bytes written.
fn with_log(buffer: &str, step: &str) -> Vec<u8> {
    let core = module(&format!(
        "(data (i32.const 4996) \"\\01\\00\\00\\00\\ff\\ff\\ff\\ff\")
         (func (export \"buffer\") (result i32) {buffer})
         (func (export \"handle\") (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
           (i64.store (i32.const 5012) (i64.add (i64.load (i32.const 5012)) (i64.const {step})))
           (i32.store16 (i32.const 0) (i32.const 200)) (i32.const 0))"
    ));
    let log = "(func $buffer (result (list u8))
         (canon lift (core func $guest \"buffer\") (memory $memory)))
       (instance $log (export \"buffer\" (func $buffer)))
       (export \"arenaria:processor/log@0.1.0\" (instance $log))";
    let text = format!("(component {core} {} {log})", include_str!("processor.wat"));
    wat::parse_str(text).expect("it is sound")
}

/// `buffer` returns this address and this length.
fn list(address: u32, length: u32) -> String {
    format!(
        "(i32.store (i32.const 3000) (i32.const {address}))
         (i32.store (i32.const 3004) (i32.const {length})) (i32.const 3000)"
    )
}

#[test]
fn a_log_with_numbers_that_make_no_sense_costs_no_request() {
    for (length, step) in
        [(1049, "1"), (9000, "-1"), (66_584, "0x7fffffffffffffff"), (2000, "70000")]
    {
        let server = serve(&with_log(&list(4996, length), step), &["--log-lines", "5"]);
        for _ in 0..20 {
            assert_eq!(server.get("/").status, 200, "{length} {step}");
        }
        check_printable(&server.log());
        let metrics = server.metrics();
        assert_eq!(metrics.sum("arenaria_retirements_total", &[]), 0.0, "{metrics:?}");
    }
}

#[test]
fn a_log_with_another_layout_is_not_read() {
    let too_large = list(4996, 66_585);
    let other_version = list(4990, 5000);
    for (buffer, says) in [
        (list(4996, 0), "expected a log with a ring of 1 to 65536 bytes, got 0 bytes in all"),
        (too_large, "got 66585 bytes in all"),
        (other_version, "expected a log of version 1, got version "),
    ] {
        let server = serve(&with_log(&buffer, "1"), &[]);
        assert_eq!(server.get("/").status, 200);
        line(&server, &["WARN", "cannot read the log of the guest", says]);
    }
}

#[test]
fn a_log_outside_of_the_memory_or_without_end_ends_the_start() {
    for (buffer, says) in [
        (list(4996, 20_000_000), "out of bounds"),
        (list(u32::MAX, 2000), "out of bounds"),
        ("(loop (br 0)) unreachable".to_owned(), "configure-time"),
        ("unreachable".to_owned(), "trapped"),
    ] {
        let component = with_log(&buffer, "1");
        let (_folder, file) = crate::guest_text::file(&component);
        let arguments = ["serve", &file, "--listen", "127.0.0.1:0", "--operator-listen", "off"];
        let arguments = [&arguments[..], &["--configure-time", "200ms"]].concat();
        let ended = finished(&mut arenaria(&arguments));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(says), "no {says:?} in {ended:?}");
    }
}

#[test]
fn a_log_of_another_type_is_refused() {
    let core = module("(func (export \"buffer\") (result i32) (i32.const 0))");
    let log = "(func $buffer (result u32) (canon lift (core func $guest \"buffer\")))
       (instance $log (export \"buffer\" (func $buffer)))
       (export \"arenaria:processor/log@0.1.0\" (instance $log))";
    let text = format!("(component {core} {} {log})", include_str!("processor.wat"));
    let (_folder, file) = crate::guest_text::file(&wat::parse_str(text).expect("it is sound"));
    let ended = finished(&mut arenaria(&["call", &file]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("the function buffer of arenaria:processor/log@0.1.0"),
        "{ended:?}"
    );
}
