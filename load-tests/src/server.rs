//! A server as a child process: started (pinned to a core if asked), watched until it says where it
//! listens, and ended with SIGTERM.
//!
//! Invariant: a [`Server`] that is dropped leaves no process behind.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::files::tail;
use crate::process::Process;

/// A first start may compile a component without a cache.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// Above the server's own default for draining (10 s).
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
const LOG_LINES_SHOWN: usize = 20;
/// How often the log is looked at for the addresses.
const LOOK_TIME: Duration = Duration::from_millis(5);

/// What servers print before the address that they serve on: arenaria and `bare`, `wasmtime serve`.
const SERVING: [&str; 2] = ["listening on http://", "Serving HTTP on http://"];
/// What arenaria prints before the address of its TLS listener.
const SERVING_TLS: &str = "listening on https://";
/// What arenaria prints before the operator's address.
const OPERATOR: [&str; 1] = ["operator on http://"];

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Names the log, and the server in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The core that it may run on; `None`: any.
    pub core: Option<usize>,
    /// What tells that it serves.
    pub expects: Expects,
    /// How it ends when it is asked to.
    pub end: End,
}

/// What tells that a server serves, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// It prints its address.
    Address,
    /// It prints its address and its operator's.
    BothAddresses,
    /// It accepts connections to this address.
    Connection(SocketAddr),
}

/// How a server ends on SIGTERM. Anything else is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It handles the signal and ends with code 0.
    Orderly,
    /// It does not handle the signal, which ends it.
    Terminated,
}

impl End {
    fn is(self, status: ExitStatus) -> bool {
        match self {
            Self::Orderly => status.success(),
            Self::Terminated => status.signal() == Some(Signal::TERM.as_raw()),
        }
    }
}

impl Launch {
    /// The command as one would type it.
    #[must_use]
    pub fn command_line(&self) -> String {
        line(&self.command())
    }

    /// Starts the server and waits until it has printed its addresses.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or ends or stays silent before that; the message carries the end of
    /// its log.
    pub fn start(&self, logs: &Path) -> Result<Server> {
        let log = logs.join(&self.name).with_extension("log");
        let sink = std::fs::File::create(&log)
            .with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(sink.try_clone().context("cannot share the log")?).stderr(sink);
        let process = Process::spawn(&mut command)
            .with_context(|| format!("cannot start {}", self.command_line()))?;
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let (name, end) = (self.name.clone(), self.end);
        let mut server = Server { process, name, log, end, address: unspecified, operator: None };
        (server.address, server.operator) = server.addresses(self.expects).with_context(|| {
            format!("{} did not start; {}", self.command_line(), server.log_tail())
        })?;
        Ok(server)
    }

    fn command(&self) -> Command {
        let mut command = pinned(&self.program, self.core);
        command.args(&self.args);
        command
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    name: String,
    log: PathBuf,
    end: End,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its operator's listener is, if it was asked for.
    pub operator: Option<SocketAddr>,
}

impl Server {
    /// The number of its process. `taskset` replaces itself by the program, so it is the server's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The end of its log, for a message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        format!("the end of {}:\n{}", self.log.display(), tail(&self.log, LOG_LINES_SHOWN))
    }

    /// Where it listens for TLS, if it has said so.
    #[must_use]
    pub fn https(&self) -> Option<SocketAddr> {
        let log = std::fs::read(&self.log).ok()?;
        address_after(&[SERVING_TLS], &String::from_utf8_lossy(&log)).ok()?
    }

    /// The last line of its log that says something.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = tail(&self.log, LOG_LINES_SHOWN);
        log.trim_end().lines().last().unwrap_or_default().trim().to_owned()
    }

    /// Asks it to end and waits for that.
    ///
    /// # Errors
    ///
    /// If it had ended before, does not end in time, or ends otherwise than it should.
    pub fn stop(mut self) -> Result<()> {
        self.ensure_running()?;
        let Some(status) = self.process.terminate(STOP_TIME_MAX)? else {
            let (name, log) = (&self.name, self.log_tail());
            bail!("{name} did not end within {STOP_TIME_MAX:?} of SIGTERM; {log}");
        };
        let is_right = self.end.is(status);
        ensure!(is_right, "{} ended with {status} on SIGTERM; {}", self.name, self.log_tail());
        Ok(())
    }

    /// Ends it at once, as a crash would (SIGKILL), and waits until it is gone: its sockets are
    /// closed when this returns.
    ///
    /// # Errors
    ///
    /// If it had ended before.
    pub fn kill(mut self) -> Result<()> {
        self.ensure_running()?;
        self.process.kill()
    }

    fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.process.ended()? {
            bail!("{} ended by itself with {status}; {}", self.name, self.log_tail());
        }
        Ok(())
    }

    /// Waits until it serves: until it has written its addresses into its log, or accepts.
    fn addresses(&mut self, expects: Expects) -> Result<(SocketAddr, Option<SocketAddr>)> {
        let deadline = Instant::now() + START_TIME_MAX;
        loop {
            // In this order: what was written before an end is read.
            let ended = self.process.ended()?.is_some();
            let log = std::fs::read(&self.log)
                .with_context(|| format!("cannot read {}", self.log.display()))?;
            let found = match expects {
                Expects::Connection(address) => {
                    TcpStream::connect(address).ok().map(|_| (address, None))
                }
                _ => addresses(&String::from_utf8_lossy(&log), expects == Expects::BothAddresses)?,
            };
            if let Some(addresses) = found.filter(|_| !ended) {
                return Ok(addresses);
            }
            ensure!(!ended, "it ended before it said where it listens");
            ensure!(
                Instant::now() < deadline,
                "it did not say within {START_TIME_MAX:?} where it listens"
            );
            std::thread::sleep(LOOK_TIME);
        }
    }
}

/// A command for `program`, on one core if asked.
pub(crate) fn pinned(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// `word` as a shell would need it.
///
/// # Panics
///
/// If it holds a NUL, which no argument can.
#[must_use]
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).expect("an argument holds no NUL").into_owned()
}

/// What it serves on, and the operator's address if there is to be one, from a log that may still
/// be written to.
fn addresses(log: &str, operator: bool) -> Result<Option<(SocketAddr, Option<SocketAddr>)>> {
    // A line without its end may lack half an address.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let main = address_after(&SERVING, whole)?;
    let second = address_after(&OPERATOR, whole)?;
    Ok(main.filter(|_| second.is_some() || !operator).map(|main| (main, second)))
}

/// The first address that follows one of the prefixes.
fn address_after(prefixes: &[&str], lines: &str) -> Result<Option<SocketAddr>> {
    let after = |line| prefixes.iter().find_map(|prefix| str::strip_prefix(line, *prefix));
    let Some(text) = lines.lines().find_map(after) else { return Ok(None) };
    let address = text.trim_end_matches('/');
    address.parse().map(Some).with_context(|| format!("{address:?} is not an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(log: &str, operator: bool, expected: Option<(u16, Option<u16>)>) {
        let found = addresses(log, operator).unwrap();
        let ports = found.map(|(main, second)| (main.port(), second.map(|second| second.port())));
        assert_eq!(ports, expected);
    }

    #[test]
    fn addresses_are_found_among_other_lines_in_any_order() {
        let log = "operator on http://127.0.0.1:2\nmemory 16MiB\nlistening on http://127.0.0.1:1\n";
        check(log, true, Some((1, Some(2))));
        check("warning: none\nServing HTTP on http://127.0.0.1:3/\n", false, Some((3, None)));
        check("Serving HTTP on http://[::1]:3/\n", false, Some((3, None)));
    }

    #[test]
    fn half_a_line_and_half_of_the_addresses_are_waited_for() {
        check("", false, None);
        check("listening on http://127.0.0.1:80", false, None);
        check("listening on http://127.0.0.1:8080\n", false, Some((8080, None)));
        check("listening on http://127.0.0.1:8080\n", true, None);
        assert!(addresses("listening on http://localhost\n", false).is_err());
    }

    fn shell(name: &str, script: &str, end: End) -> Launch {
        Launch {
            name: name.into(),
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            core: None,
            expects: Expects::Address,
            end,
        }
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let launch = shell("broken", "echo no such component >&2; exit 1", End::Orderly);
        let error = format!("{:#}", launch.start(folder.path()).unwrap_err());
        assert!(error.contains("it ended before it said where it listens"), "{error}");
        assert!(error.contains(":\nno such component"), "{error}");
        assert!(error.contains("sh -c 'echo no such component >&2; exit 1'"), "{error}");
    }

    #[test]
    fn the_way_a_server_must_end_is_checked() {
        // Both say where they listen, one of them on stderr, and wait without a child.
        let handles = "trap 'exit 0' TERM; echo listening on http://127.0.0.1:1; \
                       while :; do read -r line < /dev/null; done";
        let dies = "echo Serving HTTP on http://127.0.0.1:2/ >&2; exec sleep 60";
        let folder = tempfile::tempdir().unwrap();
        for (script, port, end, other) in
            [(handles, 1, End::Orderly, End::Terminated), (dies, 2, End::Terminated, End::Orderly)]
        {
            let server = shell("right", script, end).start(folder.path()).unwrap();
            assert_eq!(server.address.port(), port);
            server.stop().unwrap();
            let server = shell("wrong", script, other).start(folder.path()).unwrap();
            assert!(server.stop().unwrap_err().to_string().contains("on SIGTERM"));
        }
    }
}
