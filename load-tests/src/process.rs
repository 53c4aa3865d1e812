//! A child process that does not outlive its handle.
//!
//! Each is in a process group of its own: Ctrl-C on a terminal is for this program, which ends its
//! children when their figures have been taken. Only a child that has not been waited for is ever
//! signalled, so a process that merely took over its number is safe.

use std::io::read_to_string;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use procfs::process::all_processes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

const POLL_EVERY: Duration = Duration::from_millis(5);

/// A child process.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command.
    pub(crate) fn spawn(command: &mut Command) -> std::io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks it to end (SIGTERM) and waits; `None` if it has not ended in time.
    pub(crate) fn terminate(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
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
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.0.kill().context("cannot send SIGKILL")?;
        self.0.wait().context("cannot wait for a killed process")?;
        Ok(())
    }
}

/// Runs a command to its end, or until somebody asks to end, and gives what it prints, a little at most.
pub(crate) fn output(command: &mut Command, stop: &AtomicBool) -> Result<String> {
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
    let said = read_to_string(process.0.stdout.take().expect("stdout is piped"))?;
    let complaint = read_to_string(process.0.stderr.take().expect("stderr is piped"))?;
    ensure!(status.success(), "{name} ended with {status}: {said}{complaint}");
    Ok(said)
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // With what it has started itself.
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Ends every child at once, for a process that is about to end without dropping its handles.
pub fn kill_all() {
    let own = std::process::id().cast_signed();
    let all = all_processes().into_iter().flatten().flatten();
    let children = all.filter(|it| it.stat().is_ok_and(|stat| stat.ppid == own));
    for pid in children.filter_map(|child| Pid::from_raw(child.pid)) {
        // One that has ended meanwhile is what was wanted.
        let _ = kill_process_group(pid, Signal::KILL);
    }
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
    }

    #[test]
    fn a_command_is_run_to_its_end_or_until_somebody_asks() {
        let said =
            |script| output(Command::new("sh").args(["-c", script]), &AtomicBool::new(false));
        assert_eq!(said("echo out; echo err >&2").unwrap(), "out\n");
        let error = said("echo out; echo err >&2; exit 3").unwrap_err().to_string();
        assert_eq!(error, "sh ended with exit status: 3: out\nerr\n");
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
        std::io::Read::read_exact(&mut output, &mut ready).unwrap();
        assert!(process.terminate(Duration::from_millis(50)).unwrap().is_none());
        process.kill().unwrap();
        assert!(process.ended().unwrap().is_some());
    }
}
