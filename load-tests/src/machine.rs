//! The machine that a figure was seen on: without it the figure means nothing.

use std::path::Path;
use std::process::Command;

use procfs::{CpuInfo, Current, LoadAverage};
use serde::{Deserialize, Serialize};

/// What is written beside the figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    kernel: String,
    cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Work that was running or waiting in the last minute, in cores.
    pub load: f32,
}

impl Machine {
    /// Looks around. What cannot be read is empty: it is a note, not a measurement.
    #[must_use]
    pub fn current() -> Self {
        let cpu = CpuInfo::current().ok();
        Self {
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            cpu: cpu.and_then(|cpu| Some(cpu.model_name(0)?.to_owned())).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: LoadAverage::current().map_or(0.0, |load| load.one),
        }
    }
}

impl Machine {
    /// Whether figures of both can be compared.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.kernel, &self.cpu, self.cores) == (&other.kernel, &other.cpu, other.cores)
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
