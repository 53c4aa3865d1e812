//! Builtins of all values, and those that are about the program itself.

use alloc::string::String;

use super::native::Native;
use crate::encode;
use crate::error::{Message, Piece};
use crate::number::{self, Parsed};
use crate::plan::Format;
use crate::run::{Run, Stop};
use crate::text;
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("not", 0, |_, input, _| Ok(Value::bool(!input.is_true()))),
    Native::new("type", 0, |run, input, _| Ok(run.heap.string(input.kind().name().as_bytes())?)),
    Native::new("length", 0, length),
    Native::new("tojson", 0, to_json),
    Native::new("tostring", 0, |run, input, _| run.format(Format::Text, input)),
    Native::new("fromjson", 0, from_json),
    Native::new("tonumber", 0, to_number),
    Native::new("toboolean", 0, to_boolean),
    Native::new("contains", 1, contains),
    Native::new("now", 0, |run, _, _| match run.now {
        Some(now) => Ok(Value::Number(now)),
        None => run.fail("the time of the request is not known"),
    })
    .constant(),
    Native::new("infinite", 0, |_, _, _| Ok(Value::Number(f64::INFINITY))).constant(),
    Native::new("nan", 0, |_, _, _| Ok(Value::Number(f64::NAN))).constant(),
    Native::new("env", 0, |_, _, _| Ok(Value::EMPTY_OBJECT)).constant(),
    Native::new("debug", 0, |_, input, _| Ok(input)),
    Native::new("stderr", 0, |_, input, _| Ok(input)),
    Native::new("input_filename", 0, |_, _, _| Ok(Value::Null)).constant(),
    Native::new("input_line_number", 0, |run, _, _| run.fail("Unknown input line number")),
    Native::new("get_search_list", 0, |_, _, _| Ok(Value::EMPTY_ARRAY)).constant(),
    Native::new("get_prog_origin", 0, |_, _, _| Ok(Value::Null)).constant(),
    Native::new("get_jq_origin", 0, |_, _, _| Ok(Value::Null)).constant(),
    Native::new("have_decnum", 0, |_, _, _| Ok(Value::True)).constant(),
    Native::new("have_literal_numbers", 0, |_, _, _| Ok(Value::True)).constant(),
    Native::new("halt", 0, |_, _, _| Err(Stop::Halt { is_error: false })),
    Native::new("halt_error", 1, halt_error),
];

fn length(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    match input.kind() {
        Kind::Null => Ok(Value::Number(0.0)),
        Kind::Number => run.magnitude(input),
        Kind::String => Ok(Value::count(text::codepoint_count(run.heap.str(&input)))),
        Kind::Array => Ok(Value::count(run.heap.cells(input).len())),
        Kind::Object => Ok(Value::count(run.heap.cells(input).len() / 2)),
        Kind::False | Kind::True => {
            run.fail_with(Message(&[Piece::Value(input), Piece::Text(" has no length")]))
        }
    }
}

fn to_json(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    run.scratch.clear();
    encode::encode(&run.heap, input, &mut run.scratch)?;
    Ok(run.heap.string(&run.scratch)?)
}

fn from_json(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    if !input.is_string() {
        return run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" only strings can be parsed"),
        ]));
    }
    let source = String::from(run.heap.str(&input));
    run.decode(&source)
}

fn to_number(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    match input.kind() {
        Kind::Number => return Ok(input),
        Kind::String => {
            let text = String::from(run.heap.str(&input));
            match number::parse(&text) {
                Some(Parsed::Double(value)) => return Ok(Value::Number(value)),
                Some(Parsed::Literal(digits)) => return Ok(run.heap.literal(&digits)?),
                None => {}
            }
        }
        _ => {}
    }
    run.fail_with(Message(&[Piece::Value(input), Piece::Text(" cannot be parsed as a number")]))
}

fn to_boolean(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    match (input.kind(), run.heap.bytes(&input)) {
        (Kind::True | Kind::False, _) => Ok(input),
        (Kind::String, b"true") => Ok(Value::True),
        (Kind::String, b"false") => Ok(Value::False),
        _ => run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" cannot be parsed as a boolean"),
        ])),
    }
}

fn contains(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let other = arguments[0];
    // `true` and `false` are two kinds here, as in jq.
    if input.kind() == other.kind() {
        let contains = run.heap.contains(input, other);
        run.check_depth_of("Containment check too deep")?;
        return Ok(Value::bool(contains));
    }
    run.fail_with(Message(&[
        Piece::Value(input),
        Piece::Text(" and "),
        Piece::Value(other),
        Piece::Text(" cannot have their containment checked"),
    ]))
}

fn halt_error(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    if arguments[0].kind() != Kind::Number {
        return run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" halt_error/1: number required"),
        ]));
    }
    run.error = input;
    Err(Stop::Halt { is_error: true })
}

impl Run<'_> {
    /// `length` as a number.
    pub(crate) fn size(&mut self, of: Value) -> Result<f64, Stop> {
        let length = length(self, of, &[])?;
        Ok(self.heap.double(&length).unwrap_or_default())
    }
}
