//! A child process that does not outlive its handle.
//!
//! Each is in a process group of its own: Ctrl-C on a terminal is for this program, which ends its
//! children when their figures have been taken. Only a child that has not been waited for is ever
//! signalled, so a process that merely took over its number is safe.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

const POLL_EVERY: Duration = Duration::from_millis(5);

/// Children with a handle that is alive, for [`kill_all`].
static LIVING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A child process.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a command.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        living().insert(child.id());
        Ok(Self(child))
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it has ended, if it has.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let status = self.0.try_wait()?;
        if status.is_some() {
            living().remove(&self.0.id());
        }
        Ok(status)
    }

    /// Asks it to end (SIGTERM) and waits; `None` if it has not ended in time.
    ///
    /// # Errors
    ///
    /// If it cannot be signalled.
    pub fn terminate(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).context("cannot send SIGTERM")?;
        let deadline = Instant::now() + patience;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    /// Ends it at once, as a crash would (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    ///
    /// If it cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.0.kill().context("cannot send SIGKILL")?;
        self.0.wait().context("cannot wait for a killed process")?;
        Ok(())
    }
}

/// Runs a command to its end with what it prints, a little at most, or until somebody asks to end.
///
/// # Errors
///
/// If it cannot be started, or was ended before its time.
pub fn output(command: &mut Command, stop: &AtomicBool) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(command).with_context(|| format!("cannot run {name}"))?;
    let status = loop {
        if let Some(status) = process.ended()? {
            break status;
        }
        ensure!(!stop.load(Ordering::Relaxed), "{name} was ended");
        std::thread::sleep(POLL_EVERY);
    };
    // What is printed fits into the pipes: nothing has to be read before the end.
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    process.0.stdout.take().map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut stdout))?;
    process.0.stderr.take().map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut stderr))?;
    Ok(Output { status, stdout, stderr })
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before it is waited for: after that its number may be another's.
        living().remove(&self.0.id());
        if let Ok(None) = self.0.try_wait() {
            // With what it has started itself.
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Ends every child at once, for a process that is about to end without dropping its handles.
pub fn kill_all() {
    for pid in living().iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
        // One that has ended meanwhile is what was wanted.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn living() -> MutexGuard<'static, BTreeSet<u32>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeping() -> Process {
        Process::spawn(Command::new("sleep").arg("600")).unwrap()
    }

    #[test]
    fn a_process_ends_when_asked_and_with_its_handle() {
        let mut asked = sleeping();
        assert!(asked.ended().unwrap().is_none());
        assert!(asked.terminate(Duration::from_secs(20)).unwrap().is_some());
        let dropped = sleeping();
        let pid = dropped.pid();
        drop(dropped);
        assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists());
        assert!(!living().contains(&pid));
    }

    #[test]
    fn a_command_is_run_to_its_end_or_until_somebody_asks() {
        let said = output(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            &AtomicBool::new(false),
        );
        let said = said.unwrap();
        assert_eq!(
            (said.stdout, said.stderr, said.status.code()),
            (b"out\n".to_vec(), b"err\n".to_vec(), Some(3))
        );
        let error = output(Command::new("sleep").arg("600"), &AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.to_string(), "sleep was ended");
    }

    #[test]
    fn a_patience_that_is_over_says_so() {
        let deaf = "trap '' TERM; echo ready; while :; do sleep 1; done";
        let mut command = Command::new("sh");
        command.args(["-c", deaf]).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command).unwrap();
        let mut ready = [0; 6];
        let mut output = process.0.stdout.take().unwrap();
        Read::read_exact(&mut output, &mut ready).unwrap();
        assert!(process.terminate(Duration::from_millis(50)).unwrap().is_none());
        process.kill().unwrap();
        assert!(process.ended().unwrap().is_some());
    }
}
