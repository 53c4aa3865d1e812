//! Decodes zstd (RFC 8878): frames, one after the other.

use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer};

use crate::http::decoding::coding::{Coding, Flaw, Step, Undecodable};
use crate::http::problem::Problem;

/// RFC 9659: in HTTP, a window has at most 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

pub(super) struct Zstd {
    context: DCtx<'static>,
    /// Whether each frame that has begun has ended.
    is_between_frames: bool,
    has_frame: bool,
    /// What the library has allocated for itself.
    fixed: usize,
    produced: usize,
}

impl Zstd {
    /// # Errors
    ///
    /// If the system has no memory for it.
    pub(super) fn new() -> Result<Self, Problem> {
        let mut context = DCtx::try_create().ok_or(Problem::BodiesSaturated)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).expect("it is in range");
        let fixed = context.sizeof();
        Ok(Self { context, is_between_frames: true, has_frame: false, fixed, produced: 0 })
    }

    /// What the library has allocated and written to. It allocates the window of a frame when it has read the frame's
    /// header, but writes to it only what it decodes.
    pub(super) fn memory(&self) -> usize {
        /// The largest block as it arrives, and decoded.
        const BLOCKS: usize = 2 * (128 << 10);
        let written = self.fixed.saturating_add(self.produced).saturating_add(BLOCKS);
        size_of::<Self>() + written.min(self.context.sizeof())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_between_frames
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Problem> {
        if self.is_between_frames && input.is_empty() {
            return Ok(Step { consumed: 0, produced: 0 });
        }
        let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = self.context.decompress_stream(&mut output, &mut input);
        let hint = hint.map_err(|code| {
            Problem::Undecodable(Undecodable::Flawed(Coding::Zstd, self.flaw(code)))
        })?;
        self.is_between_frames = hint == 0;
        self.has_frame |= self.is_between_frames;
        self.produced = self.produced.saturating_add(output.pos());
        Ok(Step { consumed: input.pos(), produced: output.pos() })
    }

    fn flaw(&self, code: ErrorCode) -> Flaw {
        let is = |error: ZSTD_ErrorCode| code == (error as ErrorCode).wrapping_neg();
        if is(ZSTD_ErrorCode::ZSTD_error_checksum_wrong) {
            Flaw::Checksum
        } else if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
            Flaw::Window
        } else if is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) && self.has_frame {
            Flaw::Trailing
        } else {
            Flaw::Invalid
        }
    }
}
