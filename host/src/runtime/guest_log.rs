//! The lines that the components of a route may cause in the log: their own output and log, their faults and their
//! bad responses. More than a limit per second are counted, not written.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{DisplayValue, display};
use tracing::{Level, enabled, event};

use crate::component::guest_text::GuestText;
use crate::runtime::log_buffer::{LogLevel, LogLines};
use crate::runtime::request_ids::{Hex, MakeIds};

/// The share of one route in the log. All clones share it.
#[derive(Clone, Debug)]
pub(crate) struct GuestLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    route: String,
    lines_per_second: AtomicU64,
    second: Mutex<Second>,
    left_out: AtomicU64,
}

/// The call in which a guest wrote to its log.
#[derive(Clone, Copy)]
pub(crate) enum During<'a> {
    /// The start of its instance.
    Start,
    /// A reading of its arena.
    Usage { slot: usize },
    /// A request to an instance, which has a slot in the server.
    Request {
        slot: Option<usize>,
        method: &'a str,
        path_with_query: &'a str,
        ids: Option<MakeIds<'a>>,
    },
}

/// The fields of a line of the log about a call.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) slot: Option<usize>,
    pub(crate) method: Option<DisplayValue<GuestText>>,
    pub(crate) path: Option<DisplayValue<GuestText>>,
    pub(crate) request_id: Option<DisplayValue<Hex>>,
    pub(crate) trace_id: Option<DisplayValue<Hex>>,
}

/// The second that is under way.
#[derive(Debug)]
struct Second {
    begun: Instant,
    lines: u64,
    left_out: u64,
}

impl GuestLog {
    pub(crate) fn new(route: &str, lines_per_second: u64) -> Self {
        let second = Mutex::new(Second { begun: Instant::now(), lines: 0, left_out: 0 });
        let (left_out, lines_per_second) = (AtomicU64::new(0), AtomicU64::new(lines_per_second));
        Self(Arc::new(Shared { route: route.to_owned(), lines_per_second, second, left_out }))
    }

    /// Changes the limit.
    pub(crate) fn limit(&self, lines_per_second: u64) {
        self.0.lines_per_second.store(lines_per_second, Relaxed);
    }

    pub(crate) fn route(&self) -> &str {
        &self.0.route
    }

    /// Whether one more line may be written now. If not, it is counted. The first line of a later second is
    /// preceded by one that says how many were left out.
    pub(crate) fn admits_line(&self) -> bool {
        let (admits, left_out) = self.0.count(Instant::now());
        if left_out > 0 {
            tracing::warn!(
                route = self.0.route,
                "left out {left_out} lines of the log; log-lines = {} per second",
                self.0.lines_per_second.load(Relaxed)
            );
        }
        admits
    }

    /// Writes the lines that a guest has logged.
    #[cold]
    pub(crate) fn write(&self, logged: &LogLines, during: During<'_>) {
        let route = self.route();
        let Fields { slot, method, path, request_id, trace_id } = during.fields();
        // The level of an event is constant.
        macro_rules! write {
            ($level:ident, $($text:tt)+) => {
                if enabled!(target: "guest", Level::$level) && self.admits_line() {
                    event!(
                        target: "guest", Level::$level, route, slot, method, path,
                        "request-id" = request_id, "trace-id" = trace_id, $($text)+
                    );
                }
            };
        }
        if logged.dropped > 0 {
            write!(WARN, "{} older lines of the guest's log were dropped", logged.dropped);
        }
        for line in logged.iter() {
            match line.level {
                LogLevel::Error => write!(ERROR, "{}", line.text()),
                LogLevel::Warn => write!(WARN, "{}", line.text()),
                LogLevel::Info => write!(INFO, "{}", line.text()),
                LogLevel::Debug => write!(DEBUG, "{}", line.text()),
            }
        }
    }

    /// How many lines were left out since the start.
    pub(crate) fn left_out(&self) -> u64 {
        self.0.left_out.load(Relaxed)
    }
}

impl During<'_> {
    /// The fields of a line of the log. The query may hold what must not be logged.
    pub(crate) fn fields(self) -> Fields {
        match self {
            Self::Start => Fields::default(),
            Self::Usage { slot } => Fields { slot: Some(slot), ..Fields::default() },
            Self::Request { slot, method, path_with_query, ids } => {
                let path = path_with_query.split('?').next().unwrap_or_default();
                let text = |text| Some(display(GuestText::name(text)));
                let ids = ids.map(|ids| ids());
                Fields {
                    slot,
                    method: text(method),
                    path: text(path),
                    request_id: ids.map(|ids| display(ids.request_id())),
                    trace_id: ids.map(|ids| display(ids.trace_id())),
                }
            }
        }
    }
}

impl Shared {
    /// Whether one more line may be written, and how many were left out in a second that is over.
    fn count(&self, now: Instant) -> (bool, u64) {
        // No code here panics while it holds the lock.
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over = 0;
        if now.duration_since(second.begun) >= Duration::from_secs(1) {
            over = second.left_out;
            *second = Second { begun: now, lines: 0, left_out: 0 };
        }
        let admits = second.lines < self.lines_per_second.load(Relaxed);
        if admits {
            second.lines += 1;
        } else {
            second.left_out += 1;
            self.left_out.fetch_add(1, Relaxed);
        }
        (admits, over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_lines_than_allowed_are_counted_and_told_in_a_later_second() {
        let log = GuestLog::new("/", 2);
        let begun = log.0.second.lock().unwrap().begun;
        let at = |milliseconds| log.0.count(begun + Duration::from_millis(milliseconds));
        assert_eq!([at(0), at(1), at(2), at(999)], [(true, 0), (true, 0), (false, 0), (false, 0)]);
        assert_eq!([at(1000), at(1001), at(1002)], [(true, 2), (true, 0), (false, 0)]);
        assert_eq!(log.left_out(), 3);
    }

    #[test]
    fn no_line_is_admitted_if_none_is_allowed() {
        let log = GuestLog::new("/", 0);
        assert!(!log.admits_line() && !log.admits_line());
        assert_eq!(log.left_out(), 2);
    }
}
