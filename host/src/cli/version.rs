//! What `arenaria --version` prints.

use std::sync::LazyLock;

/// The commit, by the build script. Empty if it is unknown.
const COMMIT: &str = include_str!(concat!(env!("OUT_DIR"), "/commit"));

/// The version, the commit, and the version of wasmtime.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let (version, wasmtime) = (env!("CARGO_PKG_VERSION"), wasmtime_environ::VERSION);
        let commit = if COMMIT.is_empty() { String::new() } else { format!("commit {COMMIT}, ") };
        format!("{version} ({commit}wasmtime {wasmtime})")
    });
    &VERSION
}
