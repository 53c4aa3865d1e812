//! The machine that a figure was seen on: without it the figure means nothing.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, RefreshKind, System};

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
    pub fn current() -> Self {
        let system =
            System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()))
                .ok();
        let brand = system.and_then(|system| Some(system.cpus().first()?.brand().to_owned()));
        Self {
            kernel: System::kernel_version().unwrap_or_default(),
            cpu: brand.unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: System::load_average().map_or(0.0, |load| load.one),
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
}

/// What `program --version` prints, or empty.
#[must_use]
pub fn version_of(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}
