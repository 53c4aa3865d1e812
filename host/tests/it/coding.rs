//! Request bodies with a content coding: a processor gets them decoded. Damage is named, and costs only its
//! request.

use std::io::Write as _;

use proptest::prelude::*;

use crate::client::{Request, Response, chunked};
use crate::config::Config;
use crate::harness::Server;
use crate::records::lines;

/// A coding: its name, and how a document is encoded.
pub(crate) type Coding = (&'static str, fn(&[u8]) -> Vec<u8>);

pub(crate) const ALL: [Coding; 3] = [("gzip", gzip), ("zstd", zstd), ("br", brotli)];

pub(crate) fn gzip(document: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(document).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

pub(crate) fn zstd(document: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("there is memory");
    encoder.include_checksum(true).expect("nothing is encoded yet");
    encoder.write_all(document).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

pub(crate) fn brotli(document: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 3, lgwin: 18, ..<_>::default() };
    brotli::BrotliCompress(&mut &document[..], &mut encoded, &parameters)
        .expect("a vector takes everything");
    encoded
}

/// A text that can be compressed, but not much.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(16);
    (0..bytes).map(|_| random.alphanumeric() as u8).collect()
}

pub(crate) fn coded(coding: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post("/echo", body).header("content-encoding", coding)
}

/// Sends a body in chunks of this size.
#[track_caller]
fn in_chunks(server: &Server, coding: &str, body: &[u8], size: usize) -> Response {
    let mut connection = server.connect();
    let head = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n";
    connection.send(format!("{head}content-encoding: {coding}\r\n\r\n"));
    // A body that is refused early may not be read to its end.
    let _ = connection.try_send(chunked(body, size));
    connection.response()
}

#[test]
fn a_body_is_decoded_however_it_arrives() {
    let server = Server::start(&Config::probe());
    for (name, encode) in ALL {
        for document in [&b"x"[..], b"{\"a\": [1, 2, 3]}", &text(3000), &text(300_000)] {
            let encoded = encode(document);
            assert_ne!(encoded, document);
            server.exchange(&coded(name, &encoded[..])).check(200, document);
            server.exchange(&coded(&name.to_uppercase(), &encoded[..])).check(200, document);
            in_chunks(&server, name, &encoded, 4096).check(200, document);
            if encoded.len() < 10_000 {
                in_chunks(&server, name, &encoded, 1).check(200, document);
            }
        }
    }
    server.exchange(&coded("x-gzip", gzip(b"old"))).check(200, "old");
    let settled = server.until_settled();
    assert_eq!(settled.sum("arenaria_retirements_total", &[]), 0.0);
}

#[test]
fn a_body_arrives_one_byte_at_a_time() {
    let server = Server::start(&Config::probe());
    for (name, encode) in ALL {
        let encoded = encode(b"slow");
        let mut connection = server.connect();
        let length = encoded.len();
        connection.send("POST /echo HTTP/1.1\r\nhost: test\r\n");
        connection.send(format!("content-encoding: {name}\r\ncontent-length: {length}\r\n\r\n"));
        for byte in encoded {
            connection.send([byte]);
            // An answered request on the same worker: so the byte was read by itself.
            assert_eq!(server.get("/head").status, 200);
        }
        connection.response().check(200, "slow");
    }
}

#[test]
fn a_body_without_a_coding_is_passed_as_it_is() {
    let server = Server::start(&Config::probe());
    let body = gzip(b"not looked into");
    server.post("/echo", &body[..]).check(200, &body);
    server.exchange(&coded("", &body[..])).check(200, &body);
    server.exchange(&coded("Identity", &body[..])).check(200, &body);
}

#[test]
fn an_empty_body_is_empty() {
    let server = Server::start(&Config::probe());
    for (name, encode) in ALL {
        server.exchange(&coded(name, encode(b""))).check(200, "");
        // Without a byte there is nothing to decode.
        server.exchange(&coded(name, "")).check(200, "");
        in_chunks(&server, name, b"", 1).check(200, "");
    }
    // A request without a body has no coding.
    let request = Request::get("/head").header("content-encoding", "compress");
    assert_eq!(server.exchange(&request).status, 200);
}

#[test]
fn members_and_frames_may_follow_each_other() {
    let server = Server::start(&Config::probe());
    let halves = [text(100_000), text(50)];
    let whole = halves.concat();
    for (name, encode) in [("gzip", gzip as fn(&[u8]) -> _), ("zstd", zstd)] {
        let encoded = [encode(&halves[0]), encode(b""), encode(&halves[1])].concat();
        server.exchange(&coded(name, &encoded[..])).check(200, &whole);
        in_chunks(&server, name, &encoded, 7).check(200, &whole);
    }
    let skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00any";
    let encoded = [&skippable[..], &zstd(b"after it"), skippable].concat();
    server.exchange(&coded("zstd", encoded)).check(200, "after it");
}

/// gzip with all fields that a header can have, and the checksum of the header.
fn with_fields() -> Vec<u8> {
    let plain = gzip(b"fields");
    let mut header = vec![0x1f, 0x8b, 8, 0b1_1110, 0, 0, 0, 0, 0, 255];
    header.extend_from_slice(b"\x03\x00abcname\0a comment\0");
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    header.extend_from_slice(&checksum.sum().to_le_bytes()[..2]);
    [&header, &plain[10..]].concat()
}

#[test]
fn the_fields_of_a_gzip_header_are_skipped() {
    let server = Server::start(&Config::probe());
    let body = with_fields();
    server.exchange(&coded("gzip", &body[..])).check(200, "fields");
    in_chunks(&server, "gzip", &body, 1).check(200, "fields");
    let mut plain = gzip(b"empty extra");
    plain[3] = 4;
    plain.splice(10..10, [0, 0]);
    server.exchange(&coded("gzip", plain)).check(200, "empty extra");
    let mut damaged = body.clone();
    damaged[14] ^= 1;
    check_flaw(&server, "gzip", &damaged, "checksum");
    let mut reserved = body;
    reserved[3] |= 0x20;
    check_flaw(&server, "gzip", &reserved, "cannot be decoded");
}

/// A body is refused with 400, however it arrives, and the next request is served.
#[track_caller]
fn check_flaw(server: &Server, coding: &str, body: &[u8], why: &str) {
    for response in [
        server.exchange(&coded(coding, body)),
        in_chunks(server, coding, body, 1),
        in_chunks(server, coding, body, 1000),
    ] {
        let problem = response.check_problem(400, "bad-coding");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(&format!("a body in {coding},")), "{detail}");
        assert!(detail.contains(why), "expected {why:?} in {detail:?}");
    }
    server.check_alive();
}

#[test]
fn a_body_that_ends_too_early_is_refused() {
    let server = Server::start(&Config::probe());
    for (name, encode) in ALL {
        let encoded = encode(&text(500));
        for length in 1..encoded.len() {
            let problem = server.exchange(&coded(name, &encoded[..length]));
            let problem = problem.check_problem(400, "bad-coding");
            let detail = problem["detail"].as_str().expect("a text");
            assert!(detail.contains("ends too early"), "{name}, {length}: {detail}");
        }
        check_flaw(&server, name, &encoded[..encoded.len() - 1], "ends too early");
    }
    let second = [gzip(b"a"), gzip(b"b")].concat();
    check_flaw(&server, "gzip", &second[..second.len() - 1], "ends too early");
    check_flaw(&server, "gzip", &second[..gzip(b"a").len() + 1], "ends too early");
}

#[test]
fn a_body_with_more_after_its_end_is_refused() {
    let server = Server::start(&Config::probe());
    for (name, encode) in ALL {
        let encoded = [&encode(b"a document")[..], b"more of it"].concat();
        check_flaw(&server, name, &encoded, "after its end");
    }
    check_flaw(&server, "br", &[brotli(b"a"), brotli(b"b")].concat(), "after its end");
    check_flaw(&server, "gzip", &[&gzip(b"a")[..], &[0]].concat(), "after its end");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let server = Server::start(&Config::probe());
    let mut encoded = zstd(b"a document");
    *encoded.last_mut().expect("it has a checksum") ^= 1;
    check_flaw(&server, "zstd", &encoded, "checksum");
    // The checksum and the length.
    for from_end in [8, 4, 1] {
        let mut encoded = gzip(b"a document");
        let at = encoded.len() - from_end;
        encoded[at] ^= 1;
        check_flaw(&server, "gzip", &encoded, "checksum");
    }
}

#[test]
fn bytes_of_another_format_are_refused() {
    let server = Server::start(&Config::probe());
    check_flaw(&server, "gzip", b"{\"a\": 1}", "cannot be decoded");
    check_flaw(&server, "zstd", b"{\"a\": 1}", "cannot be decoded");
    check_flaw(&server, "br", b"{\"a\": 1}", "");
    check_flaw(&server, "gzip", &zstd(b"x"), "cannot be decoded");
    check_flaw(&server, "zstd", &gzip(b"x"), "cannot be decoded");
    // Another method of compression, and a block of a type that is reserved.
    check_flaw(&server, "gzip", &[0x1f, 0x8b, 7], "cannot be decoded");
    let reserved = [&gzip(b"")[..10], &[0b111]].concat();
    check_flaw(&server, "gzip", &reserved, "cannot be decoded");
}

#[test]
fn a_damaged_body_never_passes_for_a_whole_one() {
    let server = Server::start(&Config::probe());
    let document = text(400);
    for (name, encode) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
        let encoded = encode(&document);
        let mut connection = server.connect();
        for bit in 0..encoded.len() * 8 {
            let mut damaged = encoded.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let response = connection.exchange(&coded(name, damaged));
            // Some bits mean nothing: the time of a file, or how large a window may become.
            if response.status == 200 {
                response.check(200, &document);
            } else {
                assert!(matches!(response.status, 400 | 413), "{name}, {bit}: {response:?}");
                connection = server.connect();
            }
        }
    }
    server.until_settled();
}

#[test]
fn another_coding_is_refused_and_the_answer_names_those_that_are_not() {
    let server = Server::start(&Config::probe().route_key("records", true));
    for coding in ["deflate", "compress", "gzip, gzip", "br, identity", "utf-8", "gzip;q=1", ","] {
        for kind in ["text/plain", "application/x-ndjson"] {
            let response = server.exchange(&coded(coding, "x").header("content-type", kind));
            let problem = response.check_problem(415, "unsupported-coding");
            assert_eq!(response.header("accept-encoding"), Some("gzip, zstd, br"));
            assert!(problem["detail"].as_str().expect("a text").contains("gzip, zstd, br"));
        }
    }
    let twice = coded("gzip", gzip(b"x")).header("content-encoding", "identity");
    server.exchange(&twice).check_problem(415, "unsupported-coding");
    // Nothing of the body is needed for that.
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-encoding: bzip2\r\n");
    connection.send("content-length: 5\r\n\r\n");
    connection.response().check_problem(415, "unsupported-coding");
    server.check_alive();
}

#[test]
fn a_processor_sees_no_fields_of_the_encoded_body() {
    let fields = ["content-encoding", "content-length", "content-type"];
    let config = Config::probe().route_key("forward-headers", fields.to_vec());
    let server = Server::start(&config);
    let head = |coding: &str, body: Vec<u8>| {
        let request = Request::post("/head", body).header("content-type", "a/b");
        server.exchange(&request.header("content-encoding", coding)).text()
    };
    let plain = head("identity", b"123".to_vec());
    assert!(plain.contains("content-encoding: identity\n"), "{plain}");
    assert!(plain.contains("content-length: 3\n"), "{plain}");
    for (name, encode) in ALL {
        let seen = head(name, encode(b"12345"));
        assert!(seen.contains("content-type: a/b\nbody 5 bytes\n"), "{seen}");
        assert!(!seen.contains("content-encoding") && !seen.contains("content-length"), "{seen}");
    }
}

#[test]
fn the_coding_of_a_response_is_the_processors_own() {
    let server = Server::start(&Config::probe());
    let response = server.get("/header?name=content-encoding&value=gzip");
    assert_eq!(response.header("content-encoding"), Some("gzip"), "{response:?}");
}

#[test]
fn a_wasi_http_component_gets_the_body_as_it_is() {
    for name in ["peer-p2", "peer-p3"] {
        let server = Server::start(&Config::of(name));
        let post = |coding: &str, body: &[u8]| {
            server.exchange(&Request::post("/", body).header("content-encoding", coding))
        };
        let document = br#"{"action":"opened","repository":{"full_name":"sand/box"}}"#;
        assert_eq!(post("anything", document).status, 200, "{name}");
        // It does not decode, so these bytes are not JSON for it.
        let (encoded, plain) = (post("gzip", &gzip(document)), server.post("/", gzip(document)));
        assert_eq!((encoded.status, encoded.text()), (400, plain.text()), "{name}");
    }
}

#[test]
fn jq_runs_on_documents_of_all_codings() {
    let server = Server::start(&Config::program(".n").route_key("records", true));
    for (name, encode) in ALL {
        let request = coded(name, encode(b"{\"n\": 7}"));
        assert_eq!(server.exchange(&request).text().trim_end(), "7", "{name}");
        let records: String = (0..5000).map(|n| format!("{{\"n\": {n}}}\n")).collect();
        let request = coded(name, encode(records.as_bytes()));
        let response = server.exchange(&request.header("content-type", "application/x-ndjson"));
        let expected: Vec<_> = (0..5000).map(serde_json::Value::from).collect();
        assert_eq!(lines(&response), expected, "{name}");
    }
    server.until_settled();
}

#[test]
fn decoded_is_what_was_encoded() {
    let server = Server::start(&Config::probe());
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000),
        (any::<u8>(), 0..9000_usize).prop_map(|(byte, times)| vec![byte; times]),
        "[a-f ]{0,500}".prop_map(String::into_bytes),
    ];
    let documents = proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(64)
    });
    let result = runner.run(&(documents, 0..3_usize, 1..5000_usize), |(document, coding, size)| {
        let (name, encode) = ALL[coding];
        let response = in_chunks(&server, name, &encode(&document), size);
        prop_assert_eq!(response.status, 200, "{}", response.text());
        prop_assert!(response.body == document, "{} in chunks of {}", name, size);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
