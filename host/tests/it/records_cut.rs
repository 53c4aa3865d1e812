//! Streams of records that fail: clients that leave, stall or do not read, and processors that
//! fault. Earlier results stay valid, and a truncated response cannot pass for a complete one.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Connection, Request, Response};
use crate::config::Config;
use crate::harness::Server;
use crate::records::{lines, records, stream};

const HEAD: &str = "POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-ndjson\r\n";

/// The response to a stream that ended too early. It must not look complete.
#[track_caller]
fn check_incomplete(connection: &mut Connection) {
    match connection.try_response(false) {
        Ok(Some(Response { status: 200, complete, body, .. })) => {
            assert!(!complete, "a cut stream looks complete: {} bytes", body.len());
        }
        Ok(Some(response)) => {
            assert!(matches!(response.status, 400 | 408), "{response:?}");
            let content_type = response.header("content-type");
            assert_eq!(content_type, Some("application/problem+json"), "{response:?}");
        }
        Ok(None) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}

#[track_caller]
fn check_good(server: &Server) {
    assert_eq!(lines(&stream(server, b"1\n2\n".to_vec())), [json!(1), json!(2)]);
    server.until_settled();
}

#[test]
fn an_upload_cut_short_is_answered_without_an_end() {
    let server = Server::start(&records("."));
    let record = format!("\"{}\"\n", "r".repeat(1000));
    for (framing, body) in [
        ("transfer-encoding: chunked", "5\r\n1\n2\n3"),
        ("transfer-encoding: chunked", "4\r\n1\n2\n\r\n"),
        ("content-length: 1000", "1\n2\n3\n"),
        ("content-length: 10000000", &record.repeat(500)),
    ] {
        let mut connection = server.connect();
        connection.send(format!("{HEAD}{framing}\r\n\r\n{body}"));
        connection.finish_sending();
        check_incomplete(&mut connection);
        drop(connection);
        check_good(&server);
    }
}

#[test]
fn what_was_sent_before_the_cut_is_answered() {
    let server = Server::start(&records("."));
    let mut connection = server.connect();
    let record = format!("\"{}\"\n", "r".repeat(1000));
    let part = record.repeat(2000);
    connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    let mut sender = connection.stream();
    let bytes = format!("{:x}\r\n{part}\r\n", part.len());
    let sending = std::thread::spawn(move || sender.write_all(bytes.as_bytes()));
    let (status, _) = connection.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 200);
    let first = connection.chunk().expect("a chunk").expect("not cut");
    assert!(first.starts_with(record.as_bytes()));
    let mut answered = first;
    // Read some results, so that the server continues to read, then leave in the middle.
    while answered.len() < part.len() / 2 {
        answered.extend(connection.chunk().expect("a chunk").expect("not cut"));
    }
    connection.finish_sending();
    let _ = sending.join().expect("writing does not panic");
    loop {
        match connection.chunk() {
            Ok(Some(chunk)) if chunk.is_empty() => panic!("a cut stream looks complete"),
            Ok(Some(chunk)) => answered.extend(chunk),
            Ok(None) | Err(_) => break,
        }
    }
    assert!(answered.chunks(record.len()).all(|line| record.as_bytes().starts_with(line)));
    drop(connection);
    check_good(&server);
}

#[test]
fn a_client_that_stalls_is_not_waited_for() {
    let server = Server::start(&records(".").limit("body-time", "300ms"));
    for body in ["", "4\r\n1\n2\n\r\n", "ff\r\n1\n2\n3"] {
        let mut connection = server.connect();
        connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n{body}"));
        check_incomplete(&mut connection);
        drop(connection);
        check_good(&server);
    }
}

#[test]
fn a_stream_may_last_longer_than_the_time_between_two_reads() {
    // A stream also counts neither as a slow head nor as an idle connection.
    let config = records(".").limit("body-time", "2s");
    let server = Server::start(&config.limit("head-time", "300ms").limit("idle-time", "300ms"));
    let mut connection = server.connect();
    connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    for n in 0..10 {
        connection.send(format!("2\r\n{n}\n\r\n"));
        server.until_idle_is_over();
    }
    connection.send("0\r\n\r\n");
    let expected: Vec<Value> = (0..10).map(Value::from).collect();
    assert_eq!(lines(&connection.response()), expected);
    drop(connection);
    check_good(&server);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let server = Server::start(&records("."));
    let mut connection = server.connect();
    connection.send(format!("{HEAD}transfer-encoding: chunked\r\n\r\n"));
    let before = server.resident_bytes();
    let part = format!("\"{}\"\n", "r".repeat(998)).repeat(1000);
    let bytes = format!("{:x}\r\n{part}\r\n", part.len());
    let mut sender = connection.stream();
    sender.set_write_timeout(Some(Duration::from_secs(2))).expect("a socket has this option");
    // First the buffers of the sockets fill up, then those of the server, which are limited.
    let stuck = (0..128).find(|_| sender.write_all(bytes.as_bytes()).is_err());
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(stuck.is_some(), "128 MB were read for a client that reads nothing");
    assert!(grown < 40 << 20, "the process grew by {grown} bytes");
    drop((sender, connection));
    check_good(&server);
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let server = Server::start(&records(".").limit("response-time", "300ms"));
    let connection = server.connect();
    let mut sender = connection.stream();
    sender.write_all(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes()).expect("room");
    let part = format!("\"{}\"\n", "r".repeat(998)).repeat(1000);
    let bytes = format!("{:x}\r\n{part}\r\n", part.len());
    let ended = (0..128).find_map(|_| sender.write_all(bytes.as_bytes()).err());
    let ended = ended.expect("128 MB were read for a client that reads nothing");
    assert!(matches!(ended.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended}");
    check_good_after(&server, connection);
}

#[track_caller]
fn check_good_after(server: &Server, connection: Connection) {
    drop(connection);
    check_good(server);
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let server = Server::start(&records("."));
    let record = format!("\"{}\"\n", "r".repeat(1000)).repeat(300);
    for _ in 0..10 {
        let mut connection = server.connect();
        connection.send(format!("{HEAD}content-length: 10000000\r\n\r\n{record}"));
        let head = connection.try_head().expect("a head").expect("not closed");
        assert_eq!(head.0, 200);
    }
    check_good(&server);
}

/// A record that faults affects at most its batch. Earlier records have their results. The fault is
/// reported in the stream with the exceeded limit, or the stream ends without its last chunk.
#[track_caller]
fn check_fault(server: &Server, poison: &str, kind: &str) {
    let good = |n: u64| format!("{{\"n\":{n},\"p\":\"{}\"}}\n", "p".repeat(2000));
    let mut input: String = (1..=600).map(good).collect();
    input += poison;
    input += "\n";
    input.extend((602..=1200).map(good));
    let response = stream(server, input.into());
    assert_eq!(response.status, 200, "{response:?}");
    let text = response.text();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let answers: Vec<Value> =
        whole.lines().map(|line| serde_json::from_str(line).expect("whole lines")).collect();
    let numbers: Vec<u64> = answers.iter().filter_map(Value::as_u64).collect();
    assert!(numbers.is_sorted(), "out of order");
    let kinds: Vec<&str> =
        answers.iter().filter_map(|answer| answer["error"]["type"].as_str()).collect();
    assert!(!kinds.is_empty() || !response.complete, "a fault was not reported");
    for found in &kinds {
        assert_eq!(*found, format!("urn:arenaria:problem:{kind}"), "{kinds:?}");
    }
    if response.complete {
        // Every record has a result, or is in the batch of the fault and has an error line.
        assert_eq!(numbers.last(), Some(&1200));
        let records: Vec<u64> =
            answers.iter().filter_map(|answer| answer["error"]["record"].as_u64()).collect();
        assert!(records.iter().all(|record| (1..=601).contains(record)), "{records:?}");
    }
    assert_eq!(lines(&stream(server, b"{\"n\":1}\n".to_vec())), [json!(1)]);
    server.until_settled();
}

#[test]
fn a_record_that_loops_is_ended() {
    let config = records("if .loop then def f: f; f else .n end").limit("guest-time", "500ms");
    check_fault(&Server::start(&config), "{\"loop\":true}", "guest-time");
}

#[test]
fn a_record_that_exhausts_the_memory_is_ended() {
    let server = Server::start(&records("if .hoard then [range(1e9)] else .n end"));
    check_fault(&server, "{\"hoard\":true}", "memory");
}

#[test]
fn a_processor_that_knows_nothing_of_records_is_given_batches() {
    let server = Server::start(&Config::probe().route_key("records", true));
    let input: Vec<u8> = (0..50_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    let post = |target: &str, body: &[u8]| {
        let request = Request::post(target, body).header("content-type", "application/x-ndjson");
        server.exchange(&request)
    };
    post("/echo", &input).check(200, &input);
    for target in ["/trap", "/status/99", "/recurse"] {
        let faulted = post(target, b"1\n2\n");
        let told =
            faulted.status >= 500 || !faulted.complete || faulted.text().contains("problem:");
        assert!(told, "{target}: {faulted:?}");
        server.check_alive();
    }
    server.until_settled();
}
