//! The fixed numbers of `arenaria dev`.

use std::time::Duration;

/// How long no source changes before a change counts as complete. Editors write a file in several steps.
pub(crate) const QUIET: Duration = Duration::from_millis(50);
/// How many lines of requests may wait to be printed. More are counted, and only their number is printed.
pub(crate) const REQUEST_LINES_MAX: u64 = 1024;
