//! What the arena says of itself. Only numbers; taking them is the arena's business.
#![forbid(unsafe_code)]

/// A reading of an arena. The region is made up of these parts: `persistent`, `sealed`, `in_use`,
/// and the free bytes between the fronts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the region.
    pub capacity: u64,
    /// Bytes between the floor and the bump (free blocks among them) plus bytes of scopes.
    /// Zero between requests that leave nothing alive.
    pub in_use: u64,
    /// The most bytes that were in use at once, sealed bytes included, since the instance began.
    pub high_water: u64,
    /// How often the live count of the heap front came down to zero.
    pub resets: u64,
    /// Bytes below the floor: an earlier request left something alive in or below them.
    pub sealed: u64,
    /// How many allocations for keeps did not fit into the persistent part.
    pub spills: u64,
    /// Bytes of the persistent part, its free bytes included.
    pub persistent: u64,
    /// More than a quarter of the region is sealed: the instance should be replaced.
    pub retire: bool,
}
