//! A cache of compiled ad-hoc programs. The least recently used one is dropped first.
//!
//! Invariant: cached programs are in the persistent part of the memory, so a request that compiles
//! a program leaves nothing on the heap front. A program that does not fit there is compiled for
//! its request only.

use crate::engine::{Program, ProgramError, ProgramLimits};
use arenaria_guest::{persistent, usage};

/// The most bytes of the texts of all cached programs together. A compiled program takes 0.2 KiB
/// (`.a + 1`) to 6 KiB (`gsub(…)`), mostly for the definitions of the library that it uses, and up
/// to some 40 times the bytes of its own text. A program that does not fit into the persistent part
/// is not cached.
const TEXT_BYTES_MAX: usize = 65_536;

/// The compiled programs.
pub struct Programs {
    limits: ProgramLimits,
    kept_max: usize,
    /// The most recently used one first.
    kept: Vec<Kept>,
    /// Bytes of the texts in `kept`.
    text_bytes: usize,
}

struct Kept {
    text: Box<str>,
    program: Program,
}

impl Programs {
    /// An empty cache with room for `kept_max` programs.
    #[must_use]
    pub fn new(limits: ProgramLimits, kept_max: usize) -> Self {
        let kept = Vec::with_capacity(kept_max);
        Self { limits, kept_max, kept, text_bytes: 0 }
    }

    /// Compiles a program without keeping it.
    ///
    /// # Errors
    ///
    /// As [`Program::compile`].
    pub fn compile(&self, text: &str) -> Result<Program, ProgramError> {
        Program::compile(text, self.limits)
    }

    /// Calls `run` with the program of this text, which is compiled if it is not kept.
    ///
    /// # Errors
    ///
    /// As [`Program::compile`]. A text that is not a valid program is not cached.
    pub fn with<R>(
        &mut self,
        text: &str,
        run: impl FnOnce(&Program) -> R,
    ) -> Result<R, ProgramError> {
        if let Some(index) = self.kept.iter().position(|kept| *kept.text == *text) {
            self.kept[..=index].rotate_right(1);
        } else if !self.keep(text)? {
            return Ok(run(&self.compile(text)?));
        }
        Ok(run(&self.kept[0].program))
    }

    /// The texts of the kept programs, the most recently used one first.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.kept.iter().map(|kept| &*kept.text).collect()
    }

    /// Compiles a program and caches it in first place. `false` if it does not fit.
    fn keep(&mut self, text: &str) -> Result<bool, ProgramError> {
        if self.kept_max == 0 || text.len() > TEXT_BYTES_MAX {
            return Ok(false);
        }
        while self.kept.len() >= self.kept_max || self.text_bytes + text.len() > TEXT_BYTES_MAX {
            self.drop_last();
        }
        let spills = usage().spills;
        let program = persistent(|| {
            let program = self.compile(text)?;
            Ok(Kept { text: text.into(), program })
        })?;
        if usage().spills > spills {
            // A part of it is on the heap front and would be sealed.
            drop(program);
            self.drop_last();
            return Ok(false);
        }
        self.text_bytes += text.len();
        // Within the capacity that was reserved: this does not allocate.
        self.kept.insert(0, program);
        Ok(true)
    }

    fn drop_last(&mut self) {
        if let Some(last) = self.kept.pop() {
            self.text_bytes -= last.text.len();
        }
    }
}
