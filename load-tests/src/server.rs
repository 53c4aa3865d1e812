//! A server as a child process: started (pinned to a core if asked), watched until it says where it
//! listens, and ended with SIGTERM.
//!
//! Only the child is ever signalled, and only through its handle, so a process that merely took
//! over its number is safe. Invariant: a [`Server`] that is dropped leaves no process behind.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::files::tail;

/// A first start may compile a component without a cache.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// Above the server's own default for draining (10 s).
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
const LOG_LINES_SHOWN: usize = 20;

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
    /// Whether a second address, the operator's, will be printed.
    pub operator: bool,
}

impl Launch {
    /// The command as one would type it.
    #[must_use]
    pub fn command_line(&self) -> String {
        let command = pinned(&self.program, self.core);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.chain(self.args.iter().map(OsString::as_os_str));
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
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
        let mut child = pinned(&self.program, self.core)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(sink)
            .spawn()
            .with_context(|| format!("cannot start {}", self.command_line()))?;
        let lines = lines_of(&mut child);
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server =
            Server { child, name: self.name.clone(), log, address: unspecified, operator: None };
        let addresses = read_addresses(&lines, self.operator);
        (server.address, server.operator) = addresses.with_context(|| {
            format!("{} did not start; {}", self.command_line(), server.log_tail())
        })?;
        Ok(server)
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    name: String,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its operator's listener is, if it was asked for.
    pub operator: Option<SocketAddr>,
}

impl Server {
    /// The number of its process. `taskset` replaces itself by the program, so it is the server's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of its log, for a message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        format!("the end of {}:\n{}", self.log.display(), tail(&self.log, LOG_LINES_SHOWN))
    }

    /// Asks it to end and waits for that.
    ///
    /// # Errors
    ///
    /// If it had ended before, does not end in time, or ends with another code than 0.
    pub fn stop(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended by itself with {status}; {}", self.name, self.log_tail());
        }
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("cannot send SIGTERM")?;
        match self.wait_until(Instant::now() + STOP_TIME_MAX)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => {
                bail!("{} ended with {status} on SIGTERM; {}", self.name, self.log_tail())
            }
            None => bail!(
                "{} did not end within {STOP_TIME_MAX:?} of SIGTERM; {}",
                self.name,
                self.log_tail()
            ),
        }
    }

    fn wait_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` both are no-ops: the handle knows that the child was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command for `program`, on one core if asked.
#[must_use]
pub fn pinned(program: &Path, core: Option<usize>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// `word` as a shell would need it.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The child's lines as they come. The thread reads on to the end, so that the child never blocks
/// on a full pipe.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let stdout = child.stdout.take().expect("it was asked to be piped");
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens once the addresses are known.
            let _ = sender.send(line);
        }
    });
    lines
}

fn read_addresses(
    lines: &Receiver<String>,
    operator: bool,
) -> Result<(SocketAddr, Option<SocketAddr>)> {
    let deadline = Instant::now() + START_TIME_MAX;
    let (mut main, mut second) = (None, None);
    loop {
        if let Some(main) = main
            && (second.is_some() || !operator)
        {
            return Ok((main, second));
        }
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                main = main.or(address_after("listening on http://", &line)?);
                second = second.or(address_after("operator on http://", &line)?);
            }
            Err(RecvTimeoutError::Disconnected) => {
                bail!("it ended before it said where it listens")
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("it did not say within {START_TIME_MAX:?} where it listens")
            }
        }
    }
}

fn address_after(prefix: &str, line: &str) -> Result<Option<SocketAddr>> {
    let Some(text) = line.strip_prefix(prefix) else { return Ok(None) };
    let address =
        text.trim().parse().with_context(|| format!("{line:?} does not end in an address"))?;
    Ok(Some(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Receiver<String> {
        let (sender, lines) = channel();
        for line in text {
            sender.send((*line).to_owned()).unwrap();
        }
        lines
    }

    #[test]
    fn addresses_are_found_among_other_lines_in_any_order() {
        let lines = lines(&[
            "operator on http://127.0.0.1:2",
            "memory 16MiB",
            "listening on http://127.0.0.1:1",
        ]);
        let (main, operator) = read_addresses(&lines, true).unwrap();
        assert_eq!(main.port(), 1);
        assert_eq!(operator.map(|address| address.port()), Some(2));
    }

    #[test]
    fn an_end_before_the_second_address_is_an_error() {
        let lines = lines(&["listening on http://127.0.0.1:1"]);
        let error = read_addresses(&lines, true).unwrap_err();
        assert_eq!(error.to_string(), "it ended before it said where it listens");
    }

    #[test]
    fn a_server_that_ends_at_once_is_reported_with_its_log() {
        let folder = std::env::temp_dir().join(format!("load-tests-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let launch = Launch {
            name: "broken".into(),
            program: "sh".into(),
            args: vec!["-c".into(), "echo no such component >&2; exit 1".into()],
            core: None,
            operator: false,
        };
        let error = format!("{:#}", launch.start(&folder).unwrap_err());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains("no such component"), "{error}");
        assert!(error.contains("sh -c 'echo no such component >&2; exit 1'"), "{error}");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("--workers"), "--workers");
        assert_eq!(quoted("program={a, b: 'c'}"), r"'program={a, b: '\''c'\''}'");
        assert_eq!(quoted(""), "''");
    }
}
