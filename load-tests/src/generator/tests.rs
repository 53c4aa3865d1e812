//! The generator against servers that do one thing each, in threads of the test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use http1::client::request;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server that hands every connection to `each`, in a thread of its own.
fn server(each: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, each) = (stream.unwrap(), each.clone());
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// Reads one request with so long a body; `None` at the end.
fn read_request(stream: &mut TcpStream, body_bytes: usize) -> Option<()> {
    let (mut received, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let head = received.windows(4).take(1000).position(|it| it == b"\r\n\r\n");
        if head.is_some_and(|head| received.len() >= head + 4 + body_bytes) {
            return Some(());
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => received.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Answers every request with `answer`.
fn answering(answer: &'static [u8]) -> SocketAddr {
    server(
        move |mut stream| {
            while read_request(&mut stream, 0).is_some() && stream.write_all(answer).is_ok() {}
        },
    )
}

fn run(address: SocketAddr, connections: usize, pace: Pace, expected: &[u8]) -> Measured {
    let template =
        RequestTemplate { wire: request("GET", "/", b""), expected: Some(expected.to_vec()) };
    run_template(address, connections, pace, template, ANSWER_TIME_MAX)
}

fn run_template(
    address: SocketAddr,
    connections: usize,
    pace: Pace,
    template: RequestTemplate,
    answer_time: Duration,
) -> Measured {
    let mut generator = Generator::connect(address, connections, vec![template], false).unwrap();
    generator.answer_time = answer_time;
    let stop = AtomicBool::new(false);
    generator.run(pace, Duration::from_millis(500), &stop, |_| {}).unwrap()
}

fn open(per_second: f64) -> Pace {
    Pace::Open { per_second, arrivals: Arrivals::Even }
}

#[test]
fn every_request_that_is_due_is_sent_and_counted_once() {
    let run = run(answering(HELLO), 4, open(200.0), b"hello");
    assert_eq!((run.sent + run.unsent, run.errors() - run.unsent), (100, 0));
    assert_eq!(run.latency.len(), run.sent);
    assert_eq!(run.statuses.get(&200), Some(&run.sent));
}

#[test]
fn arrivals_by_chance_keep_the_rate() {
    let pace = Pace::Open { per_second: 2000.0, arrivals: Arrivals::Poisson };
    let run = run(answering(HELLO), 16, pace, b"hello");
    // The standard deviation of a thousand is 32.
    assert!((800..1200).contains(&run.due()), "{} due", run.due());
    assert_eq!(run.errors() - run.unsent, 0);
}

#[test]
fn a_closed_loop_keeps_every_connection_busy() {
    let run = run(answering(HELLO), 3, Pace::Closed, b"hello");
    assert!(run.answered > 3 && run.errors() == 0 && run.unsent == 0);
}

#[test]
fn a_stall_is_charged_to_all_who_would_have_come_meanwhile() {
    let stalled = server(|mut stream| {
        let mut first = true;
        while read_request(&mut stream, 0).is_some() {
            if std::mem::take(&mut first) {
                std::thread::sleep(Duration::from_millis(200));
            }
            if stream.write_all(HELLO).is_err() {
                break;
            }
        }
    });
    let run = run(stalled, 1, open(100.0), b"hello");
    // Due at 0, 10, …, 100 ms, and answered after 200: latencies of 100 ms and more, of which all but
    // the first was waiting to be sent.
    let slow = |latencies: &hdrhistogram::Histogram<u64>| {
        latencies.count_between(99_000_000, 10_000_000_000)
    };
    assert!(slow(&run.latency) >= 11, "{}", slow(&run.latency));
    assert!(slow(&run.lateness) >= 10, "{}", slow(&run.lateness));
}

#[test]
fn what_could_not_be_sent_and_what_was_not_answered_are_errors() {
    let silent = server(|mut stream| while read_request(&mut stream, 0).is_some() {});
    let template = RequestTemplate { wire: request("GET", "/", b""), expected: None };
    let run = run_template(silent, 2, open(100.0), template, Duration::from_millis(300));
    assert_eq!((run.due(), run.latency.len()), (50, 0));
    assert_eq!(run.failures.timeout, run.sent);
    assert_eq!(run.errors(), 50);
    assert!(run.error_budget().iter().any(|(kind, _)| kind.starts_with("not sent")));
}

#[test]
fn refusals_and_wrong_bodies_are_not_among_the_latencies() {
    let refusing = answering(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let refused = run(refusing, 2, open(100.0), b"hello");
    assert_eq!((refused.latency.len(), refused.refusals()), (0, refused.sent));
    assert_eq!((refused.failed(), refused.shed()), (0, refused.sent), "shed ones are apart");
    let missing =
        run(answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), 2, open(100.0), b"");
    assert_eq!(missing.failed(), missing.sent);
    let wrong = run(answering(HELLO), 2, open(100.0), b"other");
    assert_eq!((wrong.latency.len(), wrong.failures.wrong), (0, wrong.sent));
}

#[test]
fn what_nobody_asked_for_is_no_answer() {
    let talking = server(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
        // Until the other side has seen it.
        let _ = stream.read(&mut [0; 4096]);
    });
    let run = run(talking, 2, open(20.0), b"hello");
    assert_eq!(run.latency.len(), 0);
}

#[test]
fn a_server_that_closes_after_each_answer_costs_connections_and_no_requests() {
    let closing = server(|mut stream| {
        if read_request(&mut stream, 0).is_some() {
            let closes = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
            let _ = stream.write_all(closes);
        }
    });
    let run = run(closing, 4, open(100.0), b"hello");
    assert_eq!(run.failures, Failures::default());
    assert_eq!(run.latency.len(), run.sent);
}

#[test]
fn cut_and_garbled_answers_are_told_apart() {
    let cutting = server(|mut stream| {
        if read_request(&mut stream, 0).is_some() {
            let _ = stream.write_all(&HELLO[..30]);
        }
    });
    let cut = run(cutting, 2, open(50.0), b"hello");
    assert_eq!((cut.failures.cut, cut.latency.len()), (cut.sent, 0));
    let garbled = run(answering(b"SMTP ready\r\n\r\n"), 2, open(50.0), b"hello");
    assert_eq!(garbled.failures.malformed, garbled.sent);
}

#[test]
fn bodies_larger_than_a_socket_takes_go_both_ways() {
    const BYTES: usize = 8 << 20;
    let echoing = server(|mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n");
        let answer = [head.as_bytes(), &vec![b'x'; BYTES]].concat();
        while read_request(&mut stream, BYTES).is_some() && stream.write_all(&answer).is_ok() {}
    });
    let body = vec![b'x'; BYTES];
    let template = RequestTemplate { wire: request("POST", "/", &body), expected: Some(body) };
    let run = run_template(echoing, 1, open(4.0), template, ANSWER_TIME_MAX);
    assert_eq!((run.latency.len(), run.failures), (run.sent, Failures::default()));
    assert!(run.sent > 0);
}

#[test]
fn a_stop_ends_it_at_once_and_keeps_what_was_measured() {
    let template = RequestTemplate { wire: request("GET", "/", b""), expected: None };
    let mut generator = Generator::connect(answering(HELLO), 1, vec![template], false).unwrap();
    let stop = AtomicBool::new(false);
    let hour = Duration::from_secs(3600);
    let run = generator.run(Pace::Closed, hour, &stop, |_| stop.store(true, Ordering::Relaxed));
    assert!(run.unwrap().answered > 0);
}

#[test]
fn nobody_there_is_said_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let template = RequestTemplate { wire: Vec::new(), expected: None };
    let error = Generator::connect(address, 1, vec![template], false).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {address}"));
}
