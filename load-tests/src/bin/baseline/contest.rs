//! Two servers that must give the same answer, measured in turn.
//!
//! Invariant: nothing is measured before both have answered alike, and no figure comes from a run
//! with an error.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use load_tests::client::{Answer, once};
use load_tests::procfs::cpu_time;
use load_tests::server::{Launch, Server};
use load_tests::wrk::{Run, Traffic, Wrk};
use serde_json::Value;

/// Enough for connections, caches and the CPU's clock to settle.
const WARM_UP_SECONDS: u32 = 1;

/// Two sides of one question.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    pub(crate) name: String,
    pub(crate) native: Launch,
    pub(crate) sandboxed: Launch,
    pub(crate) traffic: Traffic,
    /// The same bytes that `traffic` sends.
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
    pub(crate) target: Target,
}

/// What both sides must answer.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Exactly this.
    Bytes(&'static [u8]),
    /// The same document; if it is known beforehand, this one.
    Json(Option<Value>),
}

/// What the project holds itself to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Server CPU per request, as a multiple of the native server's.
    CpuAtMost(f64),
    /// Requests per second, as a share of the native server's.
    ThroughputAtLeast(f64),
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) seconds: u32,
    pub(crate) repeats: u32,
}

/// One server under load for some seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) run: Run,
    /// What the server's threads used meanwhile.
    pub(crate) cpu: Duration,
}

impl Measurement {
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.run.requests as f64
    }

    /// Near 1, the server is the limit; well below, the generator is.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.run.duration.as_secs_f64()
    }
}

/// One round: both sides, one right after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) native: Measurement,
    pub(crate) sandboxed: Measurement,
}

/// A contest with its rounds; there is at least one.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) contest: Contest,
    pub(crate) rounds: Vec<Round>,
}

impl Contest {
    /// Both servers and the generator, as one would type them.
    pub(crate) fn commands(&self, wrk: &Wrk, seconds: u32) -> [String; 3] {
        [
            self.native.command_line(),
            self.sandboxed.command_line(),
            wrk.command_line(&self.traffic, seconds),
        ]
    }

    /// Asks both sides once. What differs without being wrong comes back as notes.
    ///
    /// # Errors
    ///
    /// If a side does not start, or does not give the expected answer.
    pub(crate) fn verify(&self, logs: &Path) -> Result<Vec<String>> {
        let ask = |launch: &Launch| -> Result<Answer> {
            let server = launch.start(logs)?;
            let answer = self.ask(&server)?;
            server.stop()?;
            self.check(&answer)
                .with_context(|| format!("{} answers wrongly", launch.command_line()))?;
            Ok(answer)
        };
        let (native, sandboxed) = (ask(&self.native)?, ask(&self.sandboxed)?);
        if matches!(self.expected, Expected::Json(_)) {
            let (left, right) = (json(&native)?, json(&sandboxed)?);
            ensure!(
                left == right,
                "{}: the answers differ: native {left}, sandboxed {right}",
                self.name
            );
        }
        Ok(differing_headers(&native, &sandboxed)
            .map(|note| format!("{}: {note}", self.name))
            .collect())
    }

    /// Measures both sides as often as asked. Who goes first alternates, so that a drift of the
    /// machine does not always hit the same side.
    ///
    /// # Errors
    ///
    /// If a side cannot be measured without an error.
    pub(crate) fn measure(
        self,
        wrk: &Wrk,
        pace: Pace,
        logs: &Path,
        progress: impl Fn(String),
    ) -> Result<Outcome> {
        let mut rounds = Vec::new();
        for index in 0..pace.repeats {
            let side = |launch: &Launch| self.side(launch, wrk, pace.seconds, logs);
            let round = if index % 2 == 0 {
                let native = side(&self.native)?;
                Round { native, sandboxed: side(&self.sandboxed)? }
            } else {
                let sandboxed = side(&self.sandboxed)?;
                Round { native: side(&self.native)?, sandboxed }
            };
            let figures = |of: &Measurement| {
                format!("{:.0}/s {:.2} µs", of.run.requests_per_second(), of.cpu_us_per_request())
            };
            let (native, sandboxed) = (figures(&round.native), figures(&round.sandboxed));
            let (repeat, repeats) = (index + 1, pace.repeats);
            progress(format!(
                "{} {repeat}/{repeats}: native {native}, arenaria {sandboxed}",
                self.name
            ));
            rounds.push(round);
        }
        Ok(Outcome { contest: self, rounds })
    }

    fn side(&self, launch: &Launch, wrk: &Wrk, seconds: u32, logs: &Path) -> Result<Measurement> {
        let server = launch.start(logs)?;
        let measured = self.load(&server, wrk, seconds);
        let measured = measured
            .with_context(|| format!("{}: {}", launch.command_line(), server.log_tail()))?;
        server.stop()?;
        Ok(measured)
    }

    fn load(&self, server: &Server, wrk: &Wrk, seconds: u32) -> Result<Measurement> {
        wrk.run(server.address, &self.traffic, WARM_UP_SECONDS)?;
        let before = cpu_time(server.pid())?;
        let run = wrk.run(server.address, &self.traffic, seconds)?;
        let cpu = cpu_time(server.pid())? - before;
        // A server may have begun to answer wrongly without an error status.
        self.check(&self.ask(server)?).context("the answer after the load")?;
        Ok(Measurement { run, cpu })
    }

    fn ask(&self, server: &Server) -> Result<Answer> {
        once(server.address, self.traffic.method, "/", &self.body)
            .with_context(|| server.log_tail())
    }

    fn check(&self, answer: &Answer) -> Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{} instead of 200: {text}", answer.status);
        for name in ["content-type", "content-length", "date"] {
            ensure!(answer.header(name).is_some(), "there is no header {name}");
        }
        match &self.expected {
            Expected::Bytes(bytes) => ensure!(answer.body == *bytes, "the body is {text:?}"),
            Expected::Json(None) => {
                json(answer)?;
            }
            Expected::Json(Some(document)) => {
                let body = json(answer)?;
                ensure!(body == *document, "the body is {body}, expected {document}");
            }
        }
        Ok(())
    }
}

fn json(answer: &Answer) -> Result<Value> {
    serde_json::from_slice(&answer.body).with_context(|| {
        format!("the body is not JSON: {:?}", String::from_utf8_lossy(&answer.body))
    })
}

/// Bytes on the wire cost CPU: a header that only one side sends belongs beside the figures.
fn differing_headers(native: &Answer, sandboxed: &Answer) -> impl Iterator<Item = String> {
    let of = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.iter_mut().filter(|(name, _)| name == "date").for_each(|(_, value)| value.clear());
        headers.sort();
        headers
    };
    let (native, sandboxed) = (of(native), of(sandboxed));
    (native != sandboxed)
        .then(|| format!("the headers differ: native {native:?}, arenaria {sandboxed:?}"))
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contest(expected: Expected) -> Contest {
        let launch = Launch {
            name: "x".into(),
            program: "x".into(),
            args: Vec::new(),
            core: None,
            operator: false,
        };
        Contest {
            name: "x".into(),
            native: launch.clone(),
            sandboxed: launch,
            traffic: Traffic { method: "GET", body: None },
            body: Vec::new(),
            expected,
            target: Target::CpuAtMost(1.0),
        }
    }

    fn answer(status: u16, body: &str, date: &str) -> Answer {
        let headers = [("content-type", "text/plain"), ("content-length", "2"), ("date", date)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Answer { status, headers, body: body.into() }
    }

    #[test]
    fn a_wrong_answer_is_refused() {
        let hello = contest(Expected::Bytes(b"hi"));
        assert!(hello.check(&answer(200, "hi", "x")).is_ok());
        assert!(hello.check(&answer(500, "hi", "x")).is_err());
        assert!(hello.check(&answer(200, "ho", "x")).is_err());
        let mut headless = answer(200, "hi", "x");
        headless.headers.pop();
        assert_eq!(hello.check(&headless).unwrap_err().to_string(), "there is no header date");
    }

    #[test]
    fn documents_are_compared_by_meaning() {
        let expected = serde_json::json!({ "a": 1, "b": [] });
        let jq = contest(Expected::Json(Some(expected)));
        assert!(jq.check(&answer(200, "{\"b\": [], \"a\": 1}\n", "x")).is_ok());
        assert!(jq.check(&answer(200, "{\"b\": [], \"a\": 2}\n", "x")).is_err());
        assert!(contest(Expected::Json(None)).check(&answer(200, "{", "x")).is_err());
    }

    #[test]
    fn only_the_date_may_differ_silently() {
        let (one, mut other) = (answer(200, "hi", "x"), answer(200, "hi", "y"));
        assert_eq!(differing_headers(&one, &other).count(), 0);
        other.headers.push(("server".into(), "z".into()));
        assert_eq!(differing_headers(&one, &other).count(), 1);
    }
}
