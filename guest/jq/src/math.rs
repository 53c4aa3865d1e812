//! The mathematical builtins of jq that take one, two or three numbers.
//!
//! The functions are those of C's `math.h`, here of the crate `libm`. Where C converts a number to an integer that does
//! not hold it, the result is the smallest integer, as on x86-64.

mod precise;

/// Largest order of a Bessel function that is computed where the argument is of the same size, because the time is
/// linear in the order.
const ORDER_MAX: i32 = 1 << 16;

/// The builtin of one number with this name. Inlined, as the next two, so that a name that is constant costs nothing.
#[inline(always)]
pub(crate) fn unary(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "acos" => libm::acos,
        "acosh" => acosh,
        "asin" => libm::asin,
        "asinh" => libm::asinh,
        "atan" => libm::atan,
        "atanh" => libm::atanh,
        "cbrt" => libm::cbrt,
        "ceil" => libm::ceil,
        "cos" => libm::cos,
        "cosh" => libm::cosh,
        "erf" => libm::erf,
        "erfc" => libm::erfc,
        "exp" => precise::exp,
        "exp10" => libm::exp10,
        "exp2" => libm::exp2,
        "expm1" => libm::expm1,
        "fabs" => libm::fabs,
        "floor" => libm::floor,
        "gamma" | "lgamma" => libm::lgamma,
        "j0" => libm::j0,
        "j1" => libm::j1,
        "log" => precise::log,
        "log10" => precise::log10,
        "log1p" => libm::log1p,
        "log2" => libm::log2,
        "logb" => logb,
        "nearbyint" | "rint" => libm::rint,
        "round" => libm::round,
        "significand" => significand,
        "sin" => libm::sin,
        "sinh" => libm::sinh,
        "sqrt" => libm::sqrt,
        "tan" => libm::tan,
        "tanh" => libm::tanh,
        "tgamma" => libm::tgamma,
        "trunc" => libm::trunc,
        "y0" => libm::y0,
        "y1" => libm::y1,
        _ => return None,
    })
}

/// The builtin of two numbers with this name.
#[inline(always)]
pub(crate) fn binary(name: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match name {
        "atan2" => libm::atan2,
        "copysign" => libm::copysign,
        "drem" | "remainder" => libm::remainder,
        "fdim" => libm::fdim,
        "fmax" => libm::fmax,
        "fmin" => fmin,
        "fmod" => libm::fmod,
        "hypot" => libm::hypot,
        "jn" => jn,
        "ldexp" => ldexp,
        "nextafter" | "nexttoward" => libm::nextafter,
        "pow" => precise::pow,
        "scalb" => scalb,
        "scalbln" => scalbln,
        "yn" => yn,
        _ => return None,
    })
}

/// The builtin of three numbers with this name.
#[inline(always)]
pub(crate) fn ternary(name: &str) -> Option<fn(f64, f64, f64) -> f64> {
    match name {
        "fma" => Some(libm::fma),
        _ => None,
    }
}

/// `frexp`: fraction and exponent.
pub(crate) fn frexp(x: f64) -> [f64; 2] {
    if x == 0.0 || !x.is_finite() {
        return [x, 0.0];
    }
    let (fraction, exponent) = libm::frexp(x);
    [fraction, f64::from(exponent)]
}

/// `modf`: fraction and integer, both with the sign of the number.
pub(crate) fn modf(x: f64) -> [f64; 2] {
    let integer = libm::trunc(x);
    let fraction = if x.is_infinite() { 0.0 } else { x - integer };
    [libm::copysign(fraction, x), integer]
}

/// `lgamma_r`: logarithm of the gamma function's absolute value, and its sign.
pub(crate) fn lgamma_r(x: f64) -> [f64; 2] {
    let (value, sign) = libm::lgamma_r(x);
    // The sign is not defined at the poles of the negative integers, where C gives 1.
    let sign = if x < 0.0 && value.is_infinite() { 1 } else { sign };
    [value, f64::from(sign)]
}

fn acosh(x: f64) -> f64 {
    // libm gives numbers for some arguments outside of the domain.
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

/// Of two zeros the first one counts.
fn fmin(x: f64, y: f64) -> f64 {
    if y.is_nan() || x <= y { x } else { y }
}

fn logb(x: f64) -> f64 {
    if x == 0.0 {
        f64::NEG_INFINITY
    } else if x.is_finite() {
        frexp(x)[1] - 1.0
    } else {
        x * x
    }
}

fn significand(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() { x } else { frexp(x)[0] * 2.0 }
}

fn ldexp(x: f64, exponent: f64) -> f64 {
    libm::ldexp(x, c_int(exponent))
}

fn scalbln(x: f64, exponent: f64) -> f64 {
    // Exponents behind 10000 all give the same.
    let exponent = if exponent.abs() < 9.2e18 { exponent.clamp(-1e4, 1e4) } else { -1e4 };
    libm::scalbn(x, exponent as i32)
}

fn scalb(x: f64, exponent: f64) -> f64 {
    if x.is_nan() || exponent.is_nan() {
        f64::NAN
    } else if exponent.is_infinite() {
        if exponent > 0.0 { x * exponent } else { x / -exponent }
    } else if libm::rint(exponent) != exponent {
        f64::NAN
    } else {
        libm::scalbn(x, exponent.clamp(-1e4, 1e4) as i32)
    }
}

fn jn(order: f64, x: f64) -> f64 {
    let order = c_int(order);
    if order.unsigned_abs() <= ORDER_MAX as u32 {
        libm::jn(order, x)
    } else if order != i32::MIN && x.abs() < f64::from(order).abs() / 2.0 {
        0.0
    } else {
        f64::NAN
    }
}

fn yn(order: f64, x: f64) -> f64 {
    let order = c_int(order);
    if order.unsigned_abs() <= ORDER_MAX as u32 {
        libm::yn(order, x)
    } else if (0.0..f64::from(order).abs() / 2.0).contains(&x) {
        if order < 0 && order % 2 != 0 { f64::INFINITY } else { f64::NEG_INFINITY }
    } else {
        f64::NAN
    }
}

/// Cast of C to a 32-bit integer.
fn c_int(number: f64) -> i32 {
    if number > -2_147_483_649.0 && number < 2_147_483_648.0 { number as i32 } else { i32::MIN }
}

#[cfg(test)]
mod tests;
