//! What becomes of memory that was used and is free.
#![forbid(unsafe_code)]

/// The byte that [`Scrub::Poison`] fills free memory with.
pub const POISON: u8 = 0xA5;

/// What becomes of memory that was used and is free: at each reset, at each sealing, and at the end
/// of each phase. A freed block keeps its bytes until the next of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scrub {
    /// It keeps its bytes.
    #[default]
    Off,
    /// It is zeroed.
    Zero,
    /// It is filled with [`POISON`], so that a read of freed memory shows. For debugging: each
    /// reset fills all memory that was ever used.
    Poison,
}

impl Scrub {
    /// What free memory is filled with, if it is.
    #[inline]
    pub(crate) fn byte(self) -> Option<u8> {
        match self {
            Self::Off => None,
            Self::Zero => Some(0),
            Self::Poison => Some(POISON),
        }
    }
}
