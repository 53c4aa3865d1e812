//! A second opinion on an open loop: oha, with its correction of latencies.
//!
//! It is not ours: `cargo xtask benchmark-peers --oha` installs it. It says for itself what went wrong, and
//! nothing of that is left out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::output;
use crate::server::{pinned, quoted};
use crate::wrk::Traffic;

/// A load that oha sends.
#[derive(Clone, Debug)]
pub struct Oha {
    /// The program.
    pub program: PathBuf,
    /// The core that it may run on.
    pub core: Option<usize>,
    /// How many connections.
    pub connections: usize,
    /// Requests per second.
    pub rate: f64,
    /// How long.
    pub duration: Duration,
}

/// What oha says.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Requests answered in a second.
    pub answered_per_second: f64,
    /// Answers with a status above 399, and requests without an answer.
    pub errors: u64,
    /// Latencies in milliseconds: p50, p90, p99, p99.9 and the greatest.
    pub latency_ms: [f64; 5],
}

impl Oha {
    /// The command as one would type it.
    #[must_use]
    pub fn command_line(&self, traffic: &Traffic) -> String {
        let command = self.command("http://ADDR", traffic);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Runs it, at most until `stop`.
    ///
    /// # Errors
    ///
    /// If it cannot run, or says something that is not understood.
    pub fn run(&self, address: SocketAddr, traffic: &Traffic, stop: &AtomicBool) -> Result<Said> {
        let output = output(&mut self.command(&format!("http://{address}"), traffic), stop)?;
        ensure!(
            output.status.success(),
            "oha ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        parse(&output.stdout)
    }

    fn command(&self, base: &str, traffic: &Traffic) -> Command {
        let mut command = pinned(&self.program, self.core);
        command.args(["--no-tui", "--output-format", "json", "--latency-correction"]);
        // Requests under way at the end are waited for, as our own generator does.
        command.arg("-w").arg("-c").arg(self.connections.to_string());
        command.arg("-q").arg(format!("{:.0}", self.rate));
        command.arg("-z").arg(format!("{}ms", self.duration.as_millis()));
        command.arg("--disable-compression").arg("-m").arg(&traffic.method);
        if let Some(body) = &traffic.body {
            command.args(["-T", "application/json", "-D"]).arg(body);
        }
        command.arg(format!("{base}{}", traffic.path));
        command
    }
}

fn parse(output: &[u8]) -> Result<Said> {
    let said: Value = serde_json::from_slice(output).context("oha did not say JSON")?;
    let number = |path: &str| {
        said.pointer(path).and_then(Value::as_f64).with_context(|| format!("oha says no {path}"))
    };
    let counts = |path: &str| {
        let counts = said.pointer(path).and_then(Value::as_object);
        counts
            .into_iter()
            .flatten()
            .map(|(kind, count)| (kind.clone(), count.as_u64().unwrap_or(0)))
    };
    let refused = counts("/statusCodeDistribution").filter(|(status, _)| status.as_str() >= "400");
    let errors = refused.chain(counts("/errorDistribution")).map(|(_, count)| count).sum();
    let ms = |path: &str| number(path).map(|seconds| seconds * 1e3);
    Ok(Said {
        answered_per_second: number("/summary/requestsPerSec")?,
        errors,
        latency_ms: [
            ms("/latencyPercentiles/p50")?,
            ms("/latencyPercentiles/p90")?,
            ms("/latencyPercentiles/p99")?,
            ms("/latencyPercentiles/p99.9")?,
            ms("/summary/slowest")?,
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"summary":{"requestsPerSec":1000.5,"slowest":0.02},
        "latencyPercentiles":{"p50":0.001,"p90":0.002,"p99":0.003,"p99.9":0.004},
        "statusCodeDistribution":{"200":90,"503":7},"errorDistribution":{"connection closed":3}}"#;

    #[test]
    fn errors_are_refusals_and_losses() {
        let said = parse(SAID.as_bytes()).unwrap();
        assert_eq!(said.errors, 10);
        assert_eq!(said.answered_per_second, 1000.5);
        assert_eq!(said.latency_ms, [1.0, 2.0, 3.0, 4.0, 20.0]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = parse(SAID.replace("p99.9", "p98").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "oha says no /latencyPercentiles/p99.9");
        assert_eq!(parse(b"{").unwrap_err().to_string(), "oha did not say JSON");
    }
}
