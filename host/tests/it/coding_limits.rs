//! The limits on request bodies with a content coding: the decoded size, the ratio, the window, and the memory
//! of all decoders together. Streams of records that cannot be decoded are cut after a line that says why.

use serde_json::Value;

use crate::client::{Connection, Request, Response, chunked};
use crate::coding::{ALL, brotli, coded, gzip, text, zstd};
use crate::config::Config;
use crate::harness::{Server, until};
use crate::records::lines;

#[test]
fn the_limit_of_a_body_holds_for_the_decoded_bytes() {
    let config = Config::probe().limit("request-body", "10KiB").limit("decoding-ratio", 1_000_000);
    let server = Server::start(&config);
    for (name, encode) in ALL {
        let fits = vec![b'x'; 10 << 10];
        server.exchange(&coded(name, encode(&fits))).check(200, &fits);
        for bytes in [(10 << 10) + 1, 100 << 10, 10 << 20] {
            let refused = server.exchange(&coded(name, encode(&vec![b'x'; bytes])));
            refused.check_limit(413, "body-too-large", "request-body", "10KiB");
        }
    }
    server.check_alive();
}

#[test]
fn the_limit_of_a_body_holds_for_the_encoded_bytes() {
    let server = Server::start(&Config::probe().limit("request-body", "1KiB"));
    // Announced: refused before any of it is read.
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-encoding: gzip\r\n");
    connection.send("content-length: 1025\r\n\r\n");
    connection.response().check_limit(413, "body-too-large", "request-body", "1KiB");
    // Not announced: what decodes to nothing would go on for ever.
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-encoding: gzip\r\n");
    connection.send("transfer-encoding: chunked\r\n\r\n");
    let endless = chunked(&gzip(b"").repeat(100), 20);
    connection.send(&endless[..endless.len() - 5]);
    connection.response().check_limit(413, "body-too-large", "request-body", "1KiB");
    server.check_alive();
}

#[test]
fn a_body_that_expands_too_much_is_refused() {
    let server = Server::start(&Config::probe());
    let bomb = vec![0; 1 << 20];
    for (name, encode) in ALL {
        let encoded = encode(&bomb);
        assert!(encoded.len() * 100 < bomb.len(), "{name} makes it {}", encoded.len());
        let refused = server.exchange(&coded(name, encoded));
        refused.check_limit(413, "decoding-ratio", "decoding-ratio", "100");
        // A short body may have any ratio.
        let short = vec![0; 64 << 10];
        server.exchange(&coded(name, encode(&short))).check(200, &short);
    }
    server.check_alive();
}

#[test]
fn a_route_has_its_own_ratio() {
    let config = Config::probe()
        .limit("decoding-ratio", 1)
        .route("/echo", "probe")
        .route_limit("decoding-ratio", 1_000_000);
    let server = Server::start(&config);
    let body = vec![0; 1 << 20];
    for (name, encode) in ALL {
        server.exchange(&coded(name, encode(&body))).check(200, &body);
        let request = Request::post("/head", encode(&body)).header("content-encoding", name);
        let refused = server.exchange(&request);
        refused.check_limit(413, "decoding-ratio", "decoding-ratio", "1");
    }
}

/// zstd with a window of 2^log bytes, of which little is used.
fn zstd_with_window(log: u32, document: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("there is memory");
    encoder.window_log(log).expect("zstd knows such windows");
    std::io::Write::write_all(&mut encoder, document).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

fn brotli_with_window(log: i32, document: &[u8]) -> Vec<u8> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 3,
        lgwin: log,
        large_window: log > 24,
        ..<_>::default()
    };
    let mut encoded = Vec::new();
    brotli::BrotliCompress(&mut &document[..], &mut encoded, &parameters).expect("a vector");
    encoded
}

#[test]
fn a_window_larger_than_http_allows_is_refused() {
    let server = Server::start(&Config::probe());
    let document = text(100_000);
    server.exchange(&coded("zstd", zstd_with_window(23, &document))).check(200, &document);
    server.exchange(&coded("br", brotli_with_window(24, &document))).check(200, &document);
    let too_large = [
        ("zstd", zstd_with_window(24, &document)),
        ("zstd", zstd_with_window(27, &document)),
        ("br", brotli_with_window(26, &document)),
    ];
    for (name, encoded) in too_large {
        let problem = server.exchange(&coded(name, encoded)).check_problem(400, "bad-coding");
        assert!(problem["detail"].as_str().expect("a text").contains("window"), "{problem}");
    }
    // In a stream of records the body has no limit, but the window has.
    let streams = Server::start(&Config::program(".").route_key("records", true));
    let parts = text(6 << 20);
    let records = parts.chunks(100).map(|part| format!("\"{}\"\n", String::from_utf8_lossy(part)));
    let records = records.collect::<String>();
    let encoded = |log| brotli_with_window(log, records.as_bytes());
    assert!(stream(&streams, "br", &encoded(22)).complete);
    let (_, error) = cut_lines(&stream(&streams, "br", &encoded(24)));
    assert!(error["detail"].as_str().expect("a text").contains("window"), "{error}");
    server.check_alive();
}

#[test]
fn a_window_is_a_part_of_the_memory_for_bodies() {
    // 2 MiB of it are for bodies.
    let server = Server::start(&Config::probe().limit("host-memory", "4MiB"));
    let document = text(1 << 20);
    for (name, encoded) in
        [("zstd", zstd_with_window(22, &document)), ("br", brotli_with_window(22, &document))]
    {
        let refused = server.exchange(&coded(name, encoded));
        refused.check_limit(503, "saturated", "host-memory", "4MiB");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    let small = text(100_000);
    for (name, encode) in ALL {
        server.exchange(&coded(name, encode(&small))).check(200, &small);
    }
}

/// Sends most of a coded body on each of several connections.
fn half_sent(server: &Server, name: &str, encoded: &[u8], count: usize) -> Vec<Connection> {
    (0..count)
        .map(|_| {
            let mut connection = server.connect();
            let length = encoded.len();
            connection.send("POST /echo HTTP/1.1\r\nhost: test\r\n");
            connection
                .send(format!("content-encoding: {name}\r\ncontent-length: {length}\r\n\r\n"));
            // The server may refuse the body before all of it has arrived.
            let _ = connection.try_send(&encoded[..length - 1]);
            connection
        })
        .collect()
}

#[test]
fn decoders_on_their_way_are_bounded_together() {
    let server = Server::start(&Config::probe().limit("host-memory", "4MiB"));
    let document = text(100_000);
    for (name, encode) in ALL {
        let encoded = encode(&document);
        // Each needs 200 KiB or more, and 2 MiB are for all.
        let mut clients = half_sent(&server, name, &encoded, 20);
        until("some are refused", || {
            let answered = clients.iter_mut().map(Connection::silent).filter(|silent| !silent);
            (answered.count() >= 5).then_some(())
        });
        assert_eq!(server.get("/head").status, 200, "a request without a body is served");
        let (mut served, mut refused) = (0, 0);
        for client in &mut clients {
            let _ = client.try_send(&encoded[encoded.len() - 1..]);
            let response = client.response();
            if response.status == 200 {
                response.check(200, &document);
                served += 1;
            } else {
                response.check_limit(503, "saturated", "host-memory", "4MiB");
                refused += 1;
            }
        }
        assert!(served >= 1 && refused >= 5, "{name}: {served} served, {refused} refused");
        // Clients that leave give back what they held.
        drop(half_sent(&server, name, &encoded, 20));
        drop(clients);
        let body = vec![b'y'; 1 << 20];
        until("the memory goes back", || {
            (server.post("/echo", &body[..]).status == 200).then_some(())
        });
        server.exchange(&coded(name, &encoded[..])).check(200, &document);
    }
    server.until_settled();
}

/// A stream of records with a coding.
#[track_caller]
fn stream(server: &Server, name: &str, encoded: &[u8]) -> Response {
    let request = coded(name, encoded).header("content-type", "application/x-ndjson");
    server.exchange(&request)
}

/// The error lines of a stream that was cut, and the lines before them.
#[track_caller]
fn cut_lines(response: &Response) -> (Vec<Value>, Value) {
    assert_eq!(response.status, 200, "{response:?}");
    assert!(!response.complete, "a stream that cannot be decoded looks complete");
    let text = response.text();
    let parse = |line| serde_json::from_str::<Value>(line).expect("whole lines");
    let mut lines: Vec<_> = text.lines().map(parse).collect();
    let last = lines.pop().expect("the last line says why");
    (lines, last["error"].clone())
}

#[test]
fn a_stream_that_cannot_be_decoded_is_cut_after_a_line_that_says_why() {
    let server = Server::start(&Config::program(".").route_key("records", true));
    for (name, encode) in ALL {
        let encoded = encode(b"1\n2\n3");
        let (before, error) = cut_lines(&stream(&server, name, &encoded[..encoded.len() - 1]));
        // What is decoded before depends on the coding.
        assert!(before.iter().zip(1..).all(|(line, n)| *line == n), "{before:?}");
        assert_eq!(error["type"], "urn:arenaria:problem:bad-coding", "{error}");
        assert_eq!(error["record"], before.len() + 1, "{error}");
        assert_eq!(lines(&stream(&server, name, &encode(b"1\n2\n3"))), [1, 2, 3]);
    }
    let mut encoded = gzip(b"1\n2\n3");
    let at = encoded.len() - 8;
    encoded[at] ^= 1;
    let (before, error) = cut_lines(&stream(&server, "gzip", &encoded));
    assert_eq!(before, [1, 2], "an incomplete record is not processed");
    assert!(error["detail"].as_str().expect("a text").contains("checksum"), "{error}");
    server.until_settled();
}

#[test]
fn a_stream_that_expands_too_much_is_cut() {
    let server = Server::start(&Config::program("length").route_key("records", true));
    let bomb = "[1,2]\n".repeat(1 << 20);
    for (name, encode) in ALL {
        let (before, error) = cut_lines(&stream(&server, name, &encode(bomb.as_bytes())));
        assert!(before.iter().all(|line| *line == 2) && before.len() < 1 << 20);
        assert_eq!(error["type"], "urn:arenaria:problem:decoding-ratio", "{error}");
        assert_eq!(error["limit"], "decoding-ratio", "{error}");
        assert_eq!(error["value"], "100", "{error}");
    }
    server.until_settled();
}

#[test]
fn a_record_too_long_after_decoding_is_answered_in_its_place() {
    let config = Config::program("length").route_key("records", true);
    let server = Server::start(&config.limit("request-body", "64KiB"));
    let long = format!("\"{}\"", String::from_utf8(text(70_000)).expect("it is a text"));
    for (name, encode) in ALL {
        let answers =
            lines(&stream(&server, name, &encode(format!("[1]\n{long}\n[]\n").as_bytes())));
        assert_eq!(answers.len(), 3, "{name}");
        assert_eq!([&answers[0], &answers[2]], [&Value::from(1), &Value::from(0)]);
        assert_eq!(answers[1]["error"]["type"], "urn:arenaria:problem:body-too-large");
        assert_eq!(answers[1]["error"]["record"], 2);
    }
    // The whole stream has no limit, neither encoded nor decoded.
    for (name, encode) in ALL {
        let parts = text(200_000);
        let records =
            parts.chunks(100).map(|part| format!("\"{}\"\n", String::from_utf8_lossy(part)));
        let encoded = encode(records.collect::<String>().as_bytes());
        assert!(encoded.len() > 64 << 10, "{name}");
        assert_eq!(lines(&stream(&server, name, &encoded)).len(), 2000, "{name}");
    }
}

#[test]
fn a_stream_without_memory_for_its_window_is_cut() {
    let config = Config::program(".").route_key("records", true).limit("host-memory", "4MiB");
    let server = Server::start(&config);
    let parts = text(4 << 20);
    let records = parts.chunks(100).map(|part| format!("\"{}\"\n", String::from_utf8_lossy(part)));
    let encoded = zstd_with_window(23, records.collect::<String>().as_bytes());
    let cut = stream(&server, "zstd", &encoded);
    assert!(!cut.complete, "the window took more memory than there is");
    assert!(!cut.body.is_empty(), "the window was charged before it was written to");
    // A window that is only announced costs nothing.
    let announced = zstd_with_window(23, b"1\n2\n");
    assert_eq!(lines(&stream(&server, "zstd", &announced)), [1, 2]);
    assert_eq!(lines(&stream(&server, "br", &brotli(b"1\n2\n"))), [1, 2]);
    server.until_settled();
}

#[test]
fn a_neighbour_is_served_while_a_large_body_is_decoded() {
    let config = Config::probe().route_key("records", true).limit("decoding-ratio", 1_000_000);
    let server = Server::start(&config);
    let mut neighbour = server.connect();
    // One record of 8 GiB, which is skipped, so that the processor has nothing to do with it.
    let encoded = zstd(&vec![b'x'; 64 << 20]).repeat(128);
    let request = coded("zstd", encoded).header("content-type", "application/x-ndjson");
    let mut large = server.begin(&request);
    let (status, _) = large.try_head().expect("a head").expect("not closed");
    assert_eq!(status, 200);
    let line = large.chunk().expect("a chunk").expect("not cut");
    assert!(String::from_utf8_lossy(&line).contains("body-too-large"), "the record is skipped");
    neighbour.exchange(&Request::post("/echo", "meanwhile")).check(200, "meanwhile");
    assert!(large.silent(), "the neighbour waited until all of it was decoded");
}
