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
use load_tests::random::Random;
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
const DEPTH_TOO_GREAT: usize = 600;
/// More programs than the server caches, so that its cache turns over.
const PROGRAMS: u64 = 200;

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

    /// The request number `index`.
    pub(crate) fn case(&self, index: u64) -> Case {
        let mut random = Random::of_item(self.seed, index);
        if index % WAVE_EVERY >= WAVE_EVERY - WAVE_LENGTH {
            return self.good(&mut random, index, BODY_BYTES_MAX);
        }
        let size = size(&mut random);
        match random.below(1000) {
            0..20 => answered("empty body", ".", b"", 400, None),
            20..60 => self.truncated(&mut random, index, size),
            60..70 => {
                let body = "[".repeat(DEPTH_TOO_GREAT) + &"]".repeat(DEPTH_TOO_GREAT);
                answered("too deep", ".", body.as_bytes(), 400, None)
            }
            70..110 => {
                let program =
                    random.pick(&["error(\"refused\")", ".delivery | keys", ".delivery[\"a\"]"]);
                answered("failing program", program, &self.document(index, size).0, 422, None)
            }
            110..130 => {
                let program =
                    random.pick(&["{delivery", ".delivery |", "no_such_function", "\"open"]);
                answered("bad program", program, &self.document(index, size).0, 400, None)
            }
            130..150 => {
                answered("no output", "empty", &self.document(index, size).0, 204, Some(Vec::new()))
            }
            150..160 => announced_too_large(&mut random),
            160..165 => sent_too_large(&mut random),
            165..195 => self.cut(&mut random, index, size, "cut in the request"),
            195..210 => self.cut(&mut random, index, size, "cut before the answer"),
            _ => self.good(&mut random, index, size),
        }
    }

    /// One of three programs, each with an answer that names the request: an answer that belongs
    /// to another request is seen.
    fn good(&self, random: &mut Random, index: u64, size: usize) -> Case {
        let (body, entries) = self.document(index, size);
        match random.below(10) {
            0..6 => {
                let answer = format!("{{\"delivery\":{index},\"entries\":{entries}}}");
                let program = "{delivery, entries: (.issue.timeline | length)}";
                answered("document", program, &body, 200, Some(answer.into()))
            }
            6..9 => answered("document, echoed", ".", &body, 200, Some(body.clone())),
            _ => {
                let number = random.below(PROGRAMS);
                let answer = format!("{{\"delivery\":{index},\"k\":{number}}}");
                let program = format!("{{delivery, k: {number}}}");
                answered("document, rare program", &program, &body, 200, Some(answer.into()))
            }
        }
    }

    /// A document of `size` bytes (a few more if it is too small to hold its own number).
    fn document(&self, index: u64, size: usize) -> (Vec<u8>, usize) {
        let front = format!("{{\"delivery\":{index},\"pad\":\"");
        let room = size.saturating_sub(front.len() + 2);
        let fitting = self.tails.partition_point(|(tail, _)| tail.len() <= room);
        let (tail, entries) = match fitting {
            0 => ("}", 0),
            more => (self.tails[more - 1].0.as_str(), self.tails[more - 1].1),
        };
        let closing = if fitting == 0 { "\"" } else { "\"," };
        let padding = size.saturating_sub(front.len() + closing.len() + tail.len());
        let mut body = Vec::with_capacity(size.max(front.len() + 3));
        body.extend_from_slice(front.as_bytes());
        body.resize(body.len() + padding, b'a');
        body.extend_from_slice(closing.as_bytes());
        body.extend_from_slice(tail.as_bytes());
        (body, entries)
    }

    /// Any true prefix of an object is not a document.
    fn truncated(&self, random: &mut Random, index: u64, size: usize) -> Case {
        let (mut body, _) = self.document(index, size);
        body.truncate(1 + random.below(body.len() as u64 - 1) as usize);
        answered("bad JSON", ".", &body, 400, None)
    }

    fn cut(&self, random: &mut Random, index: u64, size: usize, kind: &'static str) -> Case {
        let mut bytes = request("POST", &target("."), &self.document(index, size).0);
        if kind == "cut in the request" {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        Case { kind, wire: bytes, must: Must::Nothing }
    }
}

/// A bounded Pareto distribution by its inverse, up to the limit.
fn size(random: &mut Random) -> usize {
    let (low, high) = (BODY_BYTES_TYPICAL, BODY_BYTES_MAX as f64);
    let shrink = 1.0 - random.unit() * (1.0 - (low / high).powf(TAIL_EXPONENT));
    // Half of them below the typical size: the distribution itself starts there.
    let scale = if random.below(2) == 0 { random.unit() } else { 1.0 };
    ((low / shrink.powf(1.0 / TAIL_EXPONENT)) * scale) as usize
}

fn answered(
    kind: &'static str,
    program: &str,
    body: &[u8],
    status: u16,
    answer: Option<Vec<u8>>,
) -> Case {
    let wire = request("POST", &target(program), body);
    Case { kind, wire, must: Must::Answer(status, answer) }
}

/// Only the head is sent: the refusal must not wait for the body.
fn announced_too_large(random: &mut Random) -> Case {
    let length = BODY_BYTES_MAX + 1 + random.below(1 << 30) as usize;
    Case {
        kind: "announced too large",
        wire: head("POST", &target("."), length),
        must: Must::Problem(413, "body-too-large"),
    }
}

/// Chunked, so that the length shows only as it comes.
fn sent_too_large(random: &mut Random) -> Case {
    let length = BODY_BYTES_MAX + 1 + random.below(64 << 10) as usize;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
        target(".")
    );
    let mut bytes = head.into_bytes();
    bytes.extend(chunked(&vec![b' '; length], 16 << 10));
    let must = Must::Problem(413, "body-too-large");
    Case { kind: "sent too large", wire: bytes, must }
}

fn target(program: &str) -> String {
    format!("/?program={}", utf8_percent_encode(program, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use load_tests::jq::{Failure, Program};
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
        let mut random = Random::new(1);
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
