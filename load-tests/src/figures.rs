//! What repeats of one measurement say together: the median and the range. Never a mean: one
//! disturbed repeat would move it.

use serde::{Deserialize, Serialize};

/// The median of some repeats, between the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The greatest.
    pub max: f64,
    /// How many repeats there were.
    #[serde(default)]
    pub count: usize,
}

impl Spread {
    /// Of `repeats` in any order.
    ///
    /// # Panics
    ///
    /// If there are none, or one is not a number.
    #[must_use]
    pub fn of(repeats: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = repeats.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let are_figures = !sorted.is_empty() && !sorted.iter().any(|value| value.is_nan());
        assert!(are_figures, "no figures: {sorted:?}");
        let count = sorted.len();
        let median = f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]);
        Self { min: sorted[0], median, max: sorted[count - 1], count }
    }

    /// `median (min–max)`.
    #[must_use]
    pub fn text(&self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$}–{:.decimals$})", self.median, self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(
            Spread::of([3.0, 1.0, 2.0]),
            Spread { min: 1.0, median: 2.0, max: 3.0, count: 3 }
        );
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of([1.0, 1.0, 1.0, 1.0, 900.0]).median, 1.0);
        assert_eq!(Spread::of([1.25]).text(2), "1.25 (1.25–1.25)");
    }

    #[test]
    #[should_panic(expected = "no figures")]
    fn nothing_has_no_median() {
        let _ = Spread::of([]);
    }
}
