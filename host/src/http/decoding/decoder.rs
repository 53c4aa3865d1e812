//! One decoder for each coding. None of them knows anything of limits but that of memory.

use std::sync::Arc;

use crate::http::decoding::brotli::Brotli;
use crate::http::decoding::coding::{Coding, Step};
use crate::http::decoding::gzip::Gzip;
use crate::http::decoding::zstd::Zstd;
use crate::http::problem::Problem;
use crate::pool::body_budget::BodyBudget;

/// A decoder, which is given a body in pieces.
pub(super) enum Decoder {
    Gzip(Gzip),
    Zstd(Zstd),
    Brotli(Brotli),
}

impl Decoder {
    pub(super) fn new(
        coding: Coding,
        body_bytes_max: Option<usize>,
        budget: &Arc<BodyBudget>,
    ) -> Result<Self, Problem> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Zstd => Self::Zstd(Zstd::new()?),
            Coding::Brotli => Self::Brotli(Brotli::new(body_bytes_max, budget)),
        })
    }

    /// The memory in bytes that it has now, without what it charges itself.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Gzip(gzip) => gzip.memory(),
            Self::Zstd(zstd) => zstd.memory(),
            Self::Brotli(brotli) => brotli.memory(),
        }
    }

    /// Whether the body may end here.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
            Self::Brotli(brotli) => brotli.is_complete(),
        }
    }

    /// Decodes some of the input into the output.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
            Self::Brotli(brotli) => brotli.step(input, output),
        }
    }
}
