//! Builtins of numbers.

use super::native::Native;
use crate::error::{Message, Piece};
use crate::math;
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

macro_rules! unary {
    ($($name:literal),*) => { [$(Native::new($name, 0, |run, input, _| {
        let x = need_number(run, input)?;
        let f = math::unary($name).expect("the function exists");
        Ok(Value::Number(f(x)))
    })),*] };
}

macro_rules! binary {
    ($($name:literal),*) => { [$(Native::new($name, 2, |run, _, arguments| {
        let (x, y) = (need_number(run, arguments[0])?, need_number(run, arguments[1])?);
        let f = math::binary($name).expect("the function exists");
        Ok(Value::Number(f(x, y)))
    }).constant()),*] };
}

const UNARY: [Native; 40] = unary![
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "gamma",
    "j0",
    "j1",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "logb",
    "nearbyint",
    "rint",
    "round",
    "significand",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "tgamma",
    "trunc",
    "y0",
    "y1"
];

const BINARY: [Native; 16] = binary![
    "atan2",
    "copysign",
    "drem",
    "fdim",
    "fmax",
    "fmin",
    "fmod",
    "hypot",
    "jn",
    "ldexp",
    "nextafter",
    "nexttoward",
    "pow",
    "remainder",
    "scalb",
    "scalbln"
];

const OTHERS: [Native; 10] = [
    Native::new("yn", 2, |run, _, arguments| {
        let (x, y) = (need_number(run, arguments[0])?, need_number(run, arguments[1])?);
        let f = math::binary("yn").expect("the function exists");
        Ok(Value::Number(f(x, y)))
    })
    .constant(),
    Native::new("fma", 3, |run, _, arguments| {
        let x = need_number(run, arguments[0])?;
        let (y, z) = (need_number(run, arguments[1])?, need_number(run, arguments[2])?);
        let f = math::ternary("fma").expect("the function exists");
        Ok(Value::Number(f(x, y, z)))
    })
    .constant(),
    Native::new("frexp", 0, |run, input, _| pair(run, input, math::frexp)),
    Native::new("modf", 0, |run, input, _| pair(run, input, math::modf)),
    Native::new("lgamma_r", 0, |run, input, _| pair(run, input, math::lgamma_r)),
    Native::new("abs", 0, abs),
    Native::new("isnan", 0, |run, input, _| Ok(is_number(run, input, f64::is_nan))),
    Native::new("isinfinite", 0, |run, input, _| Ok(is_number(run, input, f64::is_infinite))),
    Native::new("isnormal", 0, |run, input, _| Ok(is_number(run, input, f64::is_normal))),
    Native::new("isfinite", 0, |run, input, _| {
        Ok(is_number(run, input, |number| !number.is_infinite()))
    }),
];

pub(super) const TABLE: &[Native] = &{
    let mut table = [const { Native::new("", 9, |_, input, _| Ok(input)) };
        UNARY.len() + BINARY.len() + OTHERS.len()];
    let mut at = 0;
    while at < table.len() {
        table[at] = if at < UNARY.len() {
            UNARY[at]
        } else if at < UNARY.len() + BINARY.len() {
            BINARY[at - UNARY.len()]
        } else {
            OTHERS[at - UNARY.len() - BINARY.len()]
        };
        at += 1;
    }
    table
};

fn need_number(run: &mut Run<'_>, value: Value) -> Result<f64, Stop> {
    match run.heap.double(&value) {
        Some(number) => Ok(number),
        None => run.fail_with(Message(&[Piece::Value(value), Piece::Text(" number required")])),
    }
}

/// Whether a value is a number with a property.
fn is_number(run: &Run<'_>, value: Value, of: fn(f64) -> bool) -> Value {
    Value::bool(run.heap.double(&value).is_some_and(of))
}

fn pair(run: &mut Run<'_>, input: Value, of: fn(f64) -> [f64; 2]) -> Result<Value, Stop> {
    let x = need_number(run, input)?;
    let pair = of(x).map(Value::Number);
    Ok(run.heap.array(&pair)?)
}

/// `abs`: what is less than 0 is negated. So -0 stays what it is.
fn abs(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    if run.heap.compare(input, Value::Number(0.0)).is_ge() {
        return Ok(input);
    }
    match input.kind() {
        Kind::Number => run.magnitude(input),
        // In jq's order they are less than 0.
        _ => run.fail_with(Message(&[Piece::Value(input), Piece::Text(" cannot be negated")])),
    }
}

impl Run<'_> {
    /// A number without its sign. A literal keeps its digits.
    pub(super) fn magnitude(&mut self, number: Value) -> Result<Value, Stop> {
        if let Value::Number(number) = number {
            return Ok(Value::Number(number.abs()));
        }
        match self.heap.bytes(&number).strip_prefix(b"-") {
            Some(digits) => {
                let digits = digits.to_vec();
                Ok(self.heap.literal(&digits)?)
            }
            None => Ok(number),
        }
    }
}
