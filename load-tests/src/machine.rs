//! The machine that a figure was seen on: without it the figure means nothing.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What is written beside the figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    kernel: String,
    cpu: String,
    cores: usize,
    load: f64,
}

impl Machine {
    /// Looks around. What cannot be read is empty: it is a note, not a measurement.
    #[must_use]
    pub fn sample() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpu: cpu_model(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
        }
    }

    /// Cores that this process may use.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.cores
    }

    /// Work that was running or waiting in the last minute, in cores.
    #[must_use]
    pub fn load(&self) -> f64 {
        self.load
    }

    /// One line for a person.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{}, {} cores, Linux {}, load before the run {}",
            self.cpu, self.cores, self.kernel, self.load
        )
    }
}

/// What `program --version` prints, or empty.
#[must_use]
pub fn version_of(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

fn cpu_model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": "))
        .map_or_else(String::new, |(_, model)| model.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: fpu\n"), "AMD EPYC");
        assert_eq!(cpu_model("processor\t: 0\n"), "");
    }
}
