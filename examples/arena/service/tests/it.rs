//! The native service, over a socket.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// The service, ended when this is dropped.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_words-service"));
        let mut child =
            command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it prints a line");
        let address = line.trim().rsplit('/').next().expect("a line has an end").to_owned();
        Self { child, address }
    }

    /// The whole response to a request.
    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).expect("it reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it answers with text");
        response
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn words_are_counted_in_a_phase() {
    let service = Service::start();
    for _ in 0..100 {
        let response = service.post("/", "to be or not to be");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\nbe 2\nnot 1\nor 1\nto 2\n"), "{response}");
    }
    let usage = service.post("/usage", "");
    // Six words, as pairs of pointer and length: room for eight.
    assert!(usage.ends_with("\r\n\r\ncount: 128 bytes\n"), "{usage}");
}

#[test]
fn a_body_is_limited() {
    let service = Service::start();
    // Only one byte is too many, so the server has read all when it answers.
    let response = service.post("/", &"a".repeat((1 << 20) + 1));
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    let response = service.post("/", &"a ".repeat(1 << 19));
    assert!(response.ends_with("\r\n\r\na 524288\n"), "{response}");
}
