//! The log: lines on standard error. They are written by a thread of their own, so that a pipe that nobody reads or
//! a full disk never stops a worker. If that thread falls behind, lines are dropped and counted.

use std::fmt;
use std::io::IsTerminal as _;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::cli::variables::variable;

/// How many lines may wait to be written.
const LINES_MAX: usize = 1024;

/// The log, until this is dropped. Then lines that wait are written, if that is possible within a second.
pub struct Log {
    dropped: ErrorCounter,
    _guard: WorkerGuard,
}

impl Log {
    /// Starts to write the log. `usual` says what is written if ARENARIA_LOG does not.
    #[must_use]
    pub fn start(usual: &str) -> Self {
        let or_usual = || EnvFilter::new(usual);
        let (filter, invalid) = match variable("ARENARIA_LOG").map(EnvFilter::try_new).transpose() {
            Ok(filter) => (filter.unwrap_or_else(or_usual), None),
            Err(error) => (or_usual(), Some(error)),
        };
        let stderr = std::io::stderr();
        let is_terminal = stderr.is_terminal();
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_MAX)
            .thread_name("log")
            .finish(stderr);
        let dropped = writer.error_counter();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .with_ansi(is_terminal)
            .log_internal_errors(false)
            .init();
        // Whoever panics must not wait for a reader of standard error either.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        if let Some(error) = invalid {
            tracing::warn!("ARENARIA_LOG is invalid, so \"{usual}\" is used: {error}");
        }
        Self { dropped, _guard: guard }
    }

    /// Counts the lines that were dropped.
    pub(crate) fn dropped(&self) -> ErrorCounter {
        self.dropped.clone()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
