//! What is done to the server, and what must come of each.

use http1::client::{head, request};
use load_tests::random::Random;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cases::{Case, Must};

/// Where good requests go; nothing of a fault may be seen there.
pub(super) const GOOD: &str = "/hooks";
/// The probe, with time enough: what must end here ends by itself.
const PROBE: &str = "/";
/// The probe and the transform with little time, for what would never end.
const PROBE_LOOP: &str = "/loop";
const JQ_LOOP: &str = "/endless";
/// The transform with programs that requests bring, in little memory.
const JQ: &str = "/jq";
/// Waits of the server, short enough to be met often.
const HEAD_TIME: &str = "500ms";
const BODY_TIME: &str = "500ms";
const RESPONSE_TIME: &str = "500ms";
const GUEST_TIME_LOOP: &str = "100ms";
/// More than the sockets' buffers take, less than the probe's memory.
pub(super) const UNREAD_BYTES: usize = 8 << 20;
/// Above what a body may have.
const OVERSIZED_BYTES: usize = 100 << 20;
/// Above what the transform lets a document nest.
const DEEP: usize = 3000;
pub(super) const SLOTS: usize = 2;

/// One way to be bad.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// How often it comes among the others.
    weight: usize,
    /// The reason for which it costs its instance, if it does.
    pub(super) costs: Option<&'static str>,
    /// A cut client leaves an instance that may be at work, which may be lost.
    pub(super) case: Case,
}

/// How a client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slow {
    /// Half a head, and then silence.
    Head,
    /// A body that comes byte by byte.
    Body,
    /// An answer that is not read.
    Reader,
}

impl Slow {
    pub(super) const ALL: [Self; 3] = [Self::Head, Self::Body, Self::Reader];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Head => "half a head, then silence",
            Self::Body => "a body byte by byte",
            Self::Reader => "an answer that is not read",
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Head | Self::Body => "408 timeout",
            Self::Reader => "connection closed",
        }
    }
}

/// Everything that is done besides being slow.
pub(super) fn faults() -> Vec<Fault> {
    let mut all = probe_faults();
    all.extend(jq_faults());
    all.extend(refused());
    all.extend(cuts());
    all
}

/// The fault of that number: first each once, then by chance.
pub(super) fn pick(faults: &[Fault], seed: u64, number: u64) -> usize {
    let number = match usize::try_from(number) {
        Ok(number) if number < faults.len() => return number,
        _ => number,
    };
    let total: usize = faults.iter().map(|fault| fault.weight).sum();
    let mut at = Random::of_item(seed, number).below(total as u64) as usize;
    for (index, fault) in faults.iter().enumerate() {
        match at.checked_sub(fault.weight) {
            None => return index,
            Some(left) => at = left,
        }
    }
    unreachable!("it is below the sum of all")
}

fn answered(
    name: &'static str,
    wire: Vec<u8>,
    (status, problem): (u16, &'static str),
    costs: Option<&'static str>,
) -> Fault {
    // What runs into its deadline keeps the worker busy for that long.
    let weight = if costs == Some("deadline") { 1 } else { 3 };
    let case = Case { kind: name, wire, must: Must::Problem(status, problem) };
    Fault { weight, costs, case }
}

fn probe_faults() -> Vec<Fault> {
    let probe =
        |name, target, must, costs| answered(name, request("GET", target, b""), must, costs);
    vec![
        probe("trap", "/trap", (500, "trap"), Some("trap")),
        probe("panic", "/panic", (500, "trap"), Some("trap")),
        probe("endless recursion", "/recurse", (500, "stack-exhausted"), Some("trap")),
        probe("memory exhausted", "/exhaust", (507, "memory"), Some("memory")),
        probe(
            "answer above the memory",
            "/respond?bytes=100000000",
            (507, "memory"),
            Some("memory"),
        ),
        probe("status that HTTP does not have", "/status/99", (500, "bad-response"), None),
        probe("endless loop", PROBE_LOOP, (504, "guest-time"), Some("deadline")),
    ]
}

fn jq_faults() -> Vec<Fault> {
    let jq = |name, program: &str, document: &str, must, costs| {
        let route = if costs == Some("deadline") { JQ_LOOP } else { JQ };
        let program = utf8_percent_encode(program, NON_ALPHANUMERIC);
        let target = format!("{route}?program={program}");
        answered(name, request("POST", &target, document.as_bytes()), must, costs)
    };
    let deep = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let regex = "test(\"a{1000}{1000}\")";
    let memory = (507, "memory");
    vec![
        jq("jq: [range(1e9)]", "[range(1e9)]", "null", memory, Some("memory")),
        jq("jq: \"x\" * 100000000", "\"x\" * 100000000", "null", memory, Some("memory")),
        jq(
            "jq: a string that doubles",
            "until(length > 1e9; . + .)",
            "\"x\"",
            memory,
            Some("memory"),
        ),
        jq("jq: a huge regex", regex, "\"aaa\"", memory, Some("memory")),
        jq(
            "jq: endless recursion",
            "def f: [f]; f",
            "null",
            (500, "stack-exhausted"),
            Some("trap"),
        ),
        jq("jq: endless loop", "last(range(1e9))", "null", (504, "guest-time"), Some("deadline")),
        jq("jq: too many outputs", "range(1e9)", "null", (422, "output"), None),
        jq("jq: a program that fails", "error(\"x\")", "null", (422, "run"), None),
        jq("jq: half a program", "{", "null", (400, "program"), None),
        jq("jq: half a document", ".", "{\"a\":", (400, "document"), None),
        jq("jq: a deep document", ".", &deep, (400, "document"), None),
    ]
}

/// What the host refuses by itself.
fn refused() -> Vec<Fault> {
    let oversized = head("POST", "/echo", OVERSIZED_BYTES);
    let padding = "p".repeat(20 << 10);
    let padded = format!("GET /echo HTTP/1.1\r\nhost: localhost\r\nx-padding: {padding}\r\n\r\n");
    vec![
        answered("a body above the limit", oversized, (413, "body-too-large"), None),
        answered("a head above the limit", padded.into(), (431, "head-too-large"), None),
    ]
}

fn cuts() -> Vec<Fault> {
    let cut = |kind, wire: &[u8]| {
        let case = Case { kind, wire: wire.to_vec(), must: Must::Nothing };
        Fault { weight: 3, costs: None, case }
    };
    let echo = request("POST", "/echo", &vec![b'b'; 100_000]);
    let good = request("POST", GOOD, b"{\"action\":\"cut\"}");
    vec![
        cut("cut in the head", &echo[..30]),
        cut("cut in the body", &echo[..60_000]),
        cut("cut after the request", &echo),
        cut("cut in the head, good route", &good[..good.len() / 2]),
        Fault { weight: 1, ..cut("cut while it loops", &request("GET", PROBE_LOOP, b"")) },
    ]
}

/// The server's configuration. Times that must not be met are far away: a busy machine must not fail a run.
pub(super) fn configuration(workers: u32, transform: &str, probe: &str, program: &str) -> String {
    let jq = "program = '.'\nad-hoc = 'true'";
    let good = format!("program = '{program}'");
    let route = |path: &str, component: &str, settings: &str, limits: &str| {
        format!(
            "\n[[route]]\npath = '{path}'\ncomponent = '{component}'\n[route.settings]\n{settings}\n\
             [route.limits]\n{limits}\n"
        )
    };
    let patient = "queue-time = '10s'\nqueue-length = 64\n";
    let short = format!("{patient}guest-time = '{GUEST_TIME_LOOP}'");
    let long = format!("{patient}guest-time = '10s'\nbody-time = '{BODY_TIME}'");
    let small = format!("{patient}guest-time = '10s'\nmemory = '4MiB'");
    [
        format!(
            "workers = {workers}\nslots = {SLOTS}\n\n\
             [limits]\nhead-time = '{HEAD_TIME}'\nresponse-time = '{RESPONSE_TIME}'\n"
        ),
        route(GOOD, transform, &good, "queue-time = '1s'\nguest-time = '10s'"),
        route(PROBE, probe, "", &long),
        route(PROBE_LOOP, probe, "", &short),
        route(JQ, transform, jq, &small),
        route(JQ_LOOP, transform, jq, &short),
    ]
    .concat()
}

/// Routes in [`configuration`].
pub(super) const ROUTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_and_what_holds_the_worker_comes_less() {
        let faults = faults();
        let mut counts = vec![0_usize; faults.len()];
        for number in 0..10_000 {
            counts[pick(&faults, 1, number)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
        let of = |name| counts[faults.iter().position(|fault| fault.case.kind == name).unwrap()];
        assert!(of("endless loop") * 2 < of("trap"));
        let first: Vec<usize> = (0..faults.len() as u64).map(|n| pick(&faults, 7, n)).collect();
        assert_eq!(first, (0..faults.len()).collect::<Vec<_>>());
    }

    #[test]
    fn every_route_stands_in_the_configuration() {
        let text = configuration(1, "t.wasm", "p.wasm", ".");
        assert_eq!(text.matches("[[route]]").count(), ROUTES);
    }
}
