//! `exp`, `log`, `log10` and `pow`, rounded correctly but for very rare cases.
//!
//! The functions of `libm` are wrong by up to one unit in the last place, so that e and the square root of 2 as
//! powers would print other last digits than in jq. Here they are the first approximation, which is refined with
//! numbers that are the sum of two floats.

/// A number of about 106 bits: the sum of two floats that do not overlap.
#[derive(Clone, Copy)]
struct Double {
    high: f64,
    low: f64,
}

const LOG_2: Double = Double { high: core::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };
/// Decimal logarithm of 2 in two parts; products of the first one with an exponent are exact.
const LOG10_2: Double = Double { high: 3.010_299_956_636_117_7e-1, low: 3.694_239_077_158_931e-13 };

/// Halvings of the argument of [`exponential`] before its series.
const HALVINGS: u32 = 8;

impl Double {
    fn new(number: f64) -> Self {
        Self { high: number, low: 0.0 }
    }

    /// Sum of two floats, exactly.
    fn sum(left: f64, right: f64) -> Self {
        let high = left + right;
        let part = high - left;
        Self { high, low: (left - (high - part)) + (right - part) }
    }

    /// Product of two floats, exactly, if it does not overflow.
    fn product(left: f64, right: f64) -> Self {
        /// Splits a float in halves of 26 bits.
        fn split(number: f64) -> (f64, f64) {
            let scaled = number * 134_217_729.0;
            let high = scaled - (scaled - number);
            (high, number - high)
        }
        let high = left * right;
        let (left_high, left_low) = split(left);
        let (right_high, right_low) = split(right);
        let rest =
            ((left_high * right_high - high) + left_high * right_low + left_low * right_high)
                + left_low * right_low;
        Self { high, low: rest }
    }

    fn plus(self, other: Self) -> Self {
        let sum = Self::sum(self.high, other.high);
        let tails = Self::sum(self.low, other.low);
        let sum = Self::sum(sum.high, sum.low + tails.high);
        Self::sum(sum.high, sum.low + tails.low)
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    /// The number times a power of 2, exactly.
    fn scaled(self, factor: f64) -> Self {
        Self { high: self.high * factor, low: self.low * factor }
    }

    fn over(self, divisor: f64) -> Self {
        let high = self.high / divisor;
        let product = Self::product(high, divisor);
        let rest = (self.high - product.high) - product.low + self.low;
        Self::sum(high, rest / divisor)
    }
}

/// `exp` of a number below 2000 in size, as a factor from 0.7 to 1.5 and an exponent of 2.
fn exponential(x: Double) -> (Double, i32) {
    let exponent = libm::rint(x.high * core::f64::consts::LOG2_E);
    let rest = x.plus(LOG_2.times(Double::new(-exponent)));
    let rest = rest.scaled(1.0 / f64::from(1 << HALVINGS));
    // The series without its 1. Its higher terms are so small that floats suffice for them.
    let one = Double::new(1.0);
    let small = rest.high;
    let higher = small / 5.0 * (1.0 + small / 6.0 * (1.0 + small / 7.0 * (1.0 + small / 8.0)));
    let series = Double::sum(1.0, higher).times(rest).scaled(0.25);
    let series = one.plus(series).times(rest).over(3.0);
    let series = one.plus(series).times(rest).scaled(0.5);
    let mut series = one.plus(series).times(rest);
    // The squares that undo the halvings: (1 + p)² = 1 + 2p + p².
    for _ in 0..HALVINGS {
        series = series.scaled(2.0).plus(series.times(series));
    }
    (one.plus(series), exponent as i32)
}

/// Natural logarithm of a positive finite number.
fn logarithm(x: f64) -> Double {
    let difference = x - 1.0;
    if libm::fabs(difference) < 1.0 / 8192.0 {
        let difference = Double::new(difference);
        let mut series = Double::new(0.0);
        for index in (1..=9).rev() {
            let sign = if index % 2 == 0 { -1.0 } else { 1.0 };
            series = series.times(difference).plus(Double::new(sign).over(f64::from(index)));
        }
        return series.times(difference);
    }
    // One step of Newton's method: log x = y + log(x / exp y), and the second logarithm is that of nearly 1.
    let estimate = libm::log(x);
    let (factor, exponent) = exponential(Double::new(-estimate));
    let (fraction, fraction_exponent) = libm::frexp(x);
    let ratio = factor.times(Double::new(libm::scalbn(fraction, fraction_exponent + exponent)));
    let error = ratio.plus(Double::new(-1.0));
    Double::sum(estimate, error.high - error.high * error.high / 2.0 + error.low)
}

/// `exp`.
pub(super) fn exp(x: f64) -> f64 {
    let estimate = libm::exp(x);
    // Subnormal results have fewer bits, and need no refinement.
    if !estimate.is_normal() || x == 0.0 {
        return estimate;
    }
    let (factor, exponent) = exponential(Double::new(x));
    libm::scalbn(factor.high, exponent)
}

/// `log`.
pub(super) fn log(x: f64) -> f64 {
    if x > 0.0 && x.is_finite() { logarithm(x).high } else { libm::log(x) }
}

/// `log10`, from the natural logarithm of the fraction as glibc computes it, which is not always the nearest float.
pub(super) fn log10(x: f64) -> f64 {
    if !(x > 0.0 && x.is_finite()) {
        return libm::log10(x);
    }
    // The fraction is from 1 to 2, and from 0.5 to 1 for numbers below 1.
    let (fraction, exponent) = libm::frexp(x);
    let (fraction, exponent) =
        if exponent > 0 { (fraction * 2.0, exponent - 1) } else { (fraction, exponent) };
    let exponent = f64::from(exponent);
    exponent * LOG10_2.low + core::f64::consts::LOG10_E * log(fraction) + exponent * LOG10_2.high
}

/// `pow`.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let estimate = libm::pow(x, y);
    let size = libm::fabs(x);
    // Products of a huge exponent do not fit, but their powers are 1 or not normal.
    if !estimate.is_normal()
        || !size.is_finite()
        || size == 1.0
        || y == 0.0
        || libm::fabs(y) > 1e290
    {
        return estimate;
    }
    let (factor, exponent) = exponential(logarithm(size).times(Double::new(y)));
    libm::copysign(libm::scalbn(factor.high, exponent), estimate)
}
