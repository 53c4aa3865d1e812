//! Proxies that tell the addresses of their clients. That they are believed shows in the limits of one client.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crate::client::{Connection, Request};
use crate::config::Config;
use crate::harness::Server;

/// A client may send one request.
fn limited() -> Config {
    Config::probe().limit("client-rate", "1/h").limit("client-burst", 1)
}

fn behind_proxies(sources: &[&str]) -> Config {
    limited().with("proxy-protocol", sources.to_vec())
}

/// A header of version 2: a command, a family, and what follows.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &length, rest].concat()
}

/// Source and destination, each an address, and then the ports.
fn ipv4(source: [u8; 4]) -> Vec<u8> {
    [&source[..], &[10, 0, 0, 1], &[0x30, 0x39, 0, 80]].concat()
}

fn ipv6(source: u16) -> Vec<u8> {
    let address = |last: u16| [&[0x20, 1, 0xd, 0xb8][..], &last.to_be_bytes(), &[0; 10]].concat();
    [address(source), address(0), vec![0x30, 0x39, 0, 80]].concat()
}

/// The status of a request after this header.
#[track_caller]
fn status(server: &Server, header: impl AsRef<[u8]>) -> u16 {
    let mut connection = server.connect();
    connection.send([header.as_ref(), &Request::get("/head").bytes()].concat());
    connection.response().status
}

#[test]
fn both_versions_tell_the_address_of_the_client() {
    let server = Server::start(&behind_proxies(&["10.0.0.0/8", "127.0.0.1"]));
    let line = |source: &str| format!("PROXY TCP4 {source} 10.0.0.1 12345 80\r\n");
    for header in [
        line("192.0.2.1").into_bytes(),
        line("192.0.2.2").into_bytes(),
        b"PROXY TCP6 2001:db8:1::1 2001:db8::1 12345 80\r\n".to_vec(),
        binary(1, 0x11, &ipv4([192, 0, 2, 3])),
        // With something else that the proxy says.
        binary(1, 0x11, &[&ipv4([192, 0, 2, 4])[..], &[4, 0, 2, 0, 0]].concat()),
        binary(1, 0x21, &ipv6(2)),
    ] {
        let text = String::from_utf8_lossy(&header).into_owned();
        assert_eq!((status(&server, &header), status(&server, &header)), (200, 429), "{text}");
    }
    // The same clients by other means.
    assert_eq!(status(&server, binary(1, 0x11, &ipv4([192, 0, 2, 1]))), 429);
    assert_eq!(status(&server, binary(1, 0x21, &ipv6(1))), 429, "the same network of 64 bits");
    assert_eq!(status(&server, line("192.0.2.3")), 429);
}

#[test]
fn a_proxy_without_a_client_has_its_own_address() {
    let server = Server::start(&behind_proxies(&["127.0.0.1"]));
    assert_eq!(status(&server, "PROXY UNKNOWN\r\n"), 200);
    assert_eq!(status(&server, "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), 429);
    assert_eq!(status(&server, binary(0, 0, &[])), 429, "a health check");
    assert_eq!(status(&server, binary(1, 0, &[])), 429);
    assert_eq!(status(&server, binary(1, 0x31, &[b'/'; 216])), 429, "of a Unix socket");
}

#[test]
fn a_header_is_the_first_thing_on_a_connection_and_only_once() {
    let server = Server::start(&behind_proxies(&["127.0.0.1"]));
    let mut connection = server.connect();
    let header = b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n";
    // In pieces, as a network may deliver it.
    for byte in header {
        connection.send([*byte]);
    }
    assert_eq!(connection.exchange(&Request::get("/head")).status, 200);
    assert_eq!(connection.exchange(&Request::get("/head")).status, 429);
    connection.send([&header[..], &Request::get("/head").bytes()].concat());
    connection.response().check_problem(400, "bad-request");
}

#[test]
fn a_client_cannot_choose_its_address() {
    let server = Server::start(&behind_proxies(&["10.0.0.0/8", "unix"]));
    let header = "PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n";
    assert_eq!(status(&server, header), 400, "not one of our proxies");
    assert_eq!((status(&server, ""), status(&server, "")), (200, 429));
}

#[test]
fn what_is_not_a_header_is_refused_and_harms_nobody() {
    let server = Server::start(&behind_proxies(&["127.0.0.1"]).limit("head-time", "300ms"));
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
    for bytes in [
        &b""[..],
        b"PROXY TCP4 192.0.2.1 10.0.0.1 12345\r\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 12345 80\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 65536\r\n",
        b"PROXY tcp4 192.0.2.1 10.0.0.1 12345 80\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\n",
        b"PROXY UNKNOWN\rX\nPROXY UNKNOWN\r\n",
        b"PROXY \xff\xff\xff\xff\xff\xff\xff\xff\xff\r\n",
        long.as_bytes(),
        // Version 3, an unknown command, an unknown family, an address that is cut.
        &[b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c", &ipv4([192, 0, 2, 1])[..]].concat(),
        &binary(2, 0x11, &ipv4([192, 0, 2, 1])),
        &binary(1, 0x41, &ipv4([192, 0, 2, 1])),
        &binary(1, 0x11, &[192, 0, 2]),
        // More than any header has.
        &binary(1, 0x11, &[&ipv4([192, 0, 2, 1])[..], &[0; 60_000]].concat()),
    ] {
        let mut connection = server.connect();
        connection.send([bytes, &Request::get("/head").bytes()].concat());
        let response = connection.response();
        response.check_problem(400, "bad-request");
        let text = response.text();
        assert!(text.contains("expects a PROXY protocol header"), "{text}");
        assert!(connection.closed());
    }
    // Nothing, and the beginning of each version.
    for bytes in [&b""[..], b"PRO", b"PROXY TCP4 192.0.2.1", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"]
    {
        let mut connection = server.connect();
        connection.send(bytes);
        assert!(connection.closed(), "left open after {bytes:?}");
        // And of one that leaves.
        let connection = server.connect();
        connection.finish_sending();
    }
    server.until("they are closed", |m| m.sum("arenaria_connections", &[]) == 0.0);
    assert_eq!(status(&server, "PROXY TCP4 192.0.2.1 10.0.0.1 12345 80\r\n"), 200);
}

#[test]
fn a_proxy_may_use_a_unix_socket() {
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    let path = folder.path().join("a.sock");
    let listen = ["127.0.0.1:0".to_owned(), format!("unix:{}", path.display())];
    let server = Server::start(&behind_proxies(&["unix"]).with("listen", listen.to_vec()));
    let exchange = |source: &str| {
        let mut stream = UnixStream::connect(&path).expect("the server listens");
        let header = format!("PROXY TCP4 {source} 10.0.0.1 12345 80\r\n");
        let request = "GET /head HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        stream.write_all(format!("{header}{request}").as_bytes()).expect("it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer[9..12].to_owned()
    };
    let own = "127.0.0.1";
    assert_eq!(
        [exchange("192.0.2.1"), exchange("192.0.2.1"), exchange(own)],
        ["200", "429", "200"]
    );
    assert_eq!(status(&server, ""), 429, "the same address, without a proxy");
    assert!(Connection::try_open(server.operator()).is_ok());
}

#[test]
fn a_source_that_is_not_one_is_refused() {
    let arguments = ["serve", "any.wasm", "--check-config", "--proxy-protocol", "localhost"];
    let ended = crate::harness::finished(&mut crate::harness::arenaria(&arguments));
    assert!(ended.stderr.contains("a network such as 10.0.0.0/8, or unix"), "{ended:?}");
}
