//! A faulty processor costs its own request and its own instance, nothing else. The client gets a
//! stable problem, the next request succeeds, and the reason is counted.

use crate::client::Request;
use crate::config::Config;
use crate::harness::{Server, arenaria, finished};

/// One fault on a server with one slot. Checks the status and kind of the problem, and the reason
/// for which the instance was retired.
#[track_caller]
fn check_fault(target: &str, status: u16, kind: &str, reason: &str) {
    let server = Server::start(&Config::probe().limit("guest-time", "400ms"));
    let mut connection = server.connect();
    for round in 1..=2 {
        // The connection stays open after a fault, because the request was read to its end.
        connection.exchange(&Request::get(target)).check_problem(status, kind);
        connection.exchange(&Request::get("/remember")).check(200, "0\n");
        connection.exchange(&Request::post("/echo", "good")).check(200, "good");
        let metrics = server.metrics();
        assert_eq!(metrics.retired(reason), f64::from(round), "{target}: {metrics:?}");
        let all = metrics.sum("arenaria_retirements_total", &[]);
        assert_eq!(all, f64::from(round), "{target}: {metrics:?}");
    }
    drop(connection);
    server.until_settled();
}

#[test]
fn a_trap_is_answered_with_500() {
    check_fault("/trap", 500, "trap", "trap");
}

#[test]
fn a_panic_is_answered_with_500() {
    check_fault("/panic", 500, "trap", "trap");
}

#[test]
fn an_endless_recursion_is_answered_with_500() {
    check_fault("/recurse", 500, "stack-exhausted", "trap");
}

#[test]
fn a_recursion_with_large_frames_is_answered_with_500() {
    // A bulk instruction that fails tells no address, so the host cannot see that it was the stack.
    check_fault("/recurse-in-strides", 500, "trap", "trap");
}

#[test]
fn an_exhaustion_is_answered_with_507() {
    check_fault("/exhaust", 507, "memory", "memory");
}

#[test]
fn an_endless_loop_is_answered_with_504() {
    check_fault("/loop", 504, "guest-time", "deadline");
}

#[test]
fn a_response_larger_than_the_memory_is_answered_with_507() {
    check_fault("/respond?bytes=100000000", 507, "memory", "memory");
}

#[test]
fn a_backtrace_of_a_trap_is_in_the_log_and_not_in_the_answer() {
    let server = Server::start(&Config::probe());
    let answer = server.get("/panic");
    answer.check_problem(500, "trap");
    for secret in ["backtrace", "wasm", "probe.wasm", "!"] {
        assert!(!answer.text().contains(secret), "{secret:?} in {}", answer.text());
    }
    let log = crate::harness::until("the log tells of it", || {
        Some(server.log()).filter(|log| log.contains("unreachable"))
    });
    assert!(log.contains("probe"), "no function of the probe's: {log}");
    server.check_alive();
}

#[test]
fn a_malformed_status_is_answered_with_500() {
    let server = Server::start(&Config::probe());
    for status in [0, 1, 99, 100, 101, 103, 199, 600, 999, 1000, 65535] {
        let answer = server.get(&format!("/status/{status}"));
        let problem = answer.check_problem(500, "bad-response");
        let detail = problem["detail"].as_str().expect("checked");
        assert!(detail.contains(&status.to_string()), "the status is missing: {problem}");
        server.check_alive();
    }
    server.until_settled();
}

#[test]
fn a_status_of_the_processors_own_is_passed_on() {
    let server = Server::start(&Config::probe());
    for status in [200, 201, 204, 205, 299, 301, 304, 404, 418, 500, 503, 507, 599] {
        let mut connection = server.connect();
        let answer = connection.exchange(&Request::get(&format!("/status/{status}")));
        assert_eq!(answer.status, status);
        assert!(answer.complete);
        // The framing was correct if the connection can be used again.
        connection.exchange(&Request::post("/echo", "next")).check(200, "next");
    }
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0);
}

#[track_caller]
fn check_header(name: &str, value: &str) {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let server = Server::start(&Config::probe());
    let target = format!("/header?name={}&value={}", encode(name), encode(value));
    let answer = server.get(&target);
    answer.check_problem(500, "bad-response");
    assert!(answer.header("x-injected").is_none(), "{answer:?}");
    assert!(!answer.text().contains('\r'), "{}", answer.text());
    server.check_alive();
    server.until_settled();
}

#[test]
fn a_header_that_would_split_the_response_is_refused() {
    check_header("x-a", "1\r\nx-injected: 1");
    check_header("x-a", "1\r\n\r\n<html>");
    check_header("x-a", "1\nx-injected: 1");
    check_header("x-a", "1\rx-injected: 1");
    check_header("x-a: 1\r\nx-injected", "1");
}

#[test]
fn a_malformed_header_is_refused() {
    check_header("", "1");
    check_header("x a", "1");
    check_header("x:a", "1");
    check_header("x\u{e4}", "1");
    check_header("x-a", "nul\0");
    check_header("x-a", "\u{7f}");
}

#[test]
fn a_header_that_frames_the_response_is_refused() {
    check_header("content-length", "1");
    check_header("Content-Length", "100000");
    check_header("transfer-encoding", "chunked");
    check_header("Transfer-Encoding", "identity");
    check_header("connection", "close");
    check_header("CONNECTION", "x-injected");
}

#[test]
fn a_sound_header_is_passed_on() {
    let server = Server::start(&Config::probe());
    let answer = server.get("/header?name=x-sound&value=a%20%22quoted%22%20value");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-sound"), Some("a \"quoted\" value"));
    let answer = server.get("/header?name=X-Sound&value=1");
    assert_eq!(answer.header("x-sound"), Some("1"));
    // The host sets the date.
    let answer = server.get("/header?name=Date&value=yesterday");
    let dates = answer.headers.iter().filter(|(name, _)| name == "date");
    assert_eq!(dates.count(), 1, "{answer:?}");
    assert_ne!(answer.header("date"), Some("yesterday"));
    server.check_alive();
}

#[test]
fn many_headers_are_passed_on_and_too_many_refused() {
    let server = Server::start(&Config::probe().limit("memory", "16MiB"));
    let answer = server.get("/headers?count=100");
    assert_eq!(answer.status, 200);
    assert!(answer.headers.len() >= 100, "{}", answer.headers.len());
    // More than any client accepts, and more than the types of the HTTP library can hold.
    for count in [40_000, 70_000] {
        let answer = server.get(&format!("/headers?count={count}"));
        assert!(matches!(answer.status, 500 | 507), "{count}: {}", answer.status);
        server.check_alive();
    }
    server.until_settled();
}

#[test]
fn a_trap_while_the_memory_is_read_replaces_the_instance() {
    let server = Server::start(&Config::probe());
    let armed = server.get("/fail-usage");
    assert_eq!(armed.status, 204, "{armed:?}");
    // The trap is a failed allocation.
    server.until_retired(&["memory"], 1);
    server.check_alive();
    server.get("/remember").check(200, "1\n");
    server.until_settled();
}

/// A processor with a failing `configure`: the start ends with one sentence that says so.
#[track_caller]
fn check_configure(how: &str, says: &[&str]) {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let config = Config::probe().setting("configure", how).limit("configure-time", "300ms");
    std::fs::write(&file, config.to_toml()).expect("the folder is ours");
    let ended = finished(&mut arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "", "something was printed");
    let last = ended.stderr.lines().last().unwrap_or_default();
    for part in says.iter().chain([&"route \"/\"", &"configure"]) {
        assert!(last.contains(part), "no {part:?} in {last:?} of {:?}", ended.stderr);
    }
}

#[test]
fn a_panic_in_configure_ends_the_start() {
    check_configure("panic", &[]);
}

#[test]
fn an_endless_configure_ends_the_start() {
    check_configure("loop", &["configure-time", "300ms"]);
}

#[test]
fn an_error_of_configure_ends_the_start() {
    check_configure("error", &[]);
}

#[test]
fn an_exhaustion_in_configure_ends_the_start() {
    check_configure("exhaust", &["memory", "4MiB"]);
}

#[test]
fn a_setting_that_the_processor_does_not_know_ends_the_start() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let file = folder.path().join("arenaria.toml");
    let config = Config::probe().setting("gretting", "hi").to_toml();
    std::fs::write(&file, config).expect("the folder is ours");
    let ended = finished(&mut arenaria(&["serve".as_ref(), "--config".as_ref(), file.as_os_str()]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("gretting"), "{ended:?}");
    assert_eq!(ended.stdout, "");
}
