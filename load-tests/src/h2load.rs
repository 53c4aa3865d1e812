//! Requests as fast as answers come, by h2load, which speaks TLS and HTTP/2. Debian has it as `nghttp2-client`.

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::files::Paths;
use crate::process::output;
use crate::server::{line, pinned};

/// A load that h2load sends.
#[derive(Clone, Debug)]
pub struct H2load {
    /// Where to, with the scheme.
    pub url: String,
    /// What is spoken: `--h1`, or the concurrent streams of a connection (`-m1`).
    pub protocol: &'static str,
    /// The core that it may run on.
    pub core: Option<usize>,
    /// How many connections.
    pub connections: u16,
    /// How long, after a second that is not counted.
    pub duration: Duration,
}

/// What h2load says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Requests answered in a second.
    pub answered_per_second: f64,
    /// Requests that were answered.
    pub answered: u64,
    /// Answers with a status of 400 or more, and requests without an answer.
    pub errors: u64,
}

impl H2load {
    /// How one would type its command.
    ///
    /// # Errors
    ///
    /// If it is not installed; the message says how to.
    pub fn command_line(&self, paths: &Paths) -> Result<String> {
        Ok(line(&self.command(paths)?))
    }

    /// Runs it, at most until `stop`.
    ///
    /// # Errors
    ///
    /// If it cannot run, or says something that is not understood.
    pub fn run(&self, paths: &Paths, stop: &AtomicBool) -> Result<Outcome> {
        parse(&output(&mut self.command(paths)?, stop)?)
    }

    fn command(&self, paths: &Paths) -> Result<Command> {
        let program = paths.tool("h2load");
        let program =
            program.context("h2load is not installed: `apt-get install nghttp2-client`")?;
        let mut command = pinned(&program, self.core);
        let seconds = self.duration.as_secs().max(1).to_string();
        command.args(["--threads", "1", "--clients", &self.connections.to_string()]);
        command.args(["--duration", &seconds, "--warm-up-time", "1", self.protocol, &self.url]);
        Ok(command)
    }
}

/// Reads the words for people. h2load has no other form.
fn parse(said: &str) -> Result<Outcome> {
    let number = |begin: &str, unit: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(begin));
        let figure = line.and_then(|line| {
            line.split(',').find_map(|part| part.trim().strip_suffix(unit)?.trim().parse().ok())
        });
        figure.with_context(|| format!("expected {unit:?} after {begin:?}, got {said:?}"))
    };
    let requests = |unit| number("requests:", unit);
    let statuses = |unit| number("status codes:", unit);
    let lost = requests("failed")? + requests("timeout")?;
    let refused = statuses("4xx")? + statuses("5xx")?;
    let outcome = Outcome {
        answered_per_second: number("finished in", "req/s")?,
        answered: requests("succeeded")? as u64,
        errors: (lost + refused) as u64,
    };
    ensure!(outcome.answered > 0, "no request was answered: {said}");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "finished in 3.00s, 91161.33 req/s, 11.30MB/s
requests: 273484 total, 273500 started, 273484 done, 273480 succeeded, 4 failed, 3 errored, 1 timeout
status codes: 273478 2xx, 0 3xx, 2 4xx, 0 5xx
traffic: 33.90MB (35552920) total";

    #[test]
    fn words_become_figures() {
        let expected =
            Outcome { answered_per_second: 91161.33, answered: 273_480, errors: 4 + 1 + 2 };
        assert_eq!(parse(SAID).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_fails_the_run() {
        let error = parse("finished").unwrap_err().to_string();
        assert!(error.contains("expected \"failed\" after \"requests:\""), "{error}");
        let none = SAID.replace("273480 succeeded", "0 succeeded");
        assert!(parse(&none).unwrap_err().to_string().starts_with("no request was answered"));
    }
}
