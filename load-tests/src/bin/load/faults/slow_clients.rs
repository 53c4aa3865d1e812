//! The clients that misbehave by being slow, each in a thread of its own.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http1::client::{Connection, head, request};

use super::fault_kinds::{Slow, UNREAD_BYTES};
use crate::cases::{Crowd, expect};

/// Twenty of them take twice the time that the server gives a body.
const TRICKLE_EVERY: Duration = Duration::from_millis(50);
const TRICKLE_BYTES: usize = 20;
/// A reader that does not read lets the server answer others so often meanwhile. Together that is
/// three times as long as the server waits, and a server that gets no processor is given more.
const UNREAD_ROUNDS: usize = 10;
const UNREAD_ROUND: Duration = Duration::from_millis(150);

/// Is slow again and again, until all is over.
pub(super) fn be_slow(crowd: &Crowd, slow: Slow) {
    while !crowd.is_over() {
        let outcome = match slow {
            Slow::Head => slow_head(crowd.address).map(|()| true),
            Slow::Body => slow_body(crowd.address).map(|()| true),
            Slow::Reader => slow_reader(crowd),
        };
        match outcome {
            Ok(true) => crowd.note(slow.name(), Ok(())),
            Ok(false) => {}
            Err(error) => crowd.note(slow.name(), Err(format!("{error:#}"))),
        }
    }
}

/// False if the end came first.
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

fn slow_head(address: SocketAddr) -> Result<()> {
    let head = head("POST", "/echo", 1);
    let answer = Connection::open(address)?.exchange(&head[..head.len() / 2]);
    expect(answer, 408, "timeout")
}

fn slow_body(address: SocketAddr) -> Result<()> {
    let mut connection = Connection::open(address)?;
    // More is announced than ever comes.
    connection.send(&head("POST", "/echo", TRICKLE_BYTES * 2))?;
    for _ in 0..TRICKLE_BYTES {
        sleep(TRICKLE_EVERY);
        // A server that has answered may close; its answer is there to be read.
        if connection.send(b"b").is_err() {
            break;
        }
    }
    expect(connection.receive(), 408, "timeout")
}
