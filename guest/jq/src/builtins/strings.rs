//! Builtins of strings.

use alloc::string::String;
use alloc::vec::Vec;

use super::native::Native;
use crate::error::{Message, Piece};
use crate::heap::Full;
use crate::run::{Run, Stop};
use crate::text::{self, range_in};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("utf8bytelength", 0, |run, input, _| {
        if input.is_string() {
            return Ok(Value::count(run.heap.bytes(&input).len()));
        }
        run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" only strings have UTF-8 byte length"),
        ]))
    }),
    Native::new("startswith", 1, |run, input, arguments| {
        need_strings(run, input, arguments[0], "startswith() requires string inputs")?;
        let (text, part) = (run.heap.str(&input), run.heap.str(&arguments[0]));
        Ok(Value::bool(text::startswith(text, part)))
    }),
    Native::new("endswith", 1, |run, input, arguments| {
        need_strings(run, input, arguments[0], "endswith() requires string inputs")?;
        let (text, part) = (run.heap.str(&input), run.heap.str(&arguments[0]));
        Ok(Value::bool(text::endswith(text, part)))
    }),
    Native::new("ltrimstr", 1, |run, input, arguments| {
        strip(run, input, arguments[0], "startswith() requires string inputs", text::ltrimstr)
    }),
    Native::new("rtrimstr", 1, |run, input, arguments| {
        strip(run, input, arguments[0], "endswith() requires string inputs", text::rtrimstr)
    }),
    Native::new("trimstr", 1, |run, input, arguments| {
        strip(run, input, arguments[0], "startswith() requires string inputs", text::trimstr)
    }),
    Native::new("trim", 0, |run, input, _| trim(run, input, text::trim)),
    Native::new("ltrim", 0, |run, input, _| trim(run, input, text::ltrim)),
    Native::new("rtrim", 0, |run, input, _| trim(run, input, text::rtrim)),
    Native::new("ascii_downcase", 0, |run, input, _| recase(run, input, text::ascii_downcase)),
    Native::new("ascii_upcase", 0, |run, input, _| recase(run, input, text::ascii_upcase)),
    Native::new("explode", 0, explode),
    Native::new("split", 1, |run, input, arguments| {
        if input.is_string() && arguments[0].is_string() {
            return run.split(input, arguments[0]);
        }
        run.fail("split input and separator must be strings")
    }),
    Native::new("indices", 1, indices),
    Native::new("_strindices", 1, |run, input, arguments| {
        if !input.is_string() {
            return run.fail_with(Message(&[
                Piece::Value(input),
                Piece::Text(" cannot be searched, as it is not a string"),
            ]));
        }
        if !arguments[0].is_string() {
            return run.fail_with(Message(&[
                Piece::Value(arguments[0]),
                Piece::Text(" is not a string"),
            ]));
        }
        indices(run, input, arguments)
    }),
    Native::new("index", 1, |run, input, arguments| edge(run, input, arguments, false)),
    Native::new("rindex", 1, |run, input, arguments| edge(run, input, arguments, true)),
];

/// Two strings, or an error with this message.
fn need_strings(run: &mut Run<'_>, a: Value, b: Value, message: &str) -> Result<(), Stop> {
    if a.is_string() && b.is_string() { Ok(()) } else { run.fail(message) }
}

fn strip(
    run: &mut Run<'_>,
    input: Value,
    part: Value,
    message: &str,
    by: for<'t> fn(&'t str, &str) -> &'t str,
) -> Result<Value, Stop> {
    need_strings(run, input, part, message)?;
    let text = run.heap.str(&input);
    let (from, to) = range_in(text, by(text, run.heap.str(&part)));
    Ok(run.heap.substring(input, from, to))
}

fn trim(run: &mut Run<'_>, input: Value, by: fn(&str) -> &str) -> Result<Value, Stop> {
    if !input.is_string() {
        return run.fail("trim input must be a string");
    }
    let text = run.heap.str(&input);
    let (from, to) = range_in(text, by(text));
    Ok(run.heap.substring(input, from, to))
}

fn recase(run: &mut Run<'_>, input: Value, by: fn(&str, &mut Vec<u8>)) -> Result<Value, Stop> {
    if !input.is_string() {
        return run.fail("explode input must be a string");
    }
    let mut out = core::mem::take(&mut run.scratch);
    out.clear();
    by(run.heap.str(&input), &mut out);
    let value = run.heap.string(&out);
    run.scratch = out;
    Ok(value?)
}

fn explode(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    if !input.is_string() {
        return run.fail("explode input must be a string");
    }
    let codepoints: Vec<Value> = text::explode(run.heap.str(&input))
        .map(|codepoint| Value::Number(f64::from(codepoint)))
        .collect();
    Ok(run.heap.array(&codepoints)?)
}

fn indices(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let part = arguments[0];
    match (input.kind(), part.kind()) {
        (Kind::String, Kind::String) => {
            let places: Vec<Value> = text::indices(run.heap.str(&input), run.heap.str(&part))
                .into_iter()
                .map(Value::count)
                .collect();
            Ok(run.heap.array(&places)?)
        }
        (Kind::Array, Kind::Array) => run.indices_of_array(input, part),
        (Kind::Array, _) => {
            let places: Vec<Value> = (run.heap.cells(input).iter().enumerate())
                .filter(|(_, element)| run.heap.is_equal(**element, part))
                .map(|(at, _)| Value::count(at))
                .collect();
            Ok(run.heap.array(&places)?)
        }
        _ => run.index(input, part),
    }
}

fn edge(
    run: &mut Run<'_>,
    input: Value,
    arguments: &[Value],
    is_last: bool,
) -> Result<Value, Stop> {
    if input.is_string() && arguments[0].is_string() {
        let (text, part) = (run.heap.str(&input), run.heap.str(&arguments[0]));
        let place = if is_last { text::rindex(text, part) } else { text::index(text, part) };
        return Ok(place.map_or(Value::Null, Value::count));
    }
    let mut places = indices(run, input, arguments)?;
    if is_last {
        places = run.slice(places, Value::Number(-1.0), Value::Null)?;
    }
    run.index(places, Value::Number(0.0))
}

impl Run<'_> {
    /// The bytes of a string from one codepoint to another.
    pub(crate) fn codepoint_range(&self, string: &Value, from: usize, to: usize) -> (usize, usize) {
        let text = self.heap.str(string);
        range_in(text, text::slice(text, from, to))
    }

    /// A value as `tostring` gives it.
    pub(crate) fn text_of(&mut self, value: Value) -> Result<String, Full> {
        let mut out = Vec::new();
        if value.is_string() {
            out.extend_from_slice(self.heap.bytes(&value));
        } else {
            crate::encode::encode(&self.heap, value, &mut out)?;
        }
        Ok(String::from_utf8(out).unwrap_or_default())
    }
}
