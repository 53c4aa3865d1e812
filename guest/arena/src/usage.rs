//! How an arena is used, in numbers. The arena itself measures them.
#![forbid(unsafe_code)]

/// How an arena is used. The region is made up of these parts: `persistent`, `sealed`, `in_use`,
/// and the free bytes between the fronts.
///
/// The last request is the last one that is over: a request is over when the next one, or an
/// inspection, begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes of the region.
    pub capacity: u64,
    /// Bytes between the floor and the bump (free blocks among them) plus bytes of scopes.
    /// Zero between requests that leave nothing alive.
    pub in_use: u64,
    /// The most bytes that were in use at once, sealed bytes included, since the instance began.
    pub high_water: u64,
    /// The same for the last request alone. Zero before the first request is over.
    pub request_high_water: u64,
    /// How often the last live block of the heap front was freed.
    pub resets: u64,
    /// Bytes below the floor: an earlier request left something alive in or below them.
    pub sealed: u64,
    /// Bytes that were sealed when the last request was over, because it had left something alive
    /// in or below them.
    pub request_survivors: u64,
    /// How many allocations for keeps did not fit into the persistent part.
    pub spills: u64,
    /// Bytes of the persistent part, its free bytes included.
    pub persistent: u64,
    /// More than a quarter of the region is sealed: the instance should be replaced.
    pub retire: bool,
}
