//! Why a project was not built.

use std::fmt;

/// Why a project was not built.
#[derive(Debug)]
pub(crate) struct BuildError {
    /// What went wrong, and the remedy.
    pub(crate) sentence: String,
    /// What the compiler or another tool said, in plain text. The listener has heard it already.
    pub(crate) output: String,
}

impl BuildError {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), output: String::new() }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for BuildError {}
