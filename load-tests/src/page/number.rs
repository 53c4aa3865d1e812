//! Figures as a person reads them: grouped by thousands, with as many digits as say something.

use crate::figures::Spread;
use crate::report::decimals;

/// A figure in a table or beside a bar: `118,400`, `12.3`, `0.00123`.
pub(super) fn figure(number: f64) -> String {
    grouped(number, digits_behind_point(number))
}

/// As [`figure`]; in a column where not all figures are whole, one that happens to be whole has as many
/// decimals as its neighbours: `42.0` beside `35.4`.
pub(super) fn figure_among(number: f64, all_whole: bool) -> String {
    if all_whole || number == 0.0 {
        return figure(number);
    }
    // Next to a whole number is one of the same size that is not.
    let fractional = number * (1.0 + f64::EPSILON);
    grouped(number, digits_behind_point(fractional))
}

/// The median and, where the repeats differ, their range.
pub(super) fn spread(spread: &Spread) -> (String, Option<String>) {
    let decimals = digits_behind_point(spread.median);
    let range = (spread.min < spread.max)
        .then(|| format!("{}–{}", grouped(spread.min, decimals), grouped(spread.max, decimals)));
    (grouped(spread.median, decimals), range)
}

/// `number` with so many decimals and a comma every three digits.
pub(super) fn grouped(number: f64, decimals: usize) -> String {
    /// From here on a row of digits tells less than its exponent does.
    const SCIENTIFIC_FROM: f64 = 1e15;

    if !number.is_finite() {
        return "–".to_owned();
    }
    if number.abs() >= SCIENTIFIC_FROM {
        return format!("{number:.2e}");
    }
    let digits = format!("{:.decimals$}", number.abs());
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits.as_str(), None),
    };
    // What rounds to zero has no sign.
    let negative = number < 0.0 && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    let mut text = String::from(if negative { "−" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text += fraction;
    }
    text
}

/// A label at a tick, where room is scarce: `1,000`, `10k`, `0.1`, `1e-6`.
pub(super) fn tick(value: f64, unit: Unit, decimals: usize) -> String {
    let small = value != 0.0 && value.abs() < 1e-4;
    if small || unit == Unit::TooLarge {
        return format!("{value:.1e}").replace(".0e", "e");
    }
    grouped(value / unit.size(), decimals) + unit.suffix()
}

/// What the numbers at an axis are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    One,
    Thousand,
    Million,
    Billion,
    /// Written with an exponent.
    TooLarge,
}

impl Unit {
    /// For an axis whose greatest value is `high`: all its labels have one unit, so that their
    /// lengths can be compared.
    pub(super) fn of(high: f64) -> Self {
        match high.abs() {
            high if high < 1e4 => Self::One,
            high if high < 1e6 => Self::Thousand,
            high if high < 1e9 => Self::Million,
            high if high < 1e13 => Self::Billion,
            _ => Self::TooLarge,
        }
    }

    /// How many of 1 it is.
    pub(super) fn size(self) -> f64 {
        match self {
            Self::One | Self::TooLarge => 1.0,
            Self::Thousand => 1e3,
            Self::Million => 1e6,
            Self::Billion => 1e9,
        }
    }

    /// How many decimals a tick must have when ticks are 10^`exponent` apart.
    pub(super) fn decimals(self, exponent: i32) -> usize {
        let unit = match self {
            Self::One | Self::TooLarge => 0,
            Self::Thousand => 3,
            Self::Million => 6,
            Self::Billion => 9,
        };
        usize::try_from(unit - exponent).unwrap_or(0)
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::One | Self::TooLarge => "",
            Self::Thousand => "k",
            Self::Million => "M",
            Self::Billion => "G",
        }
    }
}

/// As [`decimals`], but a figure below 0.1 keeps three digits that count: it is not nothing.
fn digits_behind_point(number: f64) -> usize {
    /// What is smaller than a billionth is shown as zero.
    const MOST: usize = 9;

    let size = number.abs();
    if size == 0.0 || size >= 0.1 || !size.is_finite() {
        return decimals(number);
    }
    usize::try_from(2 - size.log10().floor() as i32).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_and_keep_three_digits() {
        #[track_caller]
        fn check(number: f64, expected: &str) {
            assert_eq!(figure(number), expected);
        }
        check(0.0, "0");
        check(7.0, "7");
        check(1.234, "1.23");
        check(12.34, "12.3");
        check(0.123_45, "0.123");
        check(0.001_234_5, "0.00123");
        check(999.0, "999");
        check(1_000.4, "1,000");
        check(118_400.0, "118,400");
        check(-1_234_567.0, "−1,234,567");
        check(1e-12, "0.000000000");
        check(-1e-12, "0.000000000");
        check(2.5e17, "2.50e17");
        check(f64::NAN, "–");
        check(f64::INFINITY, "–");
    }

    #[test]
    fn a_whole_figure_among_others_has_decimals() {
        assert_eq!(figure_among(42.0, true), "42");
        assert_eq!(figure_among(42.0, false), "42.0");
        assert_eq!(figure_among(2.0, false), "2.00");
        assert_eq!(figure_among(1_200.0, false), "1,200");
        assert_eq!(figure_among(0.0, false), "0");
    }

    #[test]
    fn a_spread_shows_its_range_where_there_is_one() {
        let (median, range) = spread(&Spread::of([1_000.0, 2_000.0, 4_000.0]));
        assert_eq!((median.as_str(), range.as_deref()), ("2,000", Some("1,000–4,000")));
        assert_eq!(spread(&Spread::of([7.0, 7.0])), ("7".to_owned(), None));
    }

    #[test]
    fn ticks_are_short() {
        #[track_caller]
        fn check(value: f64, high: f64, exponent: i32, expected: &str) {
            let unit = Unit::of(high);
            assert_eq!(tick(value, unit, unit.decimals(exponent)), expected);
        }
        check(1_000.0, 5_000.0, 3, "1,000");
        check(10_000.0, 50_000.0, 4, "10k");
        check(0.0, 50_000.0, 4, "0k");
        check(500_000.0, 2e6, 5, "0.5M");
        check(2e9, 8e9, 9, "2G");
        check(0.1, 0.6, -1, "0.1");
        check(0.000_01, 0.000_05, -5, "1e-5");
        check(3e15, 8e15, 15, "3e15");
    }
}
