//! Panics of Rust's standard library on a target without a system, and what an author uses instead.
//!
//! Such code compiles for `wasm32-unknown-unknown`, and panics when it runs.

/// A part of a panic's text, and the remedy.
const REMEDIES: [(&str, &str); 9] = [
    ("time not implemented on this platform", CLOCK),
    ("can't sleep", "a processor cannot sleep: remove the wait"),
    ("operation not supported on this platform", SYSTEM),
    ("no filesystem on this platform", SYSTEM),
    ("no pids on this platform", SYSTEM),
    (
        "condvar wait not supported",
        "a processor has one thread: nothing can wake it, so do not wait",
    ),
    ("environment variable not found", ENVIRONMENT),
    ("value: NotPresent", ENVIRONMENT),
    ("getrandom", RANDOM),
];

const CLOCK: &str = "a processor has no clock: use `Request::received_at` instead of \
    `Instant::now` and `SystemTime::now`";
const SYSTEM: &str = "a processor has no files, sockets, threads or processes: take what it needs from \
    `Settings` or from the request, or put it into the component with `include_bytes!`";
const ENVIRONMENT: &str =
    "a processor has no environment: use `Settings`, which `Processor::configure` gets";
const RANDOM: &str = "a processor has no source of random numbers: seed a generator with \
    `Request::received_at`, or with a header field that the host forwards";

/// What the author of a guest should do about a panic with this text, if it is a known mistake.
pub(crate) fn remedy(panic: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(part, _)| panic.contains(part)).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(panic: &str, expected: Option<&str>) {
        let found = remedy(panic);
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{found:?}");
    }

    #[test]
    fn known_mistakes_have_a_remedy() {
        check(
            "time not implemented on this platform, at library/std/src/x.rs:1:2",
            Some("received_at"),
        );
        check("can't sleep, at x", Some("cannot sleep"));
        let unwrapped = "called `Result::unwrap()` on an `Err` value";
        check(&format!("{unwrapped}: NotPresent, at src/lib.rs:1:2"), Some("Settings"));
        let unsupported =
            "Error { kind: Unsupported, message: \"operation not supported on this platform\" }";
        check(&format!("{unwrapped}: {unsupported}"), Some("files"));
        check("there is a file: Custom { kind: NotFound }", None);
        check("", None);
    }
}
