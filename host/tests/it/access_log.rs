//! The access log: which requests have a line, and what it says.

use serde_json::Value;

use crate::client::Request;
use crate::config::Config;
use crate::guest_text::check_printable;
use crate::harness::{Server, arenaria, component, finished, until};
use crate::http2_client::{Http2, request};
use crate::json_log::{json, objects};
use crate::reloaded::{Reloaded, put, route, server_keys};

const TARGET: &str = "arenaria::access";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn config(which: &str) -> Config {
    json(Config::probe()).with("access-log", which)
}

fn lines(server: &Server) -> Vec<Value> {
    objects(&server.log()).into_iter().filter(|line| line["target"] == TARGET).collect()
}

/// Waits until there are so many lines, and asserts that there are no more.
#[track_caller]
fn check_count(server: &Server, count: usize) -> Vec<Value> {
    until(&format!("{count} lines"), || (lines(server).len() >= count).then_some(()));
    let lines = lines(server);
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

#[test]
fn a_line_tells_what_became_of_a_request() {
    let server = Server::start(&config("all").route("/b", "probe"));
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let request = Request::post("/echo?token=secret", "twelve bytes")
        .header("traceparent", &parent)
        .header("authorization", "Bearer secret");
    server.exchange(&request).check(200, "twelve bytes");
    server.get("/b/nowhere").check(404, "no such path\n");
    let [first, second] = check_count(&server, 2).try_into().expect("counted");
    for (key, expected) in [
        ("level", Value::from("INFO")),
        ("method", "POST".into()),
        ("path", "/echo".into()),
        ("route", "/".into()),
        ("status", 200.into()),
        ("version", "HTTP/1.1".into()),
        ("client", "127.0.0.1".into()),
        ("request-bytes", 12.into()),
        ("response-bytes", 12.into()),
        ("trace-id", TRACE.into()),
        ("cut", Value::Null),
    ] {
        assert_eq!(first[key], expected, "{key}: {first}");
    }
    let times = ["queue-ms", "guest-ms", "duration-ms"].map(|key| first[key].as_f64());
    let [queue, guest, total] = times.map(|time| time.expect("it is a number"));
    assert!(queue >= 0.0 && guest > 0.0 && queue + guest <= total + 0.002, "{first}");
    assert!(first["request-id"].is_string() && first["request-id"] != TRACE, "{first}");
    assert_eq!((&second["route"], &second["status"]), (&"/b".into(), &404.into()), "{second}");
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[test]
fn it_is_off_unless_asked_for() {
    let server = Server::start(&json(Config::probe()));
    server.check_alive();
    server.get("/trap").check_problem(500, "trap");
    server.until_settled();
    // The line of the fault is there, so one of the access log would be too.
    until("the fault", || server.log().contains("lost an instance").then_some(()));
    check_count(&server, 0);
}

#[test]
fn errors_are_all_written_and_nothing_else() {
    let server = Server::start(&config("errors").with("access-log-sample", 1000));
    for _ in 0..5 {
        server.check_alive();
        server.get("/nowhere").check(404, "no such path\n");
        server.get("/trap").check_problem(500, "trap");
        server.get("/status/503").check(503, "");
    }
    let statuses: Vec<_> =
        check_count(&server, 10).iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [500, 503].repeat(5));
}

#[test]
fn one_of_so_many_is_written_and_each_error() {
    let server = Server::start(&config("all").with("access-log-sample", 10));
    let mut connection = server.connect();
    for number in 0..95 {
        let get = Request::get(&format!("/respond?bytes={number}"));
        assert_eq!(connection.exchange(&get).status, 200);
        if number % 19 == 0 {
            server.get("/trap").check_problem(500, "trap");
        }
    }
    let lines = check_count(&server, 15);
    let good: Vec<_> = lines.iter().filter(|line| line["status"] == 200).collect();
    assert_eq!(good.len(), 10);
    let bytes: Vec<_> = good.iter().filter_map(|line| line["response-bytes"].as_u64()).collect();
    assert_eq!(bytes, (0..10).map(|number| number * 10).collect::<Vec<_>>());
}

#[test]
fn requests_without_a_route_or_a_head_have_lines_too() {
    let component = "probe";
    let config = json(Config::empty()).with("access-log", "all").route("/a", component);
    let server = Server::start(&config);
    server.get("/b").check_problem(404, "no-route");
    let mut connection = server.connect();
    connection.send("GET / HTTP/9\r\n\r\n");
    assert_eq!(connection.response().status, 400);
    let lines = check_count(&server, 2);
    assert_eq!((&lines[0]["path"], &lines[0]["route"]), (&"/b".into(), &Value::Null));
    assert_eq!((&lines[1]["status"], &lines[1]["client"]), (&400.into(), &"127.0.0.1".into()));
    assert_eq!(lines[1]["path"], Value::Null);
}

#[test]
fn a_client_that_leaves_has_a_line_and_a_cut_response_is_an_error() {
    let server = Server::start(&config("all").limit("guest-time", "60s"));
    let connection = server.begin(&Request::get("/loop"));
    server.until_busy(1.0);
    connection.reset();
    let left = check_count(&server, 1).remove(0);
    assert_eq!((&left["status"], &left["path"]), (&499.into(), &"/loop".into()), "{left}");
    let records = Config::probe().route_key("records", true).limit("body-time", "100ms");
    let server = Server::start(&json(records).with("access-log", "errors"));
    let mut connection = server.connect();
    connection.send(
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-ndjson\r\n\
         content-length: 100\r\n\r\n1\n2\n",
    );
    let response = connection.response();
    assert!(response.status == 200 && !response.complete, "{response:?}");
    let line = check_count(&server, 1).remove(0);
    assert_eq!((&line["status"], &line["cut"]), (&200.into(), &true.into()), "{line}");
    assert_eq!(line["request-bytes"], 4, "{line}");
    let cut = objects(&server.log()).into_iter().find(|line| {
        line["message"].as_str().is_some_and(|message| message.starts_with("cut a response"))
    });
    assert_eq!(cut.expect("it is in the log")["request-id"], line["request-id"]);
}

#[test]
fn bytes_are_counted_of_every_kind_of_body() {
    let server = Server::start(
        &config("all").route("/p2", "peer-p2").route("/p3", "peer-p3").limit("memory", "16MiB"),
    );
    let chunked = Request::post("/echo", "5\r\nabcde\r\n2\r\nfg\r\n0\r\n\r\n");
    server.exchange(&chunked.header("transfer-encoding", "chunked")).check(200, "abcdefg");
    server.exchange(&Request::new("HEAD", "/respond?bytes=100"));
    let document = r#"{"action":"opened","repository":{"full_name":"sand/box"}}"#;
    let answers = ["/p2", "/p3"].map(|path| server.post(path, document));
    let mut http2 = Http2::connect(server.address);
    assert_eq!(http2.exchange(request("POST", "/echo", "x".repeat(40_000))).body.len(), 40_000);
    let lines = check_count(&server, 5);
    let bytes = |line: &Value| {
        ["request-bytes", "response-bytes"].map(|key| line[key].as_u64().expect("a number"))
    };
    assert_eq!(bytes(&lines[0]), [7, 7]);
    assert_eq!(bytes(&lines[1]), [0, 0]);
    for (line, answer) in lines[2..4].iter().zip(&answers) {
        assert_eq!(bytes(line), [document.len() as u64, answer.body.len() as u64], "{line}");
        assert!(line["guest-ms"].as_f64() > Some(0.0), "{line}");
    }
    assert_eq!(bytes(&lines[4]), [40_000, 40_000]);
    assert_eq!(lines[4]["version"], "HTTP/2.0");
}

#[test]
fn no_client_writes_a_line_of_its_own() {
    let server = Server::start(&Config::probe().with("access-log", "all"));
    let path = format!("/%0a%1b[31m\u{202e}\" status=200 {}", "x".repeat(5000)).replace(' ', "%20");
    for request in [Request::get(&path), Request::new("A`~|", "/\"\\n%0d%0a")] {
        server.exchange(&request);
    }
    until("both lines", || (server.log().matches(TARGET).count() == 2).then_some(()));
    let log = server.log();
    for line in log.lines().filter(|line| line.contains(TARGET)) {
        check_printable(line);
        assert!(line.len() < 2000, "a line of {} bytes", line.len());
        assert_eq!(line.matches(" status=").count(), 1, "{line}");
    }
    assert!(log.contains("… (cut at 1024 bytes)"), "{log}");
    assert!(!log.contains('\u{202e}'), "what turns the direction of a line is in it: {log}");
}

#[test]
fn the_filter_of_the_log_leaves_it_out() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    std::fs::write(folder.path().join("arenaria.toml"), config("all").to_toml()).expect("ours");
    let mut command = arenaria(&["serve"]);
    command.current_dir(folder.path()).env("ARENARIA_LOG", "info,arenaria::access=off");
    let server = Server::start_command(command, folder);
    server.get("/trap").check_problem(500, "trap");
    server.check_alive();
    until("the fault", || server.log().contains("lost an instance").then_some(()));
    check_count(&server, 0);
}

#[test]
fn a_reload_switches_it() {
    let reloaded = Reloaded::start("probe", &route("/", ""));
    let switch = |keys: &str, expected: &str| {
        let all = format!("log-format = \"text\"\n{keys}{}", server_keys());
        put(&reloaded.folder, "arenaria.toml", all + &route("/", ""));
        let response = reloaded.post();
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["access-log"].as_str().unwrap_or_default(), expected);
    };
    let count = || reloaded.server.log().matches(TARGET).count();
    reloaded.server.check_alive();
    switch("access-log = \"all\"\n", "all, one of 1");
    reloaded.server.check_alive();
    until("a line", || (count() == 1).then_some(()));
    switch("access-log = \"all\"\n", "");
    switch("access-log = \"errors\"\n", "errors");
    reloaded.server.check_alive();
    reloaded.server.get("/trap").check_problem(500, "trap");
    until("a line of the error", || (count() == 2).then_some(()));
    switch("", "off");
    reloaded.server.get("/trap").check_problem(500, "trap");
    reloaded.server.until_retired(&["trap"], 2);
    assert_eq!(count(), 2, "{}", reloaded.server.log());
    // The form of the log is fixed.
    let keys = format!("log-format = \"json\"\n{}", server_keys());
    put(&reloaded.folder, "arenaria.toml", keys + &route("/", ""));
    let why = reloaded.check_refused(409, "needs-restart");
    assert!(why.contains("expected log-format = \"text\" as at the start"), "{why}");
}

#[test]
fn a_sample_that_cannot_be_is_refused() {
    let file = component("hello").display().to_string();
    for sample in ["0", "1000000001"] {
        let arguments = ["serve", &file, "--check-config", "--access-log-sample", sample];
        let ended = finished(&mut arenaria(&arguments));
        let sentence = format!("expected access-log-sample from 1 to 1000000000, got {sample}");
        assert!(ended.code == Some(1) && ended.stderr.contains(&sentence), "{ended:?}");
    }
    let ended = finished(&mut arenaria(&["serve", &file, "--access-log", "some"]));
    assert!(ended.code == Some(2) && ended.stderr.contains("off, errors, all"), "{ended:?}");
}
