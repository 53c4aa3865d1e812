//! The load generator: wrk, with one thread and a fixed request.
//!
//! wrk is not ours and not built here: Debian has it. Invariant: figures are only handed out for a
//! run without any error; a server that answers fast and wrongly has no throughput.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::output;
use crate::server::{pinned, quoted};

const SCRIPT: &str = include_str!("wrk.lua");

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The method.
    pub method: String,
    /// The path, and a query if there is one.
    pub path: String,
    /// A file with the body, if there is one.
    pub body: Option<PathBuf>,
}

/// wrk, ready to run.
#[derive(Clone, Debug)]
pub struct Wrk {
    script: PathBuf,
    connections: u32,
    core: Option<usize>,
}

/// What a run without errors says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Requests answered.
    pub requests: u64,
    /// How long the run took.
    pub duration: Duration,
    /// Half of the answers came within this time.
    pub latency_p50: Duration,
    /// 99 of 100 answers came within this time.
    pub latency_p99: Duration,
}

impl Run {
    /// Requests answered in a second.
    #[must_use]
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.duration.as_secs_f64()
    }
}

impl Wrk {
    /// Puts the script into `workspace`.
    ///
    /// # Errors
    ///
    /// If wrk is not installed (the message says how to), or the script cannot be written.
    pub fn new(workspace: &Path, connections: u32, core: Option<usize>) -> Result<Self> {
        version()?;
        let script = workspace.join("wrk.lua");
        std::fs::write(&script, SCRIPT)
            .with_context(|| format!("cannot write {}", script.display()))?;
        Ok(Self { script, connections, core })
    }

    /// Runs wrk against `address` for `seconds`, or until `stop`.
    ///
    /// # Errors
    ///
    /// If it cannot run, or counts a socket error, a time-out or a status above 399.
    pub fn run(
        &self,
        address: SocketAddr,
        traffic: &Traffic,
        seconds: u32,
        stop: &AtomicBool,
    ) -> Result<Run> {
        let base = format!("http://{address}");
        judge(&output(&mut self.command(&base, traffic, seconds), stop)?)
    }

    /// The command as one would type it.
    #[must_use]
    pub fn command_line(&self, traffic: &Traffic, seconds: u32) -> String {
        let command = self.command("http://ADDR", traffic, seconds);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    fn command(&self, base: &str, traffic: &Traffic, seconds: u32) -> Command {
        let mut command = pinned(Path::new("wrk"), self.core);
        command.arg("-t1").arg(format!("-c{}", self.connections)).arg(format!("-d{seconds}s"));
        command
            .arg("-s")
            .arg(&self.script)
            .arg(format!("{base}{}", traffic.path))
            .arg("--")
            .arg(&traffic.method)
            .args(&traffic.body);
        command
    }
}

/// wrk's version, as it prints it.
///
/// # Errors
///
/// If it is not installed.
pub fn version() -> Result<String> {
    // It ends with 1 after `-v`, so only whether it starts is asked.
    let Ok(output) = Command::new("wrk").arg("-v").output() else {
        bail!("wrk is not installed: `apt-get install wrk`");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn judge(output: &Output) -> Result<Run> {
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!(
            "wrk ended with {}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    parse(&text).with_context(|| format!("wrk said:\n{text}"))
}

/// Reads the line that `wrk.lua` writes at the end.
fn parse(text: &str) -> Result<Run> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("figures "))
        .context("there are no figures")?;
    let number = |key: &str| -> Result<u64> {
        let found =
            line.split(' ').filter_map(|word| word.split_once('=')).find(|(name, _)| *name == key);
        let (_, value) = found.with_context(|| format!("{key} is missing"))?;
        value.parse().with_context(|| format!("{key} is {value:?}"))
    };
    let mut errors = Vec::new();
    for kind in ["connect", "read", "write", "timeout", "status"] {
        match number(kind)? {
            0 => {}
            count => errors.push(format!("{kind} {count}")),
        }
    }
    if !errors.is_empty() {
        bail!("there were errors ({}) among {} requests", errors.join(", "), number("requests")?);
    }
    let run = Run {
        requests: number("requests")?,
        duration: Duration::from_micros(number("duration_us")?),
        latency_p50: Duration::from_micros(number("p50_us")?),
        latency_p99: Duration::from_micros(number("p99_us")?),
    };
    if run.requests == 0 || run.duration.is_zero() {
        bail!("no request was answered");
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n\
        Requests/sec: 121000.11\n\
        figures requests=121000 duration_us=1000000 connect=0 read=0 write=0 timeout=0 status=0 p50_us=250 p99_us=900\n";

    #[test]
    fn a_clean_run_gives_its_figures() {
        let run = parse(GOOD).unwrap();
        assert_eq!(run.requests, 121_000);
        assert_eq!(run.requests_per_second(), 121_000.0);
        assert_eq!(
            (run.latency_p50, run.latency_p99),
            (Duration::from_micros(250), Duration::from_micros(900))
        );
    }

    #[track_caller]
    fn refused(from: &str, to: &str, message: &str) {
        assert!(GOOD.contains(from));
        assert_eq!(parse(&GOOD.replace(from, to)).unwrap_err().to_string(), message);
    }

    #[test]
    fn every_kind_of_error_fails_the_run() {
        refused("connect=0", "connect=1", "there were errors (connect 1) among 121000 requests");
        refused("read=0", "read=32", "there were errors (read 32) among 121000 requests");
        refused("write=0", "write=1", "there were errors (write 1) among 121000 requests");
        refused(
            "timeout=0 status=0",
            "timeout=2 status=7",
            "there were errors (timeout 2, status 7) among 121000 requests",
        );
    }

    #[test]
    fn output_that_is_not_understood_fails_the_run() {
        refused("figures ", "", "there are no figures");
        refused("status=0", "", "status is missing");
        refused("p99_us=900", "p99_us=nan", "p99_us is \"nan\"");
        refused("requests=121000", "requests=0", "no request was answered");
    }
}
