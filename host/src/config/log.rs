//! What the server writes about itself and its requests: the form of the log, the access log, and exemplars.

use std::fmt;

use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

/// The form of the lines of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object in each line.
    Json,
}

/// Which requests have a line in the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// Those that failed: a status from 500 on, or a response that was cut.
    Errors,
    /// All of them, or a sample of those that did not fail.
    All,
}

/// The keys as they were typed.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Form of the lines of the log [default: text]
    #[arg(long, env = "ARENARIA_LOG_FORMAT", hide_env = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Requests with a line in the access log: errors are those with a status from 500 on, and cut responses [default: off]
    #[arg(long, env = "ARENARIA_ACCESS_LOG", hide_env = true, value_name = "WHICH")]
    pub access_log: Option<AccessLog>,
    /// With --access-log=all, each worker writes one of so many requests that are not errors [default: 1]
    #[arg(long, env = "ARENARIA_ACCESS_LOG_SAMPLE", hide_env = true, value_name = "NUMBER")]
    pub access_log_sample: Option<u64>,
    /// Keep the trace of the last sampled request for each bucket of arenaria_request_duration_seconds, as its exemplar
    #[arg(long, env = "ARENARIA_EXEMPLARS", hide_env = true, value_name = "BOOL", num_args = 0..=1,
        require_equals = true, default_missing_value = "true")]
    pub exemplars: Option<bool>,
}

/// The keys with their defaults, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    pub(crate) access: AccessConfig,
    /// Whether the trace of a request is kept as an exemplar.
    pub(crate) exemplars: bool,
}

/// Which requests have a line in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessConfig {
    pub(crate) which: AccessLog,
    /// Of those that did not fail, one of so many.
    pub(crate) sample: u64,
}

impl LogArgs {
    /// Takes a key that is absent here from `fallback`, or else its default.
    ///
    /// # Errors
    ///
    /// A sentence that names the key, the value and what was expected.
    pub(crate) fn resolve(&self, fallback: &Self) -> Result<LogConfig> {
        let sample = self.access_log_sample.or(fallback.access_log_sample).unwrap_or(1);
        ensure!(
            (1..=1_000_000_000).contains(&sample),
            "expected access-log-sample from 1 to 1000000000, got {sample}"
        );
        let which = self.access_log.or(fallback.access_log).unwrap_or_default();
        Ok(LogConfig {
            format: self.log_format.or(fallback.log_format).unwrap_or_default(),
            access: AccessConfig { which, sample },
            exemplars: self.exemplars.or(fallback.exemplars).unwrap_or(false),
        })
    }
}

impl fmt::Display for AccessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.which {
            AccessLog::Off => f.write_str("off"),
            AccessLog::Errors => f.write_str("errors"),
            AccessLog::All => write!(f, "all, one of {}", self.sample),
        }
    }
}
