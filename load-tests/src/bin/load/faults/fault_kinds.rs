//! What is done to the server, and what must come of each.

use http1::client::{head, request};
use load_tests::random;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cases::{Case, Must};

/// The server's configuration, with places for paths.
pub(super) const CONFIGURATION: &str = include_str!("server.toml");
/// Where good requests go.
pub(super) const GOOD: &str = "/hooks";
/// Above what a body may have.
const OVERSIZED_BYTES: usize = 100 << 20;
/// Above what a head may have.
const PADDING_BYTES: usize = 20 << 10;
/// Above what the transform lets a document nest.
const DEEP: usize = 10_001;

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

/// Everything that is done besides being slow.
pub(super) fn faults() -> Vec<Fault> {
    let answered = answered().into_iter().map(|(kind, wire, status, problem, costs)| {
        // What runs into its deadline keeps the worker busy for that long.
        let weight = if costs == Some("deadline") { 1 } else { 3 };
        Fault { weight, costs, case: Case { kind, wire, must: Must::Problem(status, problem) } }
    });
    let cut = cuts().into_iter().map(|(kind, wire, weight)| Fault {
        weight,
        costs: None,
        case: Case { kind, wire, must: Must::Nothing },
    });
    answered.chain(cut).collect()
}

/// The fault of that number: first each once, then by chance.
pub(super) fn pick(faults: &[Fault], seed: u64, number: u64) -> &Fault {
    if number < faults.len() as u64 {
        return &faults[number as usize];
    }
    let all: Vec<&Fault> =
        faults.iter().flat_map(|fault| std::iter::repeat_n(fault, fault.weight)).collect();
    all[random::of_item(seed, number).usize(..all.len())]
}

/// A name, the request, the status and the kind of problem that must come, and the reason for which it
/// costs its instance, if it does.
type Answered = (&'static str, Vec<u8>, u16, &'static str, Option<&'static str>);

fn answered() -> Vec<Answered> {
    let get = |target| request("GET", target, b"");
    let on = |route, program: &str, document: &str| {
        let program = utf8_percent_encode(program, NON_ALPHANUMERIC);
        request("POST", &format!("{route}?program={program}"), document.as_bytes())
    };
    let jq = |program, document| on("/jq", program, document);
    let deep = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let padding = "p".repeat(PADDING_BYTES);
    let padded = format!("GET /echo HTTP/1.1\r\nhost: localhost\r\nx-padding: {padding}\r\n\r\n");
    let oversized = head("POST", "/echo", OVERSIZED_BYTES);
    let (trap, memory, deadline) = (Some("trap"), Some("memory"), Some("deadline"));
    vec![
        ("trap", get("/trap"), 500, "trap", trap),
        ("panic", get("/panic"), 500, "trap", trap),
        ("endless recursion", get("/recurse"), 500, "stack-exhausted", trap),
        ("memory exhausted", get("/exhaust"), 507, "memory", memory),
        ("answer above the memory", get("/respond?bytes=100000000"), 507, "memory", memory),
        ("status that HTTP does not have", get("/status/99"), 500, "bad-response", None),
        ("endless loop", get("/loop"), 504, "guest-time", deadline),
        ("jq: [range(1e9)]", jq("[range(1e9)]", "null"), 507, "memory", None),
        ("jq: \"x\" * 100000000", jq("\"x\" * 100000000", "null"), 507, "memory", None),
        (
            "jq: a string that doubles",
            jq("until(length > 1e9; . + .)", "\"x\""),
            507,
            "memory",
            None,
        ),
        ("jq: endless recursion", jq("def f: [f]; f", "null"), 422, "run", None),
        (
            "jq: endless loop",
            on("/endless", "last(range(1e9))", "null"),
            504,
            "guest-time",
            deadline,
        ),
        ("jq: too many outputs", jq("range(1e9)", "null"), 422, "output", None),
        ("jq: a program that fails", jq("error(\"x\")", "null"), 422, "run", None),
        ("jq: half a program", jq("{", "null"), 400, "program", None),
        ("jq: half a document", jq(".", "{\"a\":"), 400, "document", None),
        ("jq: a deep document", jq(".", &deep), 400, "document", None),
        ("a body above the limit", oversized, 413, "body-too-large", None),
        ("a head above the limit", padded.into(), 431, "head-too-large", None),
    ]
}

/// A name, what is sent before the client leaves, and a weight.
fn cuts() -> [(&'static str, Vec<u8>, usize); 5] {
    let echo = request("POST", "/echo", &vec![b'b'; 100_000]);
    let good = request("POST", GOOD, b"{\"action\":\"cut\"}");
    [
        ("cut in the head", echo[..30].to_vec(), 3),
        ("cut in the body", echo[..60_000].to_vec(), 3),
        ("cut after the request", echo, 3),
        ("cut in the head, good route", good[..good.len() / 2].to_vec(), 3),
        ("cut while it loops", request("GET", "/loop", b""), 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_and_what_holds_the_worker_comes_less() {
        let faults = faults();
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for number in 0..10_000 {
            *counts.entry(pick(&faults, 1, number).case.kind).or_default() += 1;
        }
        assert!(faults.iter().all(|fault| counts[fault.case.kind] > 50), "{counts:?}");
        assert!(counts["endless loop"] * 2 < counts["trap"]);
        for (number, fault) in faults.iter().enumerate() {
            assert_eq!(pick(&faults, 7, number as u64).case, fault.case);
        }
    }
}
