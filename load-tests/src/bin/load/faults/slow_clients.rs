//! The clients that misbehave by being slow, each in a thread of its own.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http1::client::{Connection, head, request};

use crate::cases::{Crowd, Must};

/// More than the sockets' buffers take, less than the probe's memory.
const UNREAD_BYTES: usize = 8 << 20;
/// Twenty of them take twice the time that the server gives a body.
const TRICKLE_EVERY: Duration = Duration::from_millis(50);
const TRICKLE_BYTES: usize = 20;
/// A reader that does not read lets the server answer others so often meanwhile. Together that is
/// three times as long as the server waits, and a server that gets no processor is given more.
const UNREAD_ROUNDS: usize = 10;
const UNREAD_ROUND: Duration = Duration::from_millis(150);

const TIMEOUT: Must = Must::Problem(408, "timeout");

/// A way to be slow: its name, what must come of it, and how it is done once. `false`: the end of all
/// came first.
type Slow = (&'static str, &'static str, fn(&Crowd) -> Result<bool>);

pub(super) const SLOW: [Slow; 3] = [
    ("half a head, then silence", "408 timeout", slow_head),
    ("a body byte by byte", "408 timeout", slow_body),
    ("an answer that is not read", "connection closed", slow_reader),
];

/// Is slow again and again, until all is over.
pub(super) fn be_slow(crowd: &Crowd, (name, _, once): Slow) {
    while !crowd.is_over() {
        match once(crowd) {
            Ok(true) => crowd.note(name, Ok(())),
            Ok(false) => {}
            Err(error) => crowd.note(name, Err(format!("{error:#}"))),
        }
    }
}

fn slow_reader(crowd: &Crowd) -> Result<bool> {
    let mut unread = Connection::open(crowd.address)?;
    unread.send(&request("GET", &format!("/respond?bytes={UNREAD_BYTES}"), b""))?;
    let mut other = Connection::open(crowd.address)?;
    for _ in 0..UNREAD_ROUNDS {
        if !crowd.wait_until(Instant::now() + UNREAD_ROUND) {
            return Ok(false);
        }
        let answer = other.exchange(&request("GET", "/status/204", b""));
        answer.context("another connection is not answered")?;
    }
    // What lies in the sockets is still there; the rest is not.
    match unread.receive() {
        Ok(answer) => bail!("expected a cut answer, got a whole one: {}", answer.status),
        Err(_) => Ok(true),
    }
}

fn slow_head(crowd: &Crowd) -> Result<bool> {
    let head = head("POST", "/echo", 1);
    let answer = Connection::open(crowd.address)?.exchange(&head[..head.len() / 2])?;
    TIMEOUT.judge(&answer).map(|()| true)
}

fn slow_body(crowd: &Crowd) -> Result<bool> {
    let mut connection = Connection::open(crowd.address)?;
    // More is announced than ever comes.
    connection.send(&head("POST", "/echo", TRICKLE_BYTES * 2))?;
    for _ in 0..TRICKLE_BYTES {
        sleep(TRICKLE_EVERY);
        // A server that has answered may close; its answer is there to be read.
        if connection.send(b"b").is_err() {
            break;
        }
    }
    TIMEOUT.judge(&connection.receive()?).map(|()| true)
}
