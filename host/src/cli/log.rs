//! The log: lines on standard error. They are written by a thread of their own, so that a pipe that nobody reads or
//! a full disk never stops a worker. If that thread falls behind, lines are dropped and counted.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::variables::variable;
use crate::config::log::LogFormat;

/// How many lines may wait to be written.
const LINES_MAX: usize = 1024;

/// The log, until this is dropped. Then lines that wait are written, if that is possible within a second.
pub struct Log {
    is_json: Arc<AtomicBool>,
    /// Why ARENARIA_LOG is not followed.
    invalid: Option<String>,
    dropped: ErrorCounter,
    _guard: WorkerGuard,
}

/// The form of each line. It is chosen after the log has started, because the configuration may say it.
struct Form {
    text: Format,
    json: Format<Json>,
    is_json: Arc<AtomicBool>,
}

impl Log {
    /// Starts to write the log. `usual` says what is written if ARENARIA_LOG does not. Nothing is to be written
    /// before its form is chosen.
    #[must_use]
    pub fn start(usual: &str) -> Self {
        let or_usual = || EnvFilter::new(usual);
        let (filter, invalid) = match variable("ARENARIA_LOG").map(EnvFilter::try_new).transpose() {
            Ok(filter) => (filter.unwrap_or_else(or_usual), None),
            Err(error) => {
                let sentence = format!("ARENARIA_LOG is invalid, so \"{usual}\" is used: {error}");
                (or_usual(), Some(sentence))
            }
        };
        let stderr = std::io::stderr();
        let is_terminal = stderr.is_terminal();
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_MAX)
            .thread_name("log")
            .finish(stderr);
        let dropped = writer.error_counter();
        let is_json = Arc::new(AtomicBool::new(false));
        tracing_subscriber::fmt()
            .with_ansi(is_terminal)
            .log_internal_errors(false)
            .event_format(Form::new(Arc::clone(&is_json)))
            .with_env_filter(filter)
            .with_writer(writer)
            .init();
        // Whoever panics must not wait for a reader of standard error either.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Self { is_json, invalid, dropped, _guard: guard }
    }

    /// Writes lines of this form from now on.
    pub(crate) fn choose(&self, format: LogFormat) {
        self.is_json.store(format == LogFormat::Json, Relaxed);
        self.invalid.iter().for_each(|sentence| tracing::warn!("{sentence}"));
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

impl Form {
    fn new(is_json: Arc<AtomicBool>) -> Self {
        let json = Format::default().json().flatten_event(true);
        let json = json.with_current_span(false).with_span_list(false);
        Self { text: Format::default(), json, is_json }
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.is_json.load(Relaxed) {
            self.json.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}
