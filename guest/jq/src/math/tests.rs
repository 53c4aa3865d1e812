use super::*;

/// Floats as bits, so that signs of zeros and NaN are compared.
fn bits<const N: usize>(numbers: [f64; N]) -> [u64; N] {
    numbers.map(|number| if number.is_nan() { u64::MAX } else { number.to_bits() })
}

#[test]
fn functions_have_names() {
    assert_eq!(unary("floor").map(|floor| floor(-1.5)), Some(-2.0));
    assert_eq!(binary("pow").map(|pow| pow(2.0, 10.0)), Some(1024.0));
    assert_eq!(ternary("fma").map(|fma| fma(2.0, 3.0, 4.0)), Some(10.0));
    assert!(unary("pow").is_none() && binary("fma").is_none() && ternary("sin").is_none());
}

#[test]
fn last_digits_are_right() {
    assert_eq!(precise::exp(1.0), core::f64::consts::E);
    assert_eq!(precise::log(3.0), 1.098_612_288_668_109_8);
    assert_eq!(precise::log10(11.0), 1.041_392_685_158_225);
    assert_eq!(precise::pow(2.0, 0.5), core::f64::consts::SQRT_2);
    assert_eq!(precise::pow(2.0, -0.5), core::f64::consts::FRAC_1_SQRT_2);
    assert_eq!(precise::pow(-12.0, -28.0), 6.066_317_135_645_892e-31);
    let step = if cfg!(miri) { 50 } else { 1 };
    for exponent in (-300..=300).step_by(step) {
        let power = alloc::format!("1e{exponent}").parse::<f64>().unwrap();
        assert_eq!(precise::log10(power), f64::from(exponent));
    }
    for exponent in 0..=22 {
        assert_eq!(
            alloc::format!("1e{exponent}").parse(),
            Ok(precise::pow(10.0, f64::from(exponent)))
        );
    }
}

#[test]
fn special_arguments_are_passed_on() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(
        bits([0.0, -infinity, infinity, nan, 710.0].map(precise::exp)),
        bits([1.0, 0.0, infinity, nan, infinity])
    );
    assert_eq!(
        bits([0.0, -1.0, 1.0, infinity, nan].map(precise::log)),
        bits([-infinity, nan, 0.0, infinity, nan])
    );
    assert_eq!(
        bits([0.0, -1.0, 1.0, infinity, nan].map(precise::log10)),
        bits([-infinity, nan, 0.0, infinity, nan])
    );
    assert_eq!(
        bits([precise::pow(-8.0, 1.0 / 3.0), precise::pow(nan, 0.0), precise::pow(0.0, -1.0)]),
        { bits([nan, 1.0, infinity]) }
    );
    assert_eq!(precise::pow(1.0 + f64::EPSILON, 1e18), 2.708_611_108_976_671_7e96);
    assert_eq!(
        bits([acosh(-30000.0), fmin(0.0, -0.0), fmin(nan, 1.0), fmin(1.0, nan)]),
        bits([nan, 0.0, 1.0, 1.0])
    );
}

#[test]
fn exponents_are_converted_as_in_c() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    let exponents = [2.9, -2.9, 1e300, nan, infinity, -infinity, 4_294_967_297.0];
    assert_eq!(
        exponents.map(|exponent| ldexp(1.0, exponent)),
        [4.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(
        exponents.map(|exponent| scalbln(1.0, exponent)),
        [4.0, 0.25, 0.0, 0.0, 0.0, 0.0, infinity]
    );
    assert_eq!(
        bits(
            [2.0, 2.5, infinity, -infinity, nan, 1e300, -1e300]
                .map(|exponent| scalb(1.0, exponent))
        ),
        { bits([4.0, nan, infinity, 0.0, nan, infinity, 0.0]) }
    );
    assert_eq!(
        bits([scalb(0.0, infinity), scalb(infinity, -infinity), scalb(0.0, 1e300)]),
        bits([nan, nan, 0.0])
    );
}

#[test]
fn parts_are_taken() {
    let infinity = f64::INFINITY;
    assert_eq!([0.0, 1.0, -1.5, 1e-310, infinity].map(frexp), {
        [[0.0, 0.0], [0.5, 1.0], [-0.75, 1.0], [0.575_261_803_155_939_3, -1029.0], [infinity, 0.0]]
    });
    assert_eq!(bits(modf(-1.0)), bits([-0.0, -1.0]));
    assert_eq!(bits(modf(-infinity)), bits([-0.0, -infinity]));
    assert_eq!(modf(3.5), [0.5, 3.0]);
    assert_eq!([-2.5, -1.0, 1.0].map(|x| lgamma_r(x)[1]), [-1.0, 1.0, 1.0]);
    assert_eq!([0.0, 0.5, 1e-310, -infinity].map(logb), [-infinity, -1.0, -1030.0, infinity]);
    assert_eq!([0.0, 3.7, -2.5, 5e-324].map(significand), [0.0, 1.85, -1.25, 1.0]);
}

#[test]
fn orders_are_limited() {
    assert_eq!(jn(1e9, 1.5), 0.0);
    assert!(jn(1e9, 1e10).is_nan() && jn(1e300, 1.5).is_nan() && yn(1e9, -1.0).is_nan());
    assert_eq!(yn(1e9, 1.5), f64::NEG_INFINITY);
}
