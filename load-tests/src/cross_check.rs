//! A second opinion on a figure, by load generators that are not ours: wrk for a closed loop, oha for a
//! fixed rate, with its correction of latencies. Debian has wrk; `cargo xtask benchmark-peers --oha` installs oha.
//!
//! Both say what went wrong, and nothing of that is left out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::files::Paths;
use crate::process::output;
use crate::server::{line, pinned};

const SCRIPT: &str = include_str!("wrk.lua");

/// A load that another generator sends.
#[derive(Clone, Debug)]
pub struct CrossCheck {
    /// The method.
    pub method: String,
    /// The path, and a query if there is one.
    pub path: String,
    /// A file with the body, if there is one.
    pub body: Option<PathBuf>,
    /// The core that it may run on.
    pub core: Option<usize>,
    /// How many connections.
    pub connections: usize,
    /// How long.
    pub duration: Duration,
    /// Requests per second, by oha; `None` for as fast as answers come, by wrk.
    pub rate: Option<f64>,
}

/// What the other generator says.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How long it took.
    pub seconds: f64,
    /// Requests answered in a second.
    pub answered_per_second: f64,
    /// Answers with a status above 399, and requests without an answer.
    pub errors: u64,
    /// Latencies in milliseconds: p50, p90, p99, p99.9 and the greatest.
    pub latency_ms: [f64; 5],
}

impl CrossCheck {
    /// The program that does it, and how one would type its command.
    ///
    /// # Errors
    ///
    /// If it is not installed; the message says how to.
    pub fn command_line(&self, paths: &Paths) -> Result<String> {
        Ok(line(&self.command("http://ADDR", paths)?))
    }

    /// Runs it, at most until `stop`.
    ///
    /// # Errors
    ///
    /// If it cannot run, or says something that is not understood.
    pub fn run(&self, address: SocketAddr, paths: &Paths, stop: &AtomicBool) -> Result<Outcome> {
        parse(&output(&mut self.command(&format!("http://{address}"), paths)?, stop)?)
    }

    fn command(&self, base: &str, paths: &Paths) -> Result<Command> {
        let (url, connections) = (format!("{base}{}", self.path), self.connections.to_string());
        let Some(rate) = self.rate else {
            let wrk = paths.tool("wrk").context("wrk is not installed: `apt-get install wrk`")?;
            let script = paths.workspace()?.join("wrk.lua");
            std::fs::write(&script, SCRIPT).context("cannot write wrk's script")?;
            let mut command = pinned(&wrk, self.core);
            let seconds = format!("-d{}s", self.duration.as_secs().max(1));
            command.args(["-t1", &format!("-c{connections}"), &seconds, "-s"]);
            command.arg(script).args([&url, "--", &self.method]).args(&self.body);
            return Ok(command);
        };
        let oha = paths.tool("oha");
        let oha = oha.context("oha is not installed: `cargo xtask benchmark-peers --oha`")?;
        let mut command = pinned(&oha, self.core);
        command.args(["--no-tui", "--output-format", "json", "--latency-correction"]);
        // Requests under way at the end are waited for, as our own generator does.
        command.args(["-w", "-c", &connections, "-q", &format!("{rate:.0}")]);
        command.args(["-z", &format!("{}ms", self.duration.as_millis()), "--disable-compression"]);
        command.args(["-m", &self.method]);
        if let Some(body) = &self.body {
            command.args(["-T", "application/json", "-D"]).arg(body);
        }
        command.arg(url);
        Ok(command)
    }
}

/// Reads oha's JSON, which wrk's script writes as well, behind its own words.
fn parse(output: &str) -> Result<Outcome> {
    let json = output.find('{').map_or("", |begin| &output[begin..]);
    let said: Value =
        serde_json::from_str(json).with_context(|| format!("expected JSON, got {output:?}"))?;
    let number = |path: &str| {
        said.pointer(path).and_then(Value::as_f64).with_context(|| format!("{path} is missing"))
    };
    let ms = |path: &str| number(path).map(|seconds| seconds * 1e3);
    let counts = |path: &str| said.pointer(path).and_then(Value::as_object).into_iter().flatten();
    let refused = counts("/statusCodeDistribution").filter(|(status, _)| status.as_str() >= "400");
    let errors = refused.chain(counts("/errorDistribution"));
    let outcome = Outcome {
        seconds: number("/summary/total")?,
        answered_per_second: number("/summary/requestsPerSec")?,
        errors: errors.filter_map(|(_, count)| count.as_u64()).sum(),
        latency_ms: [
            ms("/latencyPercentiles/p50")?,
            ms("/latencyPercentiles/p90")?,
            ms("/latencyPercentiles/p99")?,
            ms("/latencyPercentiles/p99.9")?,
            ms("/summary/slowest")?,
        ],
    };
    ensure!(outcome.answered_per_second > 0.0, "no request was answered");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"Running 1s test
        {"summary":{"total":2.5,"requestsPerSec":1000.5,"slowest":0.02},
        "latencyPercentiles":{"p50":0.001,"p90":0.002,"p99":0.003,"p99.9":0.004},
        "statusCodeDistribution":{"200":90,"503":7},"errorDistribution":{"connection closed":3}}"#;

    #[test]
    fn errors_are_refusals_and_losses() {
        let said = parse(SAID).unwrap();
        assert_eq!((said.errors, said.answered_per_second, said.seconds), (10, 1000.5, 2.5));
        assert_eq!(said.latency_ms, [1.0, 2.0, 3.0, 4.0, 20.0]);
    }

    #[test]
    fn what_is_not_understood_fails_the_run() {
        let refused = |from: &str, to: &str, message: &str| {
            assert!(SAID.contains(from));
            assert_eq!(parse(&SAID.replace(from, to)).unwrap_err().to_string(), message);
        };
        refused("p99.9", "p98", "/latencyPercentiles/p99.9 is missing");
        refused("1000.5", "0", "no request was answered");
        assert_eq!(parse("half").unwrap_err().to_string(), "expected JSON, got \"half\"");
    }
}
