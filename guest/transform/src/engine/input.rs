//! The input of a run.

/// A document, and the time of its request.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// One JSON document.
    pub document: &'a [u8],
    /// The value of `now`: nanoseconds since 1970. If it is `None`, `now` is an error.
    pub now: Option<u64>,
}
