//! Counts the words of a text: what `guest/collector` does with a garbage collector, done in the arena.
//! The two give the same answers, and are measured against one another (see `docs/collector.md`).
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Write as _;

use arenaria_guest::{Processor, Request, Response, Settings};

struct Words;

impl Processor for Words {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[]).map(|()| Words)
    }

    /// The path `/copies` allocates every word, as a language has to whose strings are objects; every
    /// other path counts the words where they lie.
    fn handle(&mut self, request: Request<'_>) -> Response {
        let words = request.body().split(|byte| !is_letter(*byte)).filter(|word| !word.is_empty());
        Response::text(match request.path() {
            "/copies" => count(words.map(<[u8]>::to_vec)),
            _ => count(words),
        })
    }
}

/// Letters, digits, and whatever is beyond ASCII.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// A line for each word, in order: the word, a space, how often it was there.
fn count<W: AsRef<[u8]> + Ord>(words: impl Iterator<Item = W>) -> Vec<u8> {
    let mut counts = BTreeMap::<W, u64>::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut lines = Vec::new();
    for (word, count) in counts {
        lines.extend_from_slice(word.as_ref());
        writeln!(lines, " {count}").expect("writing to memory does not fail");
    }
    lines
}

arenaria_guest::export!(Words);
