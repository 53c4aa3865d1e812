//! Decodes request bodies with a content coding, piece by piece as they arrive.
//!
//! The encoded body is never held whole. What a decoder has written to, and the piece that it decodes into, is
//! charged to the budget of bodies. A window that is only announced costs nothing. A body is decoded in small steps, and
//! after each millisecond of them other requests of the worker run.

mod brotli;
pub(crate) mod coding;
mod decoder;
mod gzip;
mod zstd;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use tokio::task::yield_now;

use crate::config::limits::RouteLimits;
use crate::http::decoding::coding::{Coding, Flaw, Undecodable};
use crate::http::decoding::decoder::Decoder;
use crate::http::problem::Problem;
use crate::pool::body_budget::{BodyBudget, Reserved};

/// The most bytes that are decoded into one piece. Bodies that are not larger may have any ratio.
const PIECE_BYTES: usize = 64 << 10;

/// The most encoded bytes of a step. What a byte costs is up to the client.
const STEP_BYTES: usize = 1 << 10;

/// How long is decoded without a pause: as long as a guest runs without one.
const TURN: Duration = Duration::from_millis(1);

/// A body that is being decoded.
pub(crate) struct Decoding {
    coding: Coding,
    decoder: Decoder,
    /// The memory of the decoder, and of one piece.
    held: Reserved,
    /// What has arrived and is not decoded yet.
    encoded: Bytes,
    /// Whether the decoder may have more bytes, without further input.
    has_more: bool,
    ratio_max: u64,
    consumed: u64,
    produced: u64,
    /// When other requests could run last.
    turn: Instant,
    /// Why the next bytes cannot be decoded.
    problem: Option<Problem>,
}

impl Decoding {
    /// Decodes a body, perhaps of at most so many bytes.
    ///
    /// # Errors
    ///
    /// If the memory for bodies is full.
    pub(crate) fn new(
        coding: Coding,
        body_bytes_max: Option<usize>,
        limits: &RouteLimits,
        budget: &Arc<BodyBudget>,
    ) -> Result<Self, Problem> {
        let decoder = Decoder::new(coding, body_bytes_max, budget)?;
        let mut decoding = Self {
            coding,
            decoder,
            held: budget.part(),
            encoded: Bytes::new(),
            has_more: false,
            ratio_max: limits.decoding_ratio,
            consumed: 0,
            produced: 0,
            turn: Instant::now(),
            problem: None,
        };
        decoding.charge()?;
        Ok(decoding)
    }

    /// Adds bytes that have arrived. Those before must have been decoded.
    pub(crate) fn give(&mut self, encoded: Bytes) {
        debug_assert!(self.encoded.is_empty());
        self.encoded = encoded;
    }

    /// Decodes the next bytes of what has arrived. None if more must arrive first.
    ///
    /// # Errors
    ///
    /// If they are not of the coding, exceed a limit, or the memory for bodies is full.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.problem.is_none() && !self.has_input() {
            return Ok(None);
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut filled = 0;
        while self.problem.is_none() && self.has_input() && filled < PIECE_BYTES {
            if self.turn.elapsed() >= TURN {
                yield_now().await;
                self.turn = Instant::now();
            }
            match self.step(&mut piece[filled..]) {
                Ok(produced) => filled += produced,
                // What was decoded before this step comes first.
                Err(problem) => self.problem = Some(problem),
            }
        }
        piece.truncate(filled);
        match self.problem.take_if(|_| filled == 0) {
            Some(problem) => Err(problem),
            None => Ok((filled > 0).then(|| piece.into())),
        }
    }

    /// Whether a step may decode something.
    fn has_input(&self) -> bool {
        self.has_more || !self.encoded.is_empty()
    }

    /// Decodes some bytes, and returns how many.
    fn step(&mut self, output: &mut [u8]) -> Result<usize, Problem> {
        let input = &self.encoded[..self.encoded.len().min(STEP_BYTES)];
        let step = self.decoder.step(input, output)?;
        if step.consumed == 0 && step.produced == 0 && !input.is_empty() {
            return Err(Problem::Undecodable(Undecodable::Flawed(self.coding, Flaw::Invalid)));
        }
        self.encoded.advance(step.consumed);
        self.has_more = step.produced == output.len();
        self.consumed += step.consumed as u64;
        self.produced += step.produced as u64;
        self.charge()?;
        self.check_ratio()?;
        Ok(step.produced)
    }

    /// # Errors
    ///
    /// If the body must not end here.
    pub(crate) fn end(&self) -> Result<(), Problem> {
        if self.decoder.is_complete() {
            Ok(())
        } else {
            Err(Problem::Undecodable(Undecodable::Flawed(self.coding, Flaw::Incomplete)))
        }
    }

    fn charge(&mut self) -> Result<(), Problem> {
        let bytes = PIECE_BYTES + self.decoder.memory();
        if self.held.resize(bytes as u64) { Ok(()) } else { Err(Problem::BodiesSaturated) }
    }

    fn check_ratio(&self) -> Result<(), Problem> {
        let is_large = self.produced > PIECE_BYTES as u64;
        if is_large && self.produced > self.consumed.saturating_mul(self.ratio_max) {
            return Err(Problem::Undecodable(Undecodable::Ratio));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::config::limits::RouteLimitSettings;

    /// Decodes a body with this much memory.
    fn decode(coding: Coding, encoded: &[u8], memory: u64) -> Result<Vec<u8>, Problem> {
        let limits = RouteLimitSettings::default().resolve(1);
        let budget = BodyBudget::new(memory);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decoded = runtime.block_on(async {
            let mut decoding = Decoding::new(coding, None, &limits, &budget)?;
            let mut decoded = Vec::new();
            for piece in encoded.chunks(1000) {
                decoding.give(Bytes::copy_from_slice(piece));
                while let Some(piece) = decoding.next().await? {
                    decoded.extend_from_slice(&piece);
                }
            }
            decoding.end().map(|()| decoded)
        });
        assert!(budget.part().resize(memory), "all memory comes back");
        decoded
    }

    /// The document is decoded with the first amount of memory, and not with the second.
    #[track_caller]
    fn check(coding: Coding, encoded: &[u8], document: &[u8], enough: u64, too_little: u64) {
        assert!(decode(coding, encoded, enough).unwrap() == document, "{coding}");
        let refused = decode(coding, encoded, too_little);
        assert!(matches!(refused, Err(Problem::BodiesSaturated)), "{coding}");
    }

    #[test]
    fn a_decoder_has_the_memory_that_the_documentation_says() {
        const KIB: u64 = 1 << 10;
        let mut random = fastrand::Rng::with_seed(1);
        let document: Vec<u8> = (0..500_000).map(|_| random.alphanumeric() as u8).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&document).unwrap();
        check(Coding::Gzip, &gzip.finish().unwrap(), &document, 112 * KIB, 96 * KIB);
        // A frame that tells its length has no larger window.
        let zstd = ::zstd::bulk::compress(&document, 1).unwrap();
        check(Coding::Zstd, &zstd, &document, (300 + 512 + 64) * KIB, 512 * KIB);
        let parameters = ::brotli::enc::BrotliEncoderParams { quality: 5, ..<_>::default() };
        let mut brotli = Vec::new();
        ::brotli::BrotliCompress(&mut &document[..], &mut brotli, &parameters).unwrap();
        check(Coding::Brotli, &brotli, &document, (100 + 512 + 64) * KIB, 512 * KIB);
    }
}
