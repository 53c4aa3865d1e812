//! Streamed bodies, in both directions at once, and clients that leave in the middle of one.

use std::io::Read;
use std::net::Shutdown;

use crate::client::{Connection, Request, chunked};
use crate::harness::Server;
use crate::language::{Language, check_alive, streamed};

in_every_language! {
    an_answer_begins_before_the_question_has_ended,
    a_long_answer_is_streamed_in_a_bounded_memory,
    a_long_body_is_echoed,
    a_client_that_leaves_costs_one_instance,
    a_client_that_reads_slowly_gets_everything,
    a_client_that_does_not_read_is_left,
    a_chunked_body_past_its_limit_is_refused,
    an_answer_that_a_fault_cuts_does_not_look_whole,
}

/// Begins a chunked request to `/echo`.
fn begin_echo(server: &Server) -> Connection {
    let mut connection = server.connect();
    connection.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    connection
}

/// Reads this many bytes of a chunked body.
#[track_caller]
fn read_chunks(connection: &mut Connection, bytes: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < bytes {
        let chunk = connection.chunk().expect("the server continues").expect("the body goes on");
        assert!(!chunk.is_empty(), "the body ended after {} bytes", read.len());
        read.extend(chunk);
    }
    read
}

fn an_answer_begins_before_the_question_has_ended(language: &Language) {
    let server = Server::start(&language.reused());
    for _ in 0..3 {
        let mut connection = begin_echo(&server);
        for part in ["first", "second", "third"] {
            connection.send(format!("{:x}\r\n{part}\r\n", part.len()));
            if part == "first" {
                let (status, _) = connection
                    .try_head()
                    .expect("the connection holds")
                    .expect("a response begins");
                assert_eq!(status, 200);
            }
            // Each part is echoed while the request is still open.
            assert_eq!(read_chunks(&mut connection, part.len()), part.as_bytes());
        }
        connection.send("0\r\n\r\n");
        assert_eq!(
            connection.chunk().expect("the connection holds").as_deref(),
            Some(&b""[..]),
            "it ends correctly"
        );
        // The connection can be used again.
        connection.exchange(&Request::get("/")).check(200, "hello, world\n");
    }
}

fn a_long_answer_is_streamed_in_a_bounded_memory(language: &Language) {
    let server = Server::start(&language.reused());
    server.get("/stream?chunks=3").check(200, streamed(3));
    // Several times the memory of the host that the request may use at once.
    server.get("/stream?chunks=4000").check(200, streamed(4000));
    check_alive(&server);
    assert_eq!(server.metrics().sum("arenaria_retirements_total", &[]), 0.0);
}

fn a_long_body_is_echoed(language: &Language) {
    let server = Server::start(&language.reused().limit("request-body", "16MiB"));
    let body = streamed(3000);
    let mut connection = begin_echo(&server);
    let mut writer = connection.stream();
    let bytes = chunked(body.as_bytes(), 10_000);
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
    connection.response().check(200, &body);
    sender.join().expect("it only writes").expect("the server reads to the end");
    server.post("/echo", body.clone()).check(200, &body);
    server.post("/echo", "").check(200, "");
}

fn a_client_that_leaves_costs_one_instance(language: &Language) {
    let server = Server::start(&language.reused());
    let mut connection = server.begin(&Request::get("/stream?chunks=1000000"));
    connection.try_head().expect("the connection holds").expect("a response begins");
    connection.read_part(100_000);
    drop(connection);
    check_alive(&server);
    server.until_retired(&["cancelled"], 1);

    // In the middle of the request.
    let mut connection = begin_echo(&server);
    connection.send("5\r\nfirst\r\n");
    connection.try_head().expect("the connection holds").expect("a response begins");
    connection.stream().shutdown(Shutdown::Both).expect("it is connected");
    drop(connection);
    check_alive(&server);
    server.until("no connection is left", |m| m.sum("arenaria_connections", &[]) == 0.0);
}

fn a_client_that_reads_slowly_gets_everything(language: &Language) {
    let server = Server::start(&language.reused());
    let waiting = server.begin(&Request::get("/stream?chunks=8000"));
    let mut reader = waiting.stream();
    server.until_busy(1.0);
    let mut read = Vec::new();
    let mut part = [0; 1500];
    while !read.ends_with(b"\r\n0\r\n\r\n") {
        let length = reader.read(&mut part).expect("the server continues");
        assert!(length > 0, "cut after {} bytes", read.len());
        read.extend_from_slice(&part[..length]);
    }
    assert!(read.len() > 8000 << 10, "{} bytes", read.len());
    check_alive(&server);
}

fn a_client_that_does_not_read_is_left(language: &Language) {
    let server = Server::start(&language.reused().limit("response-time", "1s"));
    // More than the buffers of the sockets hold.
    let mut connection = server.begin(&Request::get("/stream?chunks=1000000"));
    connection.try_head().expect("the connection holds").expect("a response begins");
    server.until_retired(&["cancelled"], 1);
    check_alive(&server);
}

fn a_chunked_body_past_its_limit_is_refused(language: &Language) {
    let server = Server::start(&language.reused().limit("request-body", "100KiB"));
    server.post("/echo", "x".repeat(100 << 10)).check(200, "x".repeat(100 << 10));
    let announced = server.post("/echo", "x".repeat((100 << 10) + 1));
    announced.check_limit(413, "body-too-large", "request-body", "100KiB");
    // Without Content-Length, the excess is found after the response has begun, which is then
    // truncated.
    let mut connection = begin_echo(&server);
    let bytes = chunked(&vec![b'x'; 300 << 10], 64 << 10);
    let _ = connection.try_send(bytes);
    match connection.try_response(false) {
        Ok(Some(answer)) if answer.status == 413 => {
            answer.check_limit(413, "body-too-large", "request-body", "100KiB");
        }
        Ok(Some(answer)) => {
            assert!(answer.body.len() <= 100 << 10, "{} bytes passed", answer.body.len());
            assert!(!answer.complete, "it looks complete");
        }
        // The server closed while the client was still sending.
        Ok(None) | Err(_) => {}
    }
    check_alive(&server);
}

fn an_answer_that_a_fault_cuts_does_not_look_whole(language: &Language) {
    let server = Server::start(&language.reused().limit("guest-time", "300ms"));
    let mut connection = server.begin(&Request::get("/stream?chunks=100000000"));
    connection.try_head().expect("the connection holds").expect("a response begins");
    // It continues until the guest has used its time. A language that keeps a little of every chunk
    // may exhaust its memory first, on a fast machine. In either case there must be no last chunk.
    while let Some(chunk) = connection.chunk().expect("the server closes in order") {
        assert!(!chunk.is_empty(), "it ended as if complete");
    }
    server.until_retired(&["deadline", "memory"], 1);
    check_alive(&server);
}
