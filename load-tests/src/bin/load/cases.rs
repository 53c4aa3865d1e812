//! Requests with an outcome that is known, and whether it came: what `soak` and `faults` send, each
//! connection in a thread of its own. There are few, so that blocking calls will do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http1::client::{Answer, Connection};
use load_tests::report::Section;

/// Past this many there is nothing more to learn, and a dead server would fail all that remain.
const DEVIATIONS_MAX: u64 = 100;
const DEVIATIONS_KEPT: usize = 5;
/// Of all kinds.
const DEVIATIONS_SHOWN: usize = 10;
/// How soon the end is noticed.
const NAP: Duration = Duration::from_millis(20);

/// One request and what must come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// For the report.
    pub(crate) kind: &'static str,
    /// What is sent: a whole request, or as much of it as comes before the cut.
    pub(crate) wire: Vec<u8>,
    pub(crate) must: Must,
}

/// What must come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    /// This status, and this body where it is known.
    Answer(u16, Option<Vec<u8>>),
    /// This status and kind of problem. The connection is not used again: a body may be unread.
    Problem(u16, &'static str),
    /// Nothing: the client hangs up after sending.
    Nothing,
}

impl Must {
    /// In a few words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Answer(status, None) => status.to_string(),
            Self::Answer(status, Some(body)) => format!("{status} {}", shown(body)),
            Self::Problem(status, problem) => format!("{status} {problem}"),
            Self::Nothing => "nothing: the client has left".to_owned(),
        }
    }

    /// Whether an answer is as it must be.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<()> {
        let Answer { status, body, .. } = answer;
        let is_right = match self {
            Self::Answer(right, None) => status == right,
            Self::Answer(right, Some(bytes)) => status == right && body.trim_ascii_end() == bytes,
            Self::Problem(right, problem) => {
                let kind = format!("\"urn:arenaria:problem:{problem}\"");
                status == right && String::from_utf8_lossy(body).contains(&kind)
            }
            Self::Nothing => false,
        };
        ensure!(is_right, "expected {}, got {status} {}", self.text(), shown(body));
        Ok(())
    }
}

/// What came of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) sent: u64,
    pub(crate) right: u64,
    /// Some of the others, in words.
    pub(crate) deviations: Vec<String>,
}

/// What came of each kind.
pub(crate) type Rows = BTreeMap<&'static str, Row>;

/// Connections to one server, until it is told to end, and what came of their requests.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) address: SocketAddr,
    over: AtomicBool,
    rows: Mutex<Rows>,
}

impl Crowd {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, over: AtomicBool::new(false), rows: Mutex::default() }
    }

    /// One connection: sends what `next` gives until it gives nothing, or all is over. `next` may end
    /// the connection that is kept for the request after this one.
    pub(crate) fn work(&self, next: impl Fn(&mut Option<Connection>) -> Option<(u64, Case)>) {
        let mut kept = None;
        while !self.is_over()
            && let Some((number, case)) = next(&mut kept)
        {
            let outcome = perform(self.address, &case, &mut kept);
            self.note(case.kind, outcome.map_err(|error| format!("request {number}: {error:#}")));
        }
    }

    /// Nothing new is begun.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Whether there is still something to do then.
    pub(crate) fn wait_until(&self, moment: Instant) -> bool {
        while !self.is_over() {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
        false
    }

    /// Counts one request of a kind; too many deviations end all.
    pub(crate) fn note(&self, kind: &'static str, outcome: Result<(), String>) {
        let mut rows = self.rows();
        let row = rows.entry(kind).or_default();
        row.sent += 1;
        match outcome {
            Ok(()) => row.right += 1,
            Err(deviation) if row.deviations.len() < DEVIATIONS_KEPT => {
                row.deviations.push(deviation);
            }
            Err(_) => {}
        }
        if rows.values().map(|row| row.sent - row.right).sum::<u64>() >= DEVIATIONS_MAX {
            self.end();
        }
    }

    pub(crate) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some of the requests that had another end than they must have, each a broken promise.
pub(crate) fn judge_deviations(section: &mut Section, rows: &Rows) {
    let deviations =
        rows.iter().flat_map(|(kind, row)| row.deviations.iter().map(move |it| (kind, it)));
    for (kind, deviation) in deviations.take(DEVIATIONS_SHOWN) {
        section.promise(false, format!("{kind}: {deviation}"));
    }
}

fn perform(address: SocketAddr, case: &Case, kept: &mut Option<Connection>) -> Result<()> {
    let keeps = matches!(case.must, Must::Answer(..));
    let connection = if keeps { kept.take() } else { None };
    let mut connection = connection.map_or_else(|| Connection::open(address), Ok)?;
    if case.must == Must::Nothing {
        return connection.send(&case.wire).context("it was not taken");
    }
    let answer = connection.exchange(&case.wire).context("there was no answer")?;
    case.must.judge(&answer)?;
    *kept = kept.take().or(Some(connection).filter(|_| keeps && !answer.closes()));
    Ok(())
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
    use std::thread::JoinHandle;

    use http1::client::{head, request};

    use super::*;

    /// Answers a connection with `answer` and closes it, having read 4 KiB at most; gives how much it read.
    fn server(answer: &'static [u8]) -> (SocketAddr, JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let count = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(answer).map_or(0, |()| count)
        });
        (address, thread)
    }

    fn performed(answer: &'static [u8], wire: Vec<u8>, must: Must) -> Result<(), String> {
        let case = Case { kind: "test", wire, must };
        perform(server(answer).0, &case, &mut None).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn status_and_body_are_both_judged() {
        let judged = |status, body: &[u8]| {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n[]\n";
            let must = Must::Answer(status, Some(body.to_vec()));
            performed(answer, request("POST", "/", b"{}"), must)
        };
        assert_eq!(judged(200, b"[]"), Ok(()));
        let wrong = "expected 400 \"[]\" (2 bytes), got 200 \"[]\\n\" (3 bytes)";
        assert_eq!(judged(400, b"[]"), Err(wrong.into()));
        assert!(judged(200, b"[1]").is_err());
    }

    #[test]
    fn a_refusal_is_read_also_when_the_body_is_not_taken() {
        let answer =
            b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 37\r\nconnection: close\r\n\r\n\
            \"urn:arenaria:problem:body-too-large\"\n";
        for wire in [head("POST", "/", 1 << 30), request("POST", "/", &vec![b' '; 8 << 20])] {
            let must = Must::Problem(413, "body-too-large");
            assert_eq!(performed(answer, wire.clone(), must), Ok(()));
            assert!(performed(answer, wire.clone(), Must::Problem(413, "trap")).is_err());
            assert!(performed(answer, wire, Must::Problem(503, "body-too-large")).is_err());
        }
    }

    #[test]
    fn a_cut_waits_for_nothing() {
        let (address, read) = server(b"");
        let case = Case { kind: "test", wire: b"POST / HT".to_vec(), must: Must::Nothing };
        perform(address, &case, &mut None).unwrap();
        assert_eq!(read.join().unwrap(), 9);
    }

    #[test]
    fn a_dead_server_ends_it_early_and_some_deviations_are_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let crowd = Crowd::new(listener.local_addr().unwrap());
        drop(listener);
        let case = Case { kind: "test", wire: Vec::new(), must: Must::Answer(200, None) };
        crowd.work(|_| Some((1, case.clone())));
        let row = &crowd.rows()["test"];
        assert_eq!((row.sent, row.right, row.deviations.len()), (DEVIATIONS_MAX, 0, 5));
    }
}
