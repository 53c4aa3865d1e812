//! The clients that misbehave, each in a thread of its own: few, so that blocking calls will do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Scope, sleep};
use std::time::{Duration, Instant};

use http1::client::{Answer, Connection, head, request};

use super::fault_kinds::{Fault, Must, Slow, UNREAD_BYTES, pick};

/// Threads that send faults: as many may be under way at once.
const SENDERS: usize = 8;
/// Slow clients of each kind that are there all the time.
const SLOW_EACH: usize = 2;
/// Twenty of them take twice the time that the server gives a body.
const TRICKLE_EVERY: Duration = Duration::from_millis(50);
const TRICKLE_BYTES: usize = 20;
/// A reader that does not read lets the server answer others so often meanwhile. Together that is
/// three times as long as the server waits, and a server that gets no processor is given more.
const UNREAD_ROUNDS: usize = 10;
const UNREAD_ROUND: Duration = Duration::from_millis(150);
/// How soon the end is noticed.
const NAP: Duration = Duration::from_millis(20);
const DEVIATIONS_KEPT: usize = 5;

/// What is done to a server, until it is told to end.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) address: SocketAddr,
    pub(super) faults: Vec<Fault>,
    pub(super) per_second: f64,
    pub(super) seed: u64,
    next: AtomicU64,
    over: AtomicBool,
    /// Of each fault, and then of each way to be slow.
    rows: Mutex<Vec<Row>>,
}

/// What came of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) expected: String,
    pub(super) sent: u64,
    /// Cuts have no answer, so whatever comes of them is.
    pub(super) as_expected: u64,
    /// Some of the others, in words.
    pub(super) deviations: Vec<String>,
}

/// Why one came out otherwise.
type Deviation = String;

impl Trouble {
    pub(super) fn new(address: SocketAddr, faults: Vec<Fault>, per_second: f64, seed: u64) -> Self {
        let rows = faults.iter().map(|fault| (fault.name, fault.must.text()));
        let slow = Slow::ALL.iter().map(|slow| (slow.name(), slow.expected().to_owned()));
        let rows =
            rows.chain(slow).map(|(name, expected)| Row { name, expected, ..Row::default() });
        let rows = Mutex::new(rows.collect());
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { address, faults, per_second, seed, next, over, rows }
    }

    /// Begins; ends with the scope at the latest, if [`Trouble::end`] was called.
    pub(super) fn begin<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let start = Instant::now();
        for _ in 0..SENDERS {
            scope.spawn(move || self.send(start));
        }
        for (index, slow) in Slow::ALL.into_iter().enumerate() {
            for _ in 0..SLOW_EACH {
                scope.spawn(move || self.be_slow(slow, self.faults.len() + index));
            }
        }
    }

    /// Nothing new is begun.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// How many were sent so far, slow ones included.
    pub(super) fn sent(&self) -> u64 {
        self.rows().iter().map(|row| row.sent).sum()
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, index: usize, outcome: Result<(), Deviation>) {
        let row = &mut self.rows.lock().unwrap_or_else(PoisonError::into_inner)[index];
        row.sent += 1;
        match outcome {
            Ok(()) => row.as_expected += 1,
            Err(deviation) if row.deviations.len() < DEVIATIONS_KEPT => {
                row.deviations.push(deviation)
            }
            Err(_) => {}
        }
    }

    /// Sends a fault whenever one is due.
    fn send(&self, start: Instant) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = start + Duration::from_secs_f64(number as f64 / self.per_second);
            if !self.wait_until(due) {
                return;
            }
            let index = pick(&self.faults, self.seed, number);
            self.note(index, commit(self.address, &self.faults[index]));
        }
    }

    /// Whether there is still something to do then.
    fn wait_until(&self, moment: Instant) -> bool {
        while !self.is_over() {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            sleep(left.min(NAP));
        }
        false
    }

    fn be_slow(&self, slow: Slow, index: usize) {
        while !self.is_over() {
            let outcome = match slow {
                Slow::Head => Some(slow_head(self.address)),
                Slow::Body => Some(slow_body(self.address)),
                Slow::Reader => self.slow_reader(),
            };
            if let Some(outcome) = outcome {
                self.note(index, outcome);
            }
        }
    }

    /// `None` if the end came first.
    fn slow_reader(&self) -> Option<Result<(), Deviation>> {
        let target = format!("/respond?bytes={UNREAD_BYTES}");
        let begun = open(self.address).and_then(|mut unread| {
            unread.send(&request("GET", &target, b"")).map_err(|error| error.to_string())?;
            Ok((unread, open(self.address)?))
        });
        let (mut unread, mut other) = match begun {
            Ok(both) => both,
            Err(deviation) => return Some(Err(deviation)),
        };
        for _ in 0..UNREAD_ROUNDS {
            if !self.wait_until(Instant::now() + UNREAD_ROUND) {
                return None;
            }
            if let Err(error) = other.exchange(&request("GET", "/status/204", b"")) {
                return Some(Err(format!("another connection is not answered: {error:#}")));
            }
        }
        // What lies in the sockets is still there; the rest is not.
        Some(match unread.receive() {
            Ok(answer) => Err(format!("a whole answer: {}", in_words(&answer))),
            Err(_) => Ok(()),
        })
    }
}

fn open(address: SocketAddr) -> Result<Connection, Deviation> {
    Connection::open(address).map_err(|error| format!("{error:#}"))
}

fn commit(address: SocketAddr, fault: &Fault) -> Result<(), Deviation> {
    let mut connection = open(address)?;
    match fault.must {
        Must::Answer { status, problem, .. } => {
            let answer = connection.exchange(&fault.wire);
            expect(status, problem, answer)
        }
        Must::Nothing => {
            // If it was not taken, the server has left first.
            connection.send(&fault.wire).map_err(|error| format!("not taken: {error}"))
        }
    }
}

fn slow_head(address: SocketAddr) -> Result<(), Deviation> {
    let mut connection = open(address)?;
    let head = head("POST", "/echo", 1);
    let answer = connection.exchange(&head[..head.len() / 2]);
    expect(408, "timeout", answer)
}

fn slow_body(address: SocketAddr) -> Result<(), Deviation> {
    let mut connection = open(address)?;
    // More is announced than ever comes.
    let head = head("POST", "/echo", TRICKLE_BYTES * 2);
    connection.send(&head).map_err(|error| error.to_string())?;
    for _ in 0..TRICKLE_BYTES {
        sleep(TRICKLE_EVERY);
        // A server that has answered may close; its answer is there to be read.
        if connection.send(b"b").is_err() {
            break;
        }
    }
    expect(408, "timeout", connection.receive())
}

fn expect(status: u16, problem: &str, answer: anyhow::Result<Answer>) -> Result<(), Deviation> {
    let answer = answer.map_err(|error| format!("no answer: {error:#}"))?;
    let kind = format!("\"urn:arenaria:problem:{problem}\"");
    let body = String::from_utf8_lossy(&answer.body);
    let right = answer.status == status && body.contains(&kind);
    if right { Ok(()) } else { Err(in_words(&answer)) }
}

/// Status and the beginning of the body.
fn in_words(answer: &Answer) -> String {
    let body: String = String::from_utf8_lossy(&answer.body).chars().take(100).collect();
    format!("{} {}", answer.status, body.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, kind: &str) -> anyhow::Result<Answer> {
        let body = format!("{{\"type\":\"urn:arenaria:problem:{kind}\"}}").into_bytes();
        Ok(Answer { status, headers: Vec::new(), body })
    }

    #[test]
    fn status_and_kind_must_both_be_right() {
        assert_eq!(expect(500, "trap", answer(500, "trap")), Ok(()));
        assert!(expect(500, "trap", answer(500, "stack-exhausted")).is_err());
        assert!(expect(500, "trap", answer(503, "trap")).is_err());
        assert!(expect(500, "trap", Err(anyhow::anyhow!("cut"))).is_err());
    }

    #[test]
    fn what_came_otherwise_is_counted_and_kept_in_words() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let trouble = Trouble::new(address, super::super::fault_kinds::faults(), 1.0, 1);
        trouble.note(0, Ok(()));
        (0..20).for_each(|_| trouble.note(0, Err("otherwise".into())));
        let row = &trouble.rows()[0];
        assert_eq!((row.sent, row.as_expected, row.deviations.len()), (21, 1, DEVIATIONS_KEPT));
    }
}
