//! The mix of requests: which one stands at which place is decided by the seed and its number
//! alone, so any number of connections sends the same ones.
//!
//! Sizes have a heavy tail (a bounded Pareto distribution): most bodies are small, a few of each
//! thousand take hundreds of kilobytes. Every so often comes a *wave* of bodies of exactly the
//! greatest size, so that every instance has seen its worst, also one that has just replaced another:
//! resident memory is compared at the end of waves, where it stands for the same state.

use http1::client::{head, request};
use http1::framing::chunked;
use load_tests::payload::webhook;
use load_tests::random;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cases::{Case, Must};

/// The server's default limit on a body.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
const BODY_BYTES_TYPICAL: f64 = 512.0;
const TAIL_EXPONENT: f64 = 0.7;
/// It divides what the figures are taken after.
const WAVE_EVERY: u64 = 2000;
const WAVE_LENGTH: u64 = 64;
/// It ends with the wave.
const SPIKE_LENGTH: u64 = 500;
/// Above the default limit on nesting.
const DEPTH_TOO_GREAT: usize = 10_001;
/// More programs than the server caches, so that its cache turns over.
const PROGRAMS: u64 = 200;

/// Kinds of requests are shares of a thousand; good ones are at the end.
const KINDS: u64 = 1000;
const GOOD_FROM: u64 = 210;
const TOO_LARGE: Must = Must::Problem(413, "body-too-large");

/// Documents of many sizes, made once; a case takes one and puts its number in front.
#[derive(Debug)]
pub(crate) struct Mix {
    seed: u64,
    /// In order of length, without the opening brace; and the number of entries in it.
    tails: Vec<(String, usize)>,
}

impl Mix {
    pub(crate) fn new(seed: u64) -> Self {
        let sizes = std::iter::successors(Some(1000_usize), |size| Some(size * 3 / 2));
        // The number and the padding in front need some room too.
        let sizes =
            sizes.take_while(|&size| size < BODY_BYTES_MAX - 100).chain([BODY_BYTES_MAX - 100]);
        let tails = sizes.map(|size| {
            let webhook = webhook(seed, size);
            (webhook.text[1..].to_owned(), webhook.entries)
        });
        Self { seed, tails: tails.collect() }
    }

    /// Whether the request number `index` is in a spike: a stretch around each wave in which all
    /// connections send at once.
    pub(crate) fn is_spike(index: u64) -> bool {
        index % WAVE_EVERY >= WAVE_EVERY - SPIKE_LENGTH
    }

    /// The request number `index`. The answer of a good one names it: an answer that belongs to another
    /// request is seen.
    pub(crate) fn case(&self, index: u64) -> Case {
        let mut random = random::of_item(self.seed, index);
        let is_wave = index % WAVE_EVERY >= WAVE_EVERY - WAVE_LENGTH;
        let size = if is_wave { BODY_BYTES_MAX } else { size(&mut random) };
        let kind = if is_wave { GOOD_FROM } else { 0 };
        let kind = kind + random.u64(..KINDS - kind);
        let (body, entries) = self.document(index, size);
        let mut up_to = |end: usize| random.usize(..end);
        match kind {
            0..20 => answered("empty body", ".", b"", 400, None),
            // Any true prefix of an object is not a document.
            20..60 => answered("bad JSON", ".", &body[..=up_to(body.len() - 1)], 400, None),
            60..70 => {
                let body = "[".repeat(DEPTH_TOO_GREAT) + &"]".repeat(DEPTH_TOO_GREAT);
                answered("too deep", ".", body.as_bytes(), 400, None)
            }
            70..110 => {
                let programs = ["error(\"refused\")", ".delivery | keys", ".delivery[\"a\"]"];
                answered(
                    "failing program",
                    programs[random.usize(..programs.len())],
                    &body,
                    422,
                    None,
                )
            }
            110..130 => {
                let programs = ["{delivery", ".delivery |", "no_such_function", "\"open"];
                answered("bad program", programs[random.usize(..programs.len())], &body, 400, None)
            }
            130..150 => answered("no output", "empty", &body, 204, Some(String::new())),
            // Only the head is sent: the refusal must not wait for the body.
            150..160 => {
                let wire = head("POST", &target("."), BODY_BYTES_MAX + 1 + up_to(1 << 30));
                Case { kind: "announced too large", wire, must: TOO_LARGE }
            }
            // Chunked, so that the length shows only as it comes.
            160..165 => {
                let head = format!(
                    "POST {} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
                    target(".")
                );
                let body = vec![b' '; BODY_BYTES_MAX + 1 + up_to(64 << 10)];
                let wire = [head.into_bytes(), chunked(&body, 16 << 10)].concat();
                Case { kind: "sent too large", wire, must: TOO_LARGE }
            }
            165..195 => {
                let mut wire = request("POST", &target("."), &body);
                wire.truncate(up_to(wire.len()));
                Case { kind: "cut in the request", wire, must: Must::Nothing }
            }
            195..GOOD_FROM => {
                let wire = request("POST", &target("."), &body);
                Case { kind: "cut before the answer", wire, must: Must::Nothing }
            }
            GOOD_FROM..680 => {
                let answer = format!("{{\"delivery\":{index},\"entries\":{entries}}}");
                let program = "{delivery, entries: (.issue.timeline | length)}";
                answered("document", program, &body, 200, Some(answer))
            }
            680..920 => {
                let answer = String::from_utf8_lossy(&body).into_owned();
                answered("document, echoed", ".", &body, 200, Some(answer))
            }
            _ => {
                let number = random.u64(..PROGRAMS);
                let answer = format!("{{\"delivery\":{index},\"k\":{number}}}");
                let program = format!("{{delivery, k: {number}}}");
                answered("document, rare program", &program, &body, 200, Some(answer))
            }
        }
    }

    /// A document of `size` bytes (a few more if it is too small to hold its own number).
    fn document(&self, index: u64, size: usize) -> (Vec<u8>, usize) {
        let front = format!("{{\"delivery\":{index},\"pad\":\"");
        let room = size.saturating_sub(front.len() + 2);
        let fitting = self.tails.partition_point(|(tail, _)| tail.len() <= room);
        let (tail, entries) = match fitting {
            0 => ("\"}".to_owned(), 0),
            more => (format!("\",{}", self.tails[more - 1].0), self.tails[more - 1].1),
        };
        let padding = "a".repeat(size.saturating_sub(front.len() + tail.len()));
        ([front, padding, tail].concat().into_bytes(), entries)
    }
}

/// A bounded Pareto distribution by its inverse, up to the limit.
fn size(random: &mut fastrand::Rng) -> usize {
    let (low, high) = (BODY_BYTES_TYPICAL, BODY_BYTES_MAX as f64);
    let shrink = 1.0 - random.f64() * (1.0 - (low / high).powf(TAIL_EXPONENT));
    // Half of them below the typical size: the distribution itself starts there.
    let scale = if random.u64(..2) == 0 { random.f64() } else { 1.0 };
    ((low / shrink.powf(1.0 / TAIL_EXPONENT)) * scale) as usize
}

fn answered(
    kind: &'static str,
    program: &str,
    body: &[u8],
    status: u16,
    answer: Option<String>,
) -> Case {
    let wire = request("POST", &target(program), body);
    Case { kind, wire, must: Must::Answer(status, answer.map(String::into_bytes)) }
}

fn target(program: &str) -> String {
    format!("/?program={}", utf8_percent_encode(program, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use peer_answers::{Failure, Program};
    use percent_encoding::percent_decode_str;

    use super::*;

    fn parts(case: &Case) -> (String, &[u8]) {
        let end = case.wire.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&case.wire[..end]).unwrap();
        let query = head.split_once("?program=").unwrap().1.split_once(' ').unwrap().0;
        (percent_decode_str(query).decode_utf8().unwrap().into_owned(), &case.wire[end..])
    }

    #[test]
    fn native_jq_agrees_with_every_expectation() {
        let mix = Mix::new(1);
        let mut answers = std::collections::BTreeMap::<&str, usize>::new();
        let mut programs = std::collections::BTreeMap::<String, Option<Program>>::new();
        // The wave is at the end; one of it is enough.
        for case in (0..1000).chain([WAVE_EVERY - 1]).map(|index| mix.case(index)) {
            *answers.entry(case.kind).or_default() += 1;
            let Must::Answer(status, expected) = &case.must else { continue };
            if case.kind == "too deep" {
                // jaq has no limit on it; the server's sandbox has.
                continue;
            }
            let (program, body) = parts(&case);
            let compiled =
                programs.entry(program.clone()).or_insert_with(|| Program::compile(&program).ok());
            let (answered, lines) = match compiled.as_ref().map(|program| program.run(body)) {
                None | Some(Err(Failure::Document(_))) => (400, Vec::new()),
                Some(Err(Failure::Program(_))) => (422, Vec::new()),
                Some(Ok(outputs)) if outputs.count == 0 => (204, Vec::new()),
                Some(Ok(outputs)) => (200, outputs.lines),
            };
            assert_eq!(answered, *status, "{}: {program}", case.kind);
            if let Some(expected) = expected {
                assert!(lines.trim_ascii_end() == expected, "{}: {program}", case.kind);
            }
        }
        assert_eq!(answers.len(), 13, "every kind occurs: {answers:?}");
    }

    #[test]
    fn sizes_are_exact_and_reach_from_small_to_the_limit() {
        let mix = Mix::new(1);
        for size in [40, 500, 999, 1100, 5000, 100_000, BODY_BYTES_MAX] {
            assert_eq!(mix.document(7, size).0.len(), size);
        }
        let mut random = fastrand::Rng::with_seed(1);
        let sizes: Vec<usize> = (0..100_000).map(|_| size(&mut random)).collect();
        let above = |limit: usize| sizes.iter().filter(|&&size| size > limit).count();
        assert_eq!(above(BODY_BYTES_MAX), 0);
        assert!(above(BODY_BYTES_MAX / 2) > 50, "{}", above(BODY_BYTES_MAX / 2));
        assert!(sizes.iter().filter(|&&size| size < 64).count() > 1000);
        assert!(sizes.iter().sum::<usize>() / sizes.len() < 20_000);
    }

    #[test]
    fn a_case_depends_on_seed_and_number_alone() {
        let (one, same, other) = (Mix::new(1), Mix::new(1), Mix::new(2));
        let kinds = |mix: &Mix| (20..70).map(|index| mix.case(index).kind).collect::<Vec<_>>();
        assert_eq!(one.case(12_345), same.case(12_345));
        assert_ne!(kinds(&one), kinds(&other));
    }
}
