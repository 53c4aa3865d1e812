//! Sends the mix over several connections, more of them in spikes, and judges every answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use http1::client::Connection;

use super::mix::{Case, Mix, Outcome};

/// Past this many there is nothing more to learn, and a dead server would fail all that remain.
const FAILURES_MAX: usize = 100;
/// Between spikes one of so many connections sends.
const QUIET_SHARE: usize = 4;
/// How often the others look whether a spike has begun.
const SPIKE_POLL: Duration = Duration::from_millis(2);

/// What came of requests so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many of each kind went as they must.
    pub(crate) right: BTreeMap<&'static str, u64>,
    /// What went otherwise.
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// Whether going on makes sense.
    pub(crate) fn hopeless(&self) -> bool {
        self.failures.len() >= FAILURES_MAX
    }

    fn add(&mut self, other: Tally) {
        for (kind, count) in other.right {
            *self.right.entry(kind).or_default() += count;
        }
        self.failures.extend(other.failures);
    }
}

/// Sends the cases with these numbers, each connection taking the next one that is left; returns
/// when all are done, when nothing goes right any more, or when it is told to stop.
///
/// In a spike all connections send, otherwise a quarter of them.
pub(crate) fn send(
    address: SocketAddr,
    mix: &Mix,
    numbers: Range<u64>,
    connections: usize,
    next: &AtomicU64,
    stop: &AtomicBool,
) -> Tally {
    next.store(numbers.start, Ordering::Relaxed);
    let (shared, over) = (Mutex::new(Tally::default()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for index in 0..connections {
            let (shared, over, numbers) = (&shared, &over, &numbers);
            scope.spawn(move || {
                let mut own = Tally::default();
                let mut connection = None;
                let only_spikes = index >= connections.div_ceil(QUIET_SHARE);
                while !over.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
                    let ahead = next.load(Ordering::Relaxed);
                    if only_spikes && ahead < numbers.end && !Mix::is_spike(ahead) {
                        // The server may close an idle connection; the next spike opens another.
                        connection = None;
                        std::thread::sleep(SPIKE_POLL);
                        continue;
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        break;
                    }
                    let case = mix.case(number);
                    match perform(address, &case, &mut connection) {
                        Ok(()) => *own.right.entry(case.kind).or_default() += 1,
                        Err(error) => {
                            connection = None;
                            own.failures
                                .push(format!("request {number} ({}): {error:#}", case.kind));
                            // For all: a connection that waits for a spike would wait for ever.
                            over.fetch_or(own.hopeless(), Ordering::Relaxed);
                        }
                    }
                }
                shared.lock().unwrap_or_else(PoisonError::into_inner).add(own);
            });
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn perform(address: SocketAddr, case: &Case, kept: &mut Option<Connection>) -> Result<()> {
    match &case.outcome {
        Outcome::Cut => {
            // A connection of its own, closed at the end of the block. The server may have hung up
            // first: then there was nothing left to cut.
            let _ = Connection::open(address)?.send(&case.bytes);
            Ok(())
        }
        Outcome::Refusal { status } => {
            let answer = Connection::open(address)?.exchange(&case.bytes)?;
            ensure!(
                answer.status == *status,
                "{} instead of {status}: {}",
                answer.status,
                shown(&answer.body)
            );
            Ok(())
        }
        Outcome::Answer { status, body } => {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(address)?,
            };
            let answer = connection.exchange(&case.bytes)?;
            ensure!(
                answer.status == *status,
                "{} instead of {status}: {}",
                answer.status,
                shown(&answer.body)
            );
            if let Some(body) = body {
                let right = answer.body.trim_ascii_end() == body;
                ensure!(right, "the body is {} instead of {}", shown(&answer.body), shown(body));
            }
            if !answer.closes() {
                *kept = Some(connection);
            }
            Ok(())
        }
    }
}

/// The beginning of a body, for a message.
fn shown(body: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_MAX)]);
    format!("{text:?} ({} bytes)", body.len())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    use http1::client::{head, request};

    use super::*;

    /// Answers each connection once with `answer` and closes it, having read `read_max` bytes at
    /// most; hands out how many it read.
    fn server(answer: &'static [u8], read_max: usize) -> (SocketAddr, Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, reads) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut buffer = vec![0; read_max];
                let count = stream.read(&mut buffer).unwrap_or(0);
                let _ = stream.write_all(answer);
                if sender.send(count).is_err() {
                    break;
                }
            }
        });
        (address, reads)
    }

    fn case(bytes: Vec<u8>, outcome: Outcome) -> Case {
        Case { kind: "test", bytes, outcome }
    }

    fn performed(answer: &'static [u8], case: &Case) -> Result<(), String> {
        perform(server(answer, 4096).0, case, &mut None).map_err(|error| error.to_string())
    }

    #[test]
    fn status_and_body_are_both_judged() {
        let expecting = |status, body: &[u8]| {
            case(request("POST", "/", b"{}"), Outcome::Answer { status, body: Some(body.to_vec()) })
        };
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n[]\n";
        assert_eq!(performed(answer, &expecting(200, b"[]")), Ok(()));
        assert_eq!(
            performed(answer, &expecting(400, b"[]")),
            Err("200 instead of 400: \"[]\\n\" (3 bytes)".into())
        );
        let wrong = performed(answer, &expecting(200, b"[1]")).unwrap_err();
        assert_eq!(wrong, "the body is \"[]\\n\" (3 bytes) instead of \"[1]\" (3 bytes)");
    }

    #[test]
    fn a_refusal_is_read_also_when_the_body_is_not_taken() {
        let answer =
            b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let refusal = Outcome::Refusal { status: 413 };
        let announced = case(head("POST", "/", 1 << 30), refusal.clone());
        assert_eq!(performed(answer, &announced), Ok(()));
        let sent = case(request("POST", "/", &vec![b' '; 8 << 20]), refusal);
        assert_eq!(performed(answer, &sent), Ok(()));
    }

    #[test]
    fn a_cut_waits_for_nothing() {
        let (address, reads) = server(b"", 4096);
        perform(address, &case(b"POST / HT".to_vec(), Outcome::Cut), &mut None).unwrap();
        assert_eq!(reads.recv(), Ok(9));
    }

    #[test]
    fn a_dead_server_ends_the_batch_early() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let tally = send(address, &Mix::new(1), 20..100_000, 2, &next, &stop);
        assert!(tally.hopeless() && tally.right.is_empty());
        assert!(tally.failures.len() <= 2 * FAILURES_MAX);
    }
}
