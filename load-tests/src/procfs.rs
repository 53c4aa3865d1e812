//! What the kernel knows of a process: the CPU time it used and the memory it holds.

use std::time::Duration;

use anyhow::{Context, Result};
use procfs::WithCurrentSystemInfo;
use procfs::process::{Process, Stat};

/// The CPU time (user and system) that all threads of `pid` have used, and those of its children which
/// it has waited for. Its grain is the kernel's tick, usually 10 ms.
///
/// # Errors
///
/// If the process is gone.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let Stat { utime, stime, cutime, cstime, .. } = stat(pid)?;
    let ticks = utime + stime + (cutime + cstime).cast_unsigned();
    Ok(Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64))
}

/// The resident memory of `pid` in bytes.
///
/// # Errors
///
/// If the process is gone.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    Ok(stat(pid)?.rss_bytes().get())
}

fn stat(pid: u32) -> Result<Stat> {
    let process = Process::new(pid.cast_signed()).and_then(|process| process.stat());
    process.with_context(|| format!("cannot read the state of process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_both() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        let before = cpu_time(pid).unwrap();
        while cpu_time(pid).unwrap() == before {}
    }
}
