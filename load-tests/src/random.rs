//! Reproducible random numbers: the same seed gives the same sequence on every machine. Not for secrets.

use fastrand::Rng;

/// The sequence of one item of a numbered series, unrelated to that of its neighbours.
#[must_use]
pub fn of_item(seed: u64, item: u64) -> Rng {
    Rng::with_seed(seed ^ item.wrapping_mul(0xd134_2543_de82_ef95)).fork()
}
