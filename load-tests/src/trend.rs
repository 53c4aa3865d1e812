//! Whether a figure that is taken again and again stays where it is.
//!
//! Readings a second apart are not independent of one another, so a line through all of them would
//! look far surer than it is. They are averaged in blocks first, and the line is put through the
//! blocks. Nothing is called flat for want of knowledge: where the noise could hide a rise that
//! matters, the answer is that it cannot be said.

/// Blocks that readings are averaged in.
const BLOCKS: usize = 20;
/// Student's t for 95 % of both sides and `BLOCKS - 2` degrees of freedom.
const STUDENT: f64 = 2.101;
/// A change over the whole run that does not matter even if it is real, as a share of the level.
const NEGLIGIBLE: f64 = 0.01;
/// What is called flat has changed by less than this, noise included, as a share of the level.
const FLAT: f64 = 0.05;

/// A line through readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The mean of all readings.
    pub level: f64,
    /// The change over the whole time, by the line.
    pub change: f64,
    /// Half of the interval that the change lies in with 95 % certainty.
    pub margin: f64,
    /// The greatest reading less the least.
    pub range: f64,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// No change that can be told from noise, and no room for one that matters.
    Flat,
    /// It grows.
    Rising,
    /// It shrinks.
    Falling,
    /// The noise is too great to tell.
    Unclear,
}

impl Trend {
    /// Through readings at equal distances; `None` if there are too few for blocks of two.
    #[must_use]
    pub fn of(readings: &[f64]) -> Option<Self> {
        if readings.len() < BLOCKS * 2 {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let bound = |block: usize| block * readings.len() / BLOCKS;
        let block = |block: usize| mean(&readings[bound(block)..bound(block + 1)]);
        // Each block's distance from the middle of the run, and its mean.
        let middle = (BLOCKS - 1) as f64 / 2.0;
        let blocks: Vec<(f64, f64)> =
            (0..BLOCKS).map(|index| (index as f64 - middle, block(index))).collect();
        let sum = |of: &dyn Fn(f64, f64) -> f64| blocks.iter().map(|&(x, y)| of(x, y)).sum::<f64>();
        let level = sum(&|_, y| y) / BLOCKS as f64;
        let spread = sum(&|x, _| x * x);
        let slope = sum(&|x, y| x * (y - level)) / spread;
        let squares = sum(&|x, y| (y - level - slope * x).powi(2));
        let error = (squares / (BLOCKS - 2) as f64 / spread).sqrt();
        let most = readings.iter().copied().fold(f64::MIN, f64::max);
        let least = readings.iter().copied().fold(f64::MAX, f64::min);
        let (run, range) = (BLOCKS as f64, most - least);
        Some(Self { level, change: slope * run, margin: STUDENT * error * run, range })
    }

    /// What it says.
    #[must_use]
    pub fn direction(&self) -> Direction {
        let change = self.change.abs();
        if change > self.margin.max(self.level.abs() * NEGLIGIBLE) {
            return if self.change > 0.0 { Direction::Rising } else { Direction::Falling };
        }
        let flat = change + self.margin <= self.level.abs() * FLAT;
        if flat { Direction::Flat } else { Direction::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 readings around 100 with noise of up to `noise` to both sides, which rise by `rise`.
    fn readings(rise: f64, noise: f64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(1);
        let at = |index: i32| rise * f64::from(index) / 400.0;
        (0..400).map(|index| 100.0 + at(index) + noise * (2.0 * random.f64() - 1.0)).collect()
    }

    #[track_caller]
    fn check(rise: f64, noise: f64, expected: Direction) {
        let trend = Trend::of(&readings(rise, noise)).unwrap();
        assert_eq!(trend.direction(), expected, "{trend:?}");
    }

    #[test]
    fn a_rise_is_told_from_noise() {
        check(0.0, 0.0, Direction::Flat);
        check(0.0, 5.0, Direction::Flat);
        check(0.5, 0.0, Direction::Flat);
        check(5.0, 5.0, Direction::Rising);
        check(-5.0, 5.0, Direction::Falling);
        check(1.5, 0.1, Direction::Rising);
    }

    #[test]
    fn what_noise_may_hide_is_not_called_flat() {
        check(0.0, 100.0, Direction::Unclear);
        let near = |change, margin| Trend { level: 100.0, change, margin, range: 10.0 }.direction();
        assert_eq!(near(4.8, 4.9), Direction::Unclear);
        assert_eq!(near(0.5, 4.4), Direction::Flat);
        assert_eq!(near(4.8, 4.7), Direction::Rising);
    }

    #[test]
    fn the_line_gives_the_change_over_the_whole_time() {
        let trend = Trend::of(&readings(40.0, 0.0)).unwrap();
        assert!((trend.change - 40.0).abs() < 0.2 && trend.margin < 0.2, "{trend:?}");
        assert!((trend.level - 120.0).abs() < 0.2 && (trend.range - 40.0).abs() < 0.2, "{trend:?}");
        assert_eq!(Trend::of(&[1.0; 39]), None);
    }
}
