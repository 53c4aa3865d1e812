//! What the rules read and what they find.

/// The file of exceptions, banned words and counts.
pub(super) const LISTS: &str = "xtask/tidy.toml";

/// A file of the repository.
#[derive(Debug)]
pub(super) struct Source {
    /// From the root of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// What a rule does not allow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) message: String,
}
