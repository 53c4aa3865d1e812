//! What the kernel knows of a process: the CPU time it used and the memory it holds. CPU time is read by
//! hand, since no library gives that of children which have ended.

use std::time::Duration;

use anyhow::{Context, Result};
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

/// The CPU time (user and system) that all threads of `pid` have used, also those that ended.
/// Its grain is the kernel's tick, usually 10 ms.
///
/// # Errors
///
/// If the process is gone, or its `stat` does not have the documented form.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    read_cpu_time(pid, 2)
}

/// The same, and that of its children which it has waited for.
///
/// # Errors
///
/// As [`cpu_time`].
pub fn family_cpu_time(pid: u32) -> Result<Duration> {
    read_cpu_time(pid, 4)
}

fn read_cpu_time(pid: u32, fields: usize) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = cpu_ticks(&text, fields)
        .with_context(|| format!("{path} has an unknown form: {text:?}"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// The resident memory of `pid` in bytes.
///
/// # Errors
///
/// If the process is gone.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let (mut system, pid) = (System::new()?, Pid::from_u32(pid));
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    system.process(pid).map(Process::memory).with_context(|| format!("process {pid} is gone"))
}

/// The sum of `count` fields of proc_pid_stat(5) from 14 on: user and system time of the process, and
/// both of its children. The name in field 2 may hold anything, also spaces and parentheses, so
/// counting starts behind the last one.
fn cpu_ticks(stat: &str, count: usize) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    (0..count).map(|_| fields.next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_behind_a_hostile_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 17 9 9 20 0 1 0 84362";
        assert_eq!(cpu_ticks(stat, 2), Some(267));
        assert_eq!(cpu_ticks(stat, 4), Some(285));
        assert_eq!(cpu_ticks("42 (a) S 1", 2), None);
    }

    #[test]
    fn this_process_has_both() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        let before = cpu_time(pid).unwrap();
        let mut random = crate::random::Random::new(1);
        while cpu_time(pid).unwrap() == before {
            std::hint::black_box(random.next_u64());
        }
    }
}
