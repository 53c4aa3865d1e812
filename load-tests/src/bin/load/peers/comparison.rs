//! The servers that take part, what they must answer, and one measurement of one of them.
//!
//! Invariant: nobody is measured before the right answer has come, and none of ours has figures from a
//! run with an error.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http1::client::{Answer, once, request};
use load_tests::generator::{Generator, Measured, Pace, RequestTemplate};
use load_tests::payload::{PROGRAM, WEBHOOK_BYTES_MIN, webhook};
use load_tests::peers::{Peer, Task};
use load_tests::procfs::{family_cpu_time, resident_bytes};
use load_tests::server::{Launch, Server};

use super::goal::{self, Goal};
use crate::environment::{Environment, span};

/// Enough for connections, caches and the CPU's clock to settle.
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this
    #[arg(long, value_name = "WHAT")]
    pub(super) only: Option<Only>,
    /// How often everybody is measured
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// How long each measurement takes
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = span)]
    duration: Duration,
    /// Connections that are kept busy
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Sizes of the documents in bytes
    #[arg(long, default_values_t = [1024, 10_240], value_delimiter = ',', value_name = "BYTES")]
    pub(super) documents: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Only {
    Hello,
    Jq,
    /// Our component, bridged to WASI 0.2, here and in `wasmtime serve`
    Bridged,
}

/// Everybody on one task.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) candidates: Vec<Candidate>,
    /// The servers that do not take part, and why.
    pub(crate) left_out: Vec<String>,
    /// What differs between answers without being wrong.
    pub(crate) notes: Vec<String>,
    pub(crate) goals: Vec<(Peer, Peer, Goal)>,
    method: &'static str,
    body: Vec<u8>,
    right: Right,
}

/// One server in it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) peer: Peer,
    pub(crate) name: String,
    pub(crate) launch: Launch,
}

/// The right answer.
#[derive(Debug)]
enum Right {
    Bytes(&'static [u8]),
    Json(serde_json::Value),
}

/// Everybody once, in the order of the candidates.
pub(crate) type Round = Vec<Measurement>;

/// One server under load.
#[derive(Debug)]
pub(crate) struct Measurement {
    pub(crate) run: Measured,
    /// What the server and its children used until the last answer.
    cpu: Duration,
    resident_bytes: u64,
}

impl Measurement {
    pub(crate) fn per_second(&self) -> f64 {
        self.run.latency.len() as f64 / self.run.total.as_secs_f64()
    }

    pub(crate) fn errors(&self) -> f64 {
        self.run.errors() as f64
    }

    pub(crate) fn server_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.run.latency.len().max(1) as f64
    }

    pub(crate) fn server_busy_percent(&self) -> f64 {
        self.cpu.as_secs_f64() / self.run.total.as_secs_f64() * 100.0
    }

    pub(crate) fn generator_busy_percent(&self) -> f64 {
        self.run.generator_busy() * 100.0
    }

    pub(crate) fn resident_mib(&self) -> f64 {
        self.resident_bytes as f64 / (1024.0 * 1024.0)
    }
}

impl Comparison {
    /// The smallest answer: what it costs to serve at all.
    pub(crate) fn hello(env: &Environment, args: &Args) -> Result<Self> {
        let right = Right::Bytes(b"hello, world\n");
        let task = (Task::Hello, Vec::new(), right);
        Self::new(env, args, "hello".into(), &Peer::ALL, task, goal::hello())
    }

    /// A webhook's program on a document of `bytes`.
    pub(crate) fn jq(env: &Environment, args: &Args, bytes: usize) -> Result<Self> {
        let name = format!("jq, {bytes} B");
        Self::new(env, args, name, &Peer::ALL, jq(env, bytes)?, goal::jq())
    }

    /// The same, by our component alone, bridged, in two hosts.
    pub(crate) fn bridged(env: &Environment, args: &Args, bytes: usize) -> Result<Self> {
        let name = format!("bridged jq, {bytes} B");
        Self::new(env, args, name, &Peer::BRIDGED, jq(env, bytes)?, goal::bridged())
    }

    fn new(
        env: &Environment,
        args: &Args,
        name: String,
        peers: &[Peer],
        (task, body, right): (Task, Vec<u8>, Right),
        goals: Vec<(Peer, Peer, Goal)>,
    ) -> Result<Self> {
        let (mut candidates, mut left_out) = (Vec::new(), Vec::new());
        for peer in peers.iter().copied().filter(|peer| peer.takes(&task)) {
            let connections = args.connections.into();
            match peer.launch(&task, &env.paths, env.server_core, connections) {
                Ok(launch) => {
                    candidates.push(Candidate { peer, name: peer.name().to_owned(), launch });
                }
                // Ours must take part.
                Err(error) if peer.is_ours() => return Err(error),
                Err(error) => {
                    left_out.push(format!("{} does not take part: {error:#}", peer.name()))
                }
            }
        }
        let method = if body.is_empty() { "GET" } else { "POST" };
        let notes = Vec::new();
        Ok(Self { name, candidates, left_out, notes, goals, method, body, right })
    }

    /// The place of a peer that takes part.
    pub(crate) fn index(&self, peer: &Peer) -> Option<usize> {
        self.candidates.iter().position(|candidate| candidate.peer == *peer)
    }

    /// Measures everybody as often as asked, until somebody asks to end.
    pub(crate) fn rounds(&mut self, env: &Environment, args: &Args) -> Result<Vec<Round>> {
        let mut rounds = Vec::new();
        for repeat in 0..args.repeats {
            let mut round = Vec::new();
            let count = self.candidates.len();
            for step in 0..count {
                if env.stopped() {
                    return Ok(rounds);
                }
                let index = if repeat % 2 == 0 { step } else { count - 1 - step };
                let candidate = &self.candidates[index];
                let measured = self.measure(candidate, env, args);
                // What was under way when somebody asked to end says nothing.
                if env.stopped() {
                    return Ok(rounds);
                }
                let (measurement, note) = measured?;
                eprintln!(
                    "{}, round {}/{}: {:<44} {:>7.0}/s {:>8.2} µs",
                    self.name,
                    repeat + 1,
                    args.repeats,
                    candidate.name,
                    measurement.per_second(),
                    measurement.server_us()
                );
                round.push((index, measurement));
                if let Some(note) = note.filter(|note| !self.notes.contains(note)) {
                    self.notes.push(note);
                }
            }
            round.sort_by_key(|(index, _)| *index);
            rounds.push(round.into_iter().map(|(_, measurement)| measurement).collect());
        }
        Ok(rounds)
    }

    fn measure(
        &self,
        candidate: &Candidate,
        env: &Environment,
        args: &Args,
    ) -> Result<(Measurement, Option<String>)> {
        let server = candidate.launch.start(&env.workspace)?;
        let measured = self.load(&server, env, args);
        let (measurement, answer) =
            measured.with_context(|| format!("{}: {}", candidate.name, server.log_tail()))?;
        let errors = measurement.run.errors();
        // Ours must not fail at all. Of others it is said, with their own last words.
        ensure!(
            errors == 0 || !candidate.peer.is_ours(),
            "{}: {:?}; {}",
            candidate.name,
            measurement.run.error_budget(),
            server.log_tail()
        );
        let note = match answer.header("content-length") {
            _ if errors > 0 => {
                Some(format!("{} fails now and then: {}", candidate.name, server.last_words()))
            }
            Some(_) => None,
            None => Some(format!("{} answers in chunks", candidate.name)),
        };
        server.stop()?;
        Ok((measurement, note))
    }

    fn load(
        &self,
        server: &Server,
        env: &Environment,
        args: &Args,
    ) -> Result<(Measurement, Answer)> {
        let answer = once(server.address, self.method, "/", &self.body)?;
        self.check(&answer)?;
        let wire = request(self.method, "/", &self.body);
        let template = RequestTemplate { wire, expected: Some(answer.body.clone()) };
        let (run, cpu, resident_bytes) = env.pinned(|| -> Result<_> {
            let connections = args.connections.into();
            let mut generator =
                Generator::connect(server.address, connections, vec![template], false)?;
            generator.run(Pace::Closed, WARM_UP, env.stop(), |_| {})?;
            let before = family_cpu_time(server.pid())?;
            let run = generator.run(Pace::Closed, args.duration, env.stop(), |_| {})?;
            let cpu = family_cpu_time(server.pid())? - before;
            Ok((run, cpu, resident_bytes(server.pid())?))
        })?;
        ensure!(!run.latency.is_empty(), "there was no right answer: {:?}", run.error_budget());
        Ok((Measurement { run, cpu, resident_bytes }, answer))
    }

    fn check(&self, answer: &Answer) -> Result<()> {
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{} instead of 200: {text}", answer.status);
        match &self.right {
            Right::Bytes(bytes) => ensure!(answer.body == *bytes, "the body is {text:?}"),
            Right::Json(document) => {
                let body: serde_json::Value = serde_json::from_slice(&answer.body)
                    .with_context(|| format!("the body is not JSON: {text:?}"))?;
                ensure!(body == *document, "the body is {body}, expected {document}");
            }
        }
        Ok(())
    }
}

/// The webhook's program on a document of `bytes`, and the right answer.
fn jq(env: &Environment, bytes: usize) -> Result<(Task, Vec<u8>, Right)> {
    let least = WEBHOOK_BYTES_MIN;
    ensure!(bytes >= least, "--documents {bytes}: at least {least} bytes");
    let webhook = webhook(env.seed, bytes);
    let right = Right::Json(webhook.answer);
    Ok((Task::Jq(PROGRAM.to_owned()), webhook.text.into_bytes(), right))
}
