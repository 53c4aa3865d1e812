//! Random bytes on a connection: requests, half of them changed. However the bytes arrive, the server gives the same
//! responses, and serves on.
//!
//! `cargo xtask wire` sends far more of them. A failure shows the bytes.

use std::time::Duration;

use fastrand::Rng;

use crate::config::Config;
use crate::harness::Server;
use crate::mutations::mutate;

/// Of what a request's head is made, beside its host.
const FIELDS: [&str; 12] = [
    "accept: */*",
    "connection: keep-alive",
    "connection: close",
    "expect: 100-continue",
    "content-length: 3",
    "content-length: 0",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "content-encoding: gzip",
    "upgrade: h2c",
    "x-any:",
    "x-any: \u{e9}\t\"#\"",
];

/// A request that is right, unless its fields contradict each other.
fn request(random: &mut Rng) -> Vec<u8> {
    let method = *random.choice(&["GET", "POST", "PUT", "OPTIONS", "X"]).expect("some");
    let target =
        *random.choice(&["/echo", "/echo?a=%20b", "/", "*", "http://a/echo"]).expect("some");
    let version = if random.u8(..10) == 0 { "HTTP/1.0" } else { "HTTP/1.1" };
    let mut head = format!("{method} {target} {version}\r\nhost: a\r\n");
    for _ in 0..random.usize(..3) {
        head += random.choice(&FIELDS).expect("some");
        head += "\r\n";
    }
    let body: Vec<u8> = (0..random.usize(..20)).map(|_| random.u8(b'\n'..)).collect();
    match random.u8(..3) {
        0 => [head.as_bytes(), b"\r\n"].concat(),
        1 => {
            head += &format!("content-length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        }
        _ => {
            head += &format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len());
            let end: &[u8] = if body.is_empty() { b"\r\n" } else { b"\r\n0\r\n\r\n" };
            [head.as_bytes(), &body, end].concat()
        }
    }
}

/// Status and body of each response, and whether it was whole. An error shows what has arrived until then, so its text is
/// left out.
type Responses = Vec<(u16, Vec<u8>, bool)>;

/// Sends these pieces, and reads until the server closes the connection.
fn responses(server: &Server, pieces: &[&[u8]]) -> Result<Responses, String> {
    let mut connection = server.connect();
    let mut stream = connection.stream();
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        // The server may close the connection before it has read all.
        let sent = pieces.iter().enumerate().try_for_each(|(index, piece)| {
            if index % 4 == 1 {
                // So that the server reads what came before by itself.
                std::thread::sleep(Duration::from_millis(1));
            }
            stream.write_all(piece)
        });
        let _ = sent.and_then(|()| stream.shutdown(std::net::Shutdown::Write));
    });
    let mut responses = Responses::new();
    let end = loop {
        match connection.try_response(false) {
            Ok(Some(response)) => {
                let body = if response.status < 400 { response.body } else { Vec::new() };
                responses.push((response.status, body, response.complete));
            }
            Ok(None) => break Ok(responses),
            Err(error) => break Err(format!("{error} after {responses:?}")),
        }
    };
    writer.join().expect("it only writes");
    end
}

#[test]
fn however_bytes_arrive_the_responses_are_the_same() {
    let text = std::env::var("ARENARIA_WIRES").unwrap_or("400".to_owned());
    let count: u64 = text.parse().expect("it is a number");
    let config = Config::probe().with("slots", 4).limit("request-head", "4KiB");
    let server = Server::start(&config.limit("request-body", "64KiB"));
    for number in 0..count {
        let mut random = Rng::with_seed(number);
        let mut bytes = Vec::new();
        for _ in 0..random.usize(1..5) {
            let mut request = request(&mut random);
            if random.bool() {
                mutate(&mut request, &mut random);
            }
            bytes.append(&mut request);
        }
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.usize(1..=rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let (whole, split) = (responses(&server, &[&bytes]), responses(&server, &pieces));
        let shown = String::from_utf8_lossy(&bytes);
        let whole = whole.unwrap_or_else(|error| panic!("{number}: {error}\n{shown:?}"));
        assert_eq!(Ok(&whole), split.as_ref(), "{number}: {shown:?}");
        let is_expected = |status| matches!(status, 200 | 400..=499 | 501 | 505);
        assert!(
            whole.iter().all(|(status, ..)| is_expected(*status)),
            "{number}: {shown:?} {whole:?}"
        );
    }
    server.check_alive();
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
