//! Streams of records. They are split at line ends and processed in order, in a memory of fixed
//! size for a stream of any length. The end of a response shows whether it is complete or
//! truncated.

use std::io::Write;
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::client::{Request, Response, chunked};
use crate::config::Config;
use crate::harness::Server;

const HEAD: &str = "POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-ndjson\r\n";

/// A route that runs a program on each record.
pub(crate) fn records(program: &str) -> Config {
    Config::program(program).route_key("records", true)
}

/// Sends a stream of records from another thread, as curl does, and reads the response at the same
/// time.
#[track_caller]
pub(crate) fn stream(server: &Server, body: Vec<u8>) -> Response {
    let mut connection = server.connect();
    let mut sender = connection.stream();
    let head = format!("{HEAD}content-length: {}\r\n\r\n", body.len());
    let sending = thread::spawn(move || {
        sender.write_all(head.as_bytes())?;
        sender.write_all(&body)
    });
    let response = connection.response();
    // The server may stop reading. Then the response says why.
    let _ = sending.join().expect("writing does not panic");
    response
}

/// The lines of a complete response, each a document.
#[track_caller]
pub(crate) fn lines(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.complete, "cut after {} bytes", response.body.len());
    let content_type = response.header("content-type");
    assert_eq!(content_type, Some("application/x-ndjson"), "{:?}", response.headers);
    assert!(response.body.is_empty() || response.body.ends_with(b"\n"), "no end of line");
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    response.text().lines().map(parse).collect()
}

#[track_caller]
fn check(program: &str, input: &str, expected: &[Value]) {
    let server = Server::start(&records(program));
    assert_eq!(lines(&stream(&server, input.into())), expected, "{program} on {input:?}");
    server.until_settled();
}

#[test]
fn each_record_is_answered_in_order() {
    let input: String = (0..10_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let expected: Vec<Value> = (0..10_000).map(Value::from).collect();
    check(".n", &input, &expected);
}

#[test]
fn a_record_may_have_many_outputs_or_none() {
    check(".[]", "[1,2]\n[]\n[3]\n", &[json!(1), json!(2), json!(3)]);
    check("empty", "1\n2\n3\n", &[]);
}

#[test]
fn the_last_line_needs_no_end() {
    check(".", "1\n2", &[json!(1), json!(2)]);
    check(".", "1", &[json!(1)]);
}

#[test]
fn empty_lines_and_carriage_returns_are_no_records() {
    check(".", "1\r\n\n\n2\r\n\r\n", &[json!(1), json!(2)]);
    check(".", "\n\n\n", &[]);
}

#[test]
fn a_stream_of_nothing_is_answered() {
    let server = Server::start(&records("."));
    let response = stream(&server, Vec::new());
    assert!(matches!(response.status, 200 | 204), "{response:?}");
    assert!(response.complete && response.body.is_empty(), "{response:?}");
    assert_eq!(lines(&stream(&server, b"1\n".to_vec())), [json!(1)]);
}

/// The error lines in a response: line, status, record.
#[track_caller]
fn errors(lines: &[Value]) -> Vec<(usize, u64, u64)> {
    let errors = lines.iter().enumerate().filter_map(|(place, line)| {
        let error = line.get("error")?;
        let text = |member| error[member].as_str().is_some_and(|text: &str| !text.is_empty());
        assert!(text("title") && text("detail"), "{line}");
        let kind = error["type"].as_str().expect("a type");
        assert!(kind.starts_with("urn:arenaria:problem:"), "{line}");
        Some((place, error["status"].as_u64()?, error["record"].as_u64()?))
    });
    errors.collect()
}

#[test]
fn a_bad_record_is_answered_in_its_place() {
    let server = Server::start(&records(".a"));
    let input = "{\"a\":1}\n{\"a\":\n{\"a\":2}\n7\n{\"a\":3}\n";
    let answers = lines(&stream(&server, input.into()));
    assert_eq!(errors(&answers), [(1, 400, 2), (3, 422, 4)]);
    assert_eq!(answers[1]["error"]["offset"].as_u64(), Some(5), "{}", answers[1]);
    assert_eq!([&answers[0], &answers[2], &answers[4]], [&json!(1), &json!(2), &json!(3)]);
    assert_eq!(answers.len(), 5);
    server.until_settled();
}

#[test]
fn a_bad_record_is_numbered_within_the_whole_stream() {
    // Enough for many batches, with empty lines, which count as records.
    let bad = [1_u64, 999, 20_000, 59_998, 60_000];
    let input: String = (1..=60_000)
        .map(|n| match n {
            n if bad.contains(&n) => "{bad}\n".to_owned(),
            n if n % 1000 == 0 => "\n".to_owned(),
            n => format!("{{\"number\":{n},\"padding\":\"{}\"}}\n", "p".repeat(40)),
        })
        .collect();
    let server = Server::start(&records(".number"));
    let answers = lines(&stream(&server, input.into()));
    let records: Vec<u64> = errors(&answers).iter().map(|&(_, _, record)| record).collect();
    assert_eq!(records, bad);
    let numbers: Vec<u64> = answers.iter().filter_map(Value::as_u64).collect();
    let good = (1..=60_000).filter(|n| !bad.contains(n) && n % 1000 != 0);
    assert_eq!(numbers, good.collect::<Vec<_>>());
}

#[test]
fn a_record_longer_than_the_limit_is_answered_in_its_place() {
    let server = Server::start(&records("length").limit("request-body", "64KiB"));
    let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let input =
        format!("[1]\n{}\n[1,2]\n{}\n{}\n[]\n", long(65_537), long(65_536), long(1_000_000));
    let answers = lines(&stream(&server, input.into()));
    assert_eq!(errors(&answers), [(1, 413, 2), (4, 413, 5)]);
    assert_eq!(answers[1]["error"]["type"], "urn:arenaria:problem:body-too-large");
    assert_eq!([&answers[0], &answers[2], &answers[3]], [&json!(1), &json!(2), &json!(65_534)]);
    assert_eq!(answers[5], json!(0));
    assert_eq!(lines(&stream(&server, b"[]\n".to_vec())), [json!(0)]);
    server.until_settled();
}

#[test]
fn twenty_mebibytes_pass_through_sixteen() {
    let server = Server::start(&records("{n,size:(.text|length)}"));
    let text = "t".repeat(400);
    let count = (20 << 20) / 420;
    let input: String =
        (0..count).map(|n| format!("{{\"n\":{n},\"text\":\"{text}\"}}\n")).collect();
    assert!(input.len() >= 20 << 20, "{}", input.len());
    let before = server.resident_bytes();
    let answers = lines(&stream(&server, input.into()));
    let grown = server.resident_bytes().saturating_sub(before);
    assert_eq!(answers.len(), count);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer, &json!({"n": n, "size": 400}));
    }
    // The memory of the instance and the buffers of two sockets, but not the whole stream.
    assert!(grown < 28 << 20, "the process grew by {grown} bytes");
    let settled = server.until_settled();
    let highest = settled.sum("arenaria_arena_high_water_bytes", &[]);
    assert!(highest < f64::from(16 << 20), "{highest}");
    assert!(settled.sum("arenaria_arena_resets_total", &[]) > 10.0, "not split into batches");
}

/// `records`, split into chunks of `size` bytes.
fn stream_chunked(server: &Server, records: &[u8], size: usize) -> Response {
    let mut connection = server.connect();
    connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    let mut sender = connection.stream();
    let body = chunked(records, size);
    let sending = thread::spawn(move || sender.write_all(&body));
    let response = connection.response();
    let _ = sending.join().expect("writing does not panic");
    response
}

#[test]
fn a_record_is_put_together_from_many_chunks() {
    let server = Server::start(&records(".n"));
    let input: String = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let expected: Vec<Value> = (0..500).map(Value::from).collect();
    for size in [1, 7, 1000, 1 << 20] {
        assert_eq!(lines(&stream_chunked(&server, input.as_bytes(), size)), expected, "{size}");
    }
    server.until_settled();
}

#[test]
fn answers_come_while_the_stream_goes_on() {
    let server = Server::start(&records("."));
    let mut connection = server.connect();
    connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    // More than a batch: a server that waits for the end would never respond.
    let record = format!("\"{}\"\n", "r".repeat(1000));
    let part = record.repeat(1000);
    let mut sender = connection.stream();
    let bytes = format!("{:x}\r\n{part}\r\n", part.len());
    let (go_on, told) = mpsc::channel();
    let sending = thread::spawn(move || {
        sender.write_all(bytes.as_bytes())?;
        told.recv().expect("the test goes on");
        (0..3).try_for_each(|_| sender.write_all(bytes.as_bytes()))?;
        sender.write_all(b"0\r\n\r\n")
    });
    let (status, _) = connection.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 200);
    let mut answered = connection.chunk().expect("a chunk").expect("not cut");
    assert!(answered.starts_with(record.as_bytes()), "{} bytes", answered.len());
    go_on.send(()).expect("the sender waits");
    loop {
        let chunk = connection.chunk().expect("a chunk").expect("not cut");
        if chunk.is_empty() {
            break;
        }
        answered.extend(chunk);
    }
    sending.join().expect("writing does not panic").expect("the server reads on");
    assert!(answered == record.repeat(4000).as_bytes(), "{} bytes", answered.len());
    // The connection can be used again after a stream.
    let next = Request::post("/", "[1]").header("content-type", "application/json");
    connection.exchange(&next).check(200, "[1]\n");
}

#[test]
fn a_stream_that_cannot_begin_is_told_why() {
    let config = records("if .loop then def f: f; f else . end")
        .limit("guest-time", "2s")
        .limit("queue-time", "100ms");
    let server = Server::start(&config);
    let mut looping = server.begin(&Request::post("/", "{\"loop\":true}"));
    server.until_busy(1.0);
    let good = || b"{}\n{}\n".to_vec();
    let shed = stream(&server, good());
    shed.check_limit(503, "saturated", "queue-time", "100ms");
    // Also if the client sends more than the buffers hold. The server reads and discards the rest.
    let shed = stream(&server, b"{}\n".repeat(1_000_000));
    shed.check_limit(503, "saturated", "queue-time", "100ms");
    assert_eq!(shed.header("connection"), Some("close"));
    assert_eq!(looping.response().status, 504);
    // HTTP/1.0 has no chunks, so its client could not tell a truncated stream from a complete one.
    let mut connection = server.connect();
    connection.send(HEAD.replace("HTTP/1.1", "HTTP/1.0") + "content-length: 4\r\n\r\n{}\n\n");
    connection.response().check_problem(400, "bad-request");
    assert_eq!(lines(&stream(&server, good())), [json!({}), json!({})]);
}

#[test]
fn other_content_types_are_one_document() {
    let server = Server::start(&records("."));
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let request = Request::post("/", "{\"a\":1}").header("content-type", content_type);
        assert_eq!(server.exchange(&request).json(), json!({"a": 1}), "{content_type}");
    }
    for content_type in
        ["application/jsonl", "application/ndjson", "Application/X-NDJSON; charset=utf-8"]
    {
        let request = Request::post("/", "1\n2\n").header("content-type", content_type);
        assert_eq!(lines(&server.exchange(&request)), [json!(1), json!(2)], "{content_type}");
    }
}

#[test]
fn without_the_setting_records_are_one_body() {
    let server = Server::start(&Config::program(".a").limit("request-body", "1KiB"));
    let post = |body: String| {
        server.exchange(&Request::post("/", body).header("content-type", "application/x-ndjson"))
    };
    let answers = lines(&post("{\"a\":1}\n{\n\n{\"a\":2}\n".into()));
    assert_eq!(errors(&answers), [(1, 400, 2)]);
    assert_eq!((&answers[0], &answers[2]), (&json!(1), &json!(2)));
    post("{\"a\":1}\n".repeat(200)).check_limit(413, "body-too-large", "request-body", "1KiB");
    assert_eq!(lines(&post("{\"a\":3}".into())), [json!(3)]);
}
