//! From values to places along an axis, and the ticks there.
//!
//! A place is a fraction: 0 where the axis begins, 1 where it ends. Invariant: a place is never
//! outside of that and never not a number; a value that an axis cannot show has no place.

use super::number::{Unit, tick};
use crate::report::Axis;

/// An axis for given values.
#[derive(Debug)]
pub(super) struct Scale {
    log: bool,
    low: f64,
    high: f64,
    /// With a label, in rising order.
    pub(super) ticks: Vec<Tick>,
    /// Places of thin lines without a label.
    pub(super) minor: Vec<f64>,
}

/// A labelled place.
#[derive(Debug)]
pub(super) struct Tick {
    /// Where.
    pub(super) place: f64,
    /// What stands there.
    pub(super) label: String,
}

/// Where an axis may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the greatest value: nothing is seen beyond the end of a run.
    Tight,
    /// At the next tick, so that the greatest value can be read from two sides.
    Tick,
}

/// Whether `axis` has a place for `value`.
///
/// Numbers near the ends of what `f64` can hold have none: sums of them would not be finite, and no
/// measurement has them.
pub(super) fn shows(axis: &Axis, value: f64) -> bool {
    const SMALLEST: f64 = 1e-290;
    const LARGEST: f64 = 1e290;
    if axis.log { (SMALLEST..=LARGEST).contains(&value) } else { value.abs() <= LARGEST }
}

impl Scale {
    /// For those of `values` that `axis` can show, with about `ticks` labels; nothing if there are
    /// none.
    pub(super) fn of(
        axis: &Axis,
        values: impl IntoIterator<Item = f64>,
        ticks: usize,
        end: End,
    ) -> Option<Self> {
        let shown = values.into_iter().filter(|&value| shows(axis, value));
        let (least, greatest) = shown
            .map(|value| (value, value))
            .reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))?;
        Some(if axis.log {
            Self::logarithmic(least, greatest, ticks)
        } else {
            Self::linear(least, greatest, ticks, end)
        })
    }

    /// From 0, or from below it if there are such values.
    fn linear(least: f64, greatest: f64, ticks: usize, end: End) -> Self {
        let (least, mut greatest) = (least.min(0.0), greatest.max(0.0));
        if greatest - least < 1e-290 {
            greatest = least + 1.0;
        }
        let step = Step::at_least((greatest - least) / ticks.max(1) as f64);
        let first = (least / step.size() + 1e-9).floor();
        let last = (greatest / step.size() - 1e-9).ceil();
        let low = first * step.size();
        let high = if end == End::Tick { last * step.size() } else { greatest };

        let unit = Unit::of(high.max(-low));
        let decimals = unit.decimals(step.exponent);
        let mut scale = Self { log: false, low, high, ticks: Vec::new(), minor: Vec::new() };
        for index in first as i64..=last as i64 {
            let value = index as f64 * step.size();
            if value > high * (1.0 + 1e-9) {
                continue;
            }
            let unit = if index == 0 { Unit::One } else { unit };
            let decimals = if index == 0 { 0 } else { decimals };
            scale.ticks.extend(scale.tick(value, tick(value, unit, decimals)));
        }
        scale
    }

    /// From a 1, 2 or 5 to a 1, 2 or 5.
    fn logarithmic(least: f64, greatest: f64, ticks: usize) -> Self {
        /// With more decades than this, lines within them would be a grey ground.
        const MINOR_DECADES_MAX: f64 = 4.5;

        let low = multiples(least / 10.0, least, &[1, 2, 5]).pop().unwrap_or(least);
        let mut high =
            multiples(greatest, greatest * 10.0, &[1, 2, 5]).first().copied().unwrap_or(greatest);
        if high <= low {
            high = low * 10.0;
        }
        let mut scale = Self { log: true, low, high, ticks: Vec::new(), minor: Vec::new() };
        for value in labelled(low, high, ticks) {
            let unit = Unit::of(value * (1.0 + 1e-9));
            let decimals = unit.decimals(exponent_of(value));
            scale.ticks.extend(scale.tick(value, tick(value, unit, decimals)));
        }
        if decades(low, high) <= MINOR_DECADES_MAX {
            let within = multiples(low, high, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
            scale.minor = within.into_iter().filter_map(|value| scale.place(value)).collect();
        }
        scale
    }

    /// Where `value` is, if this axis can show it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() || (self.log && value <= 0.0) {
            return None;
        }
        let place = if self.log {
            decades(self.low, value) / decades(self.low, self.high)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        Some(place.clamp(0.0, 1.0))
    }

    /// Where a bar begins: at zero, or where a logarithmic axis does.
    pub(super) fn origin(&self) -> f64 {
        self.place(0.0).unwrap_or(0.0)
    }

    fn tick(&self, value: f64, label: String) -> Option<Tick> {
        self.place(value).map(|place| Tick { place, label })
    }
}

/// 1, 2 or 5 times a power of ten: steps that one can count in.
#[derive(Clone, Copy, Debug)]
struct Step {
    mantissa: f64,
    exponent: i32,
}

impl Step {
    fn at_least(size: f64) -> Self {
        let exponent = exponent_of(size);
        let found = [1.0, 2.0, 5.0]
            .into_iter()
            .find(|mantissa| mantissa * power_of_ten(exponent) >= size * (1.0 - 1e-9));
        match found {
            Some(mantissa) => Self { mantissa, exponent },
            None => Self { mantissa: 1.0, exponent: exponent + 1 },
        }
    }

    fn size(self) -> f64 {
        self.mantissa * power_of_ten(self.exponent)
    }
}

/// The values from `low` to `high` that get a label: the finest set that has at most `most`.
fn labelled(low: f64, high: f64, most: usize) -> Vec<f64> {
    let finest: [&[u32]; 3] = [&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1, 2, 5], &[1]];
    let mut best = Vec::new();
    for mantissas in finest {
        let values = multiples(low, high, mantissas);
        // One label alone is a place without a scale.
        if values.len() < 2 && !best.is_empty() {
            return best;
        }
        best = values;
        if best.len() <= most {
            return best;
        }
    }
    let every = best.len().div_ceil(most.max(1));
    best.into_iter().step_by(every).collect()
}

/// Those of `mantissas` times powers of ten that lie from `low` to `high`.
fn multiples(low: f64, high: f64, mantissas: &[u32]) -> Vec<f64> {
    let within = low * (1.0 - 1e-9)..=high * (1.0 + 1e-9);
    let decades = exponent_of(low)..=exponent_of(high);
    let all = decades.flat_map(|exponent| {
        mantissas.iter().map(move |&mantissa| f64::from(mantissa) * power_of_ten(exponent))
    });
    all.filter(|value| within.contains(value)).collect()
}

/// From one value to another; a quotient of the two might be too large.
fn decades(from: f64, to: f64) -> f64 {
    to.log10() - from.log10()
}

/// Of the greatest power of ten that is not above `value`.
fn exponent_of(value: f64) -> i32 {
    (value.log10() + 1e-9).floor() as i32
}

fn power_of_ten(exponent: i32) -> f64 {
    10f64.powi(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(log: bool, values: &[f64], ticks: usize, end: End) -> Scale {
        let axis = Axis { label: String::new(), log };
        Scale::of(&axis, values.iter().copied(), ticks, end).unwrap()
    }

    fn labels(scale: &Scale) -> String {
        scale.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn linear_axes_begin_at_zero_and_count_in_ones_twos_and_fives() {
        #[track_caller]
        fn check(values: &[f64], expected: &str) {
            assert_eq!(labels(&scale(false, values, 6, End::Tick)), expected);
        }
        check(&[93.0], "0 20 40 60 80 100");
        check(&[40.0, 100.0], "0 20 40 60 80 100");
        check(&[0.3], "0 0.05 0.10 0.15 0.20 0.25 0.30");
        check(&[2_500.0], "0 500 1,000 1,500 2,000 2,500");
        check(&[118_400.0], "0 20k 40k 60k 80k 100k 120k");
        check(&[1.9e6], "0 0.5M 1.0M 1.5M 2.0M");
        check(&[-3.0, 5.0], "−4 −2 0 2 4 6");
        check(&[0.0], "0 0.2 0.4 0.6 0.8 1.0");
        check(&[3e-6], "0 5e-7 1e-6 1.5e-6 2e-6 2.5e-6 3e-6");
    }

    #[test]
    fn a_tight_axis_ends_at_the_last_value() {
        let scale = scale(false, &[0.0, 590.0], 6, End::Tight);
        assert_eq!(labels(&scale), "0 100 200 300 400 500");
        assert_eq!(scale.place(590.0), Some(1.0));
    }

    #[test]
    fn logarithmic_axes_have_as_many_labels_as_fit() {
        #[track_caller]
        fn check(values: &[f64], expected: &str) {
            assert_eq!(labels(&scale(true, values, 7, End::Tick)), expected);
        }
        check(&[2.0, 8.0], "2 5 10");
        check(&[1.0, 90.0], "1 2 5 10 20 50 100");
        check(&[0.13, 4_000.0], "0.1 1 10 100 1,000");
        check(&[1.0, 3e6], "1 10 100 1,000 10k 100k 1M");
        check(&[1e-5, 1e7], "1e-5 0.001 0.1 10 1,000 100k 10M");
        check(&[10.0], "10 20 50 100");
    }

    #[test]
    fn few_decades_have_lines_within_and_many_have_not() {
        assert!(scale(true, &[1.0, 1_000.0], 7, End::Tick).minor.len() > 20);
        assert!(scale(true, &[1.0, 1e9], 7, End::Tick).minor.is_empty());
    }

    #[test]
    fn what_an_axis_cannot_show_has_no_place() {
        let axis = Axis::log("");
        let scale = Scale::of(&axis, [0.0, -1.0, f64::NAN, 1.0, 100.0], 7, End::Tick).unwrap();
        assert_eq!(scale.place(0.0), None);
        assert_eq!(scale.place(-5.0), None);
        assert_eq!(scale.place(f64::NAN), None);
        assert_eq!(scale.place(10.0), Some(0.5));
        assert!(Scale::of(&axis, [0.0, f64::INFINITY], 7, End::Tick).is_none());
        assert!(Scale::of(&Axis::linear(""), [f64::NAN], 7, End::Tick).is_none());
    }

    #[test]
    fn no_values_make_a_place_that_is_not_one() {
        let extremes = [
            5e-324,
            1e-300,
            1e-290,
            1e-9,
            0.999_999_999_9,
            1.0,
            9.99,
            1e17,
            1e290,
            1e300,
            f64::MAX,
        ];
        for log in [false, true] {
            let axis = Axis { label: String::new(), log };
            for a in extremes {
                for b in extremes.into_iter().chain([0.0, -1.0, -1e290]) {
                    let Some(scale) = Scale::of(&axis, [a, b], 7, End::Tight) else { continue };
                    let context = format!("{axis:?} from {a} and {b}: {scale:?}");
                    assert!((1..=25).contains(&scale.ticks.len()), "{context}");
                    let places = scale.ticks.iter().map(|tick| tick.place);
                    let places = places.chain(scale.minor.iter().copied());
                    for place in places.chain(scale.place(a)).chain(scale.place(b)) {
                        assert!((0.0..=1.0).contains(&place), "{context}");
                    }
                }
            }
        }
    }
}
