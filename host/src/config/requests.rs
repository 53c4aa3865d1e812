//! Bounds of what `arenaria test` reads and shows.

use std::time::Duration;

use crate::config::units::Size;

/// The largest file of requests, and the largest file with a body.
pub(crate) const FILE_BYTES_MAX: Size = Size(64 << 20);
/// The largest response that is collected. A component may stream without end.
pub(crate) const RESPONSE_BYTES_MAX: Size = Size(256 << 20);
/// How deep folders of requests may be nested.
pub(crate) const FOLDERS_MAX: usize = 16;
/// How many differences of JSON values are shown per case.
pub(crate) const DIFFERENCES_MAX: usize = 8;
/// How many lines of a difference of texts are shown per case.
pub(crate) const DIFFERENCE_LINES_MAX: usize = 40;
/// The lines around a difference of texts.
pub(crate) const CONTEXT_LINES: usize = 2;
/// How long differences of texts are looked for. After that, larger parts are shown as different.
pub(crate) const COMPARE_TIME: Duration = Duration::from_secs(2);
/// How many instances of a route may exist at once: the one that serves, one that is started in its place, and one
/// that was replaced and is not dropped yet.
pub(crate) const INSTANCES: u32 = 3;
/// How many bytes may be on their way between the client and the server in one process.
pub(crate) const PIPE_BYTES: usize = 64 << 10;
