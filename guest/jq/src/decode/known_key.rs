//! The keys of objects of which parts are read.

use crate::value::SHORT_MAX;

/// A key that an object had at a place. Records are alike, so the next one may have it there too.
#[derive(Clone, Copy)]
pub(super) struct KnownKey {
    pub(super) bytes: [u8; SHORT_MAX],
    /// [`NONE`], if it is not known.
    pub(super) len: u8,
    /// The place of the field that it names, or [`NONE`].
    pub(super) field: u8,
}

/// Stands for a length or a place that is not known.
pub(super) const NONE: u8 = u8::MAX;
