//! Writes a value as strict JSON, which every JSON parser reads.
//!
//! jaq's values are a superset of JSON. Values that jq can write are written in the same way: NaN
//! becomes `null`, infinities become the largest finite numbers, bytes that are not UTF-8 become
//! U+FFFD. Byte strings, and keys that are not strings, are errors.
//!
//! Invariant: recursion ends at the depth bound, and the buffer grows by `try_reserve` only.

use crate::json_text::{Exhausted, push, write, write_string};
use jaq_json::{Num, Rc, Val};

/// Why a value was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncodeError {
    /// It nests deeper than allowed.
    Depth,
    /// It holds a byte string.
    Bytes,
    /// It holds an object with a key that is not a string.
    Key,
    /// The memory is exhausted.
    Memory,
}

impl From<Exhausted> for EncodeError {
    fn from(_: Exhausted) -> Self {
        Self::Memory
    }
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Depth => "too many levels of arrays and objects",
            Self::Bytes => "a byte string",
            Self::Key => "an object with a key that is not a string",
            Self::Memory => "not enough memory",
        })
    }
}

/// Appends the text of a value that nests at most `depth_max` arrays and objects.
pub(crate) fn encode(value: &Val, depth_max: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match value {
        Val::Null => Ok(push(out, b"null")?),
        Val::Bool(true) => Ok(push(out, b"true")?),
        Val::Bool(false) => Ok(push(out, b"false")?),
        Val::Num(number) => Ok(encode_number(number, out)?),
        Val::TStr(text) => Ok(write_string(text, out)?),
        Val::BStr(_) => Err(EncodeError::Bytes),
        Val::Arr(items) => {
            let depth_left = depth_max.checked_sub(1).ok_or(EncodeError::Depth)?;
            push(out, b"[")?;
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    push(out, b",")?;
                }
                encode(item, depth_left, out)?;
            }
            Ok(push(out, b"]")?)
        }
        Val::Obj(fields) => {
            let depth_left = depth_max.checked_sub(1).ok_or(EncodeError::Depth)?;
            push(out, b"{")?;
            for (index, (key, field)) in fields.iter().enumerate() {
                if index > 0 {
                    push(out, b",")?;
                }
                let Val::TStr(key) = key else { return Err(EncodeError::Key) };
                write_string(key, out)?;
                push(out, b":")?;
                encode(field, depth_left, out)?;
            }
            Ok(push(out, b"}")?)
        }
    }
}

/// Drops a value that may nest so deeply that dropping it recursively would overflow the stack.
pub(crate) fn dismantle(value: Val) {
    let mut parts = vec![value];
    while let Some(part) = parts.pop() {
        match part {
            Val::Arr(items) => parts.extend(Rc::try_unwrap(items).into_iter().flatten()),
            Val::Obj(fields) => {
                let fields = Rc::try_unwrap(fields).into_iter().flatten();
                parts.extend(fields.flat_map(|(key, field)| [key, field]));
            }
            _ => {}
        }
    }
}

fn encode_number(number: &Num, out: &mut Vec<u8>) -> Result<(), Exhausted> {
    match number {
        Num::Float(float) if float.is_nan() => push(out, b"null"),
        Num::Float(float) if float.is_infinite() => {
            write(out, format_args!("{}", Num::Float(f64::MAX.copysign(*float))))
        }
        Num::Dec(text) => {
            // A number in a program can have leading zeros, one in a document cannot.
            let (sign, digits) = match text.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", text.as_str()),
            };
            let zeros = digits.len() - digits.trim_start_matches('0').len();
            let superfluous = match digits.as_bytes().get(zeros) {
                Some(b'0'..=b'9') => zeros,
                _ => zeros.saturating_sub(1),
            };
            push(out, sign.as_bytes())?;
            push(out, &digits.as_bytes()[superfluous..])
        }
        finite => write(out, format_args!("{finite}")),
    }
}
