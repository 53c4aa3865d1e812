//! Builtins of regular expressions.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::native::Native;
use crate::error::{Message, Piece};
use crate::regex::{Codepoints, Flags, Regex};
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("test", 1, |run, input, arguments| {
        let arguments = unpacked(run, arguments[0])?;
        test(run, input, &arguments)
    }),
    Native::new("test", 2, test),
    Native::new("match", 1, |run, input, arguments| {
        let arguments = unpacked(run, arguments[0])?;
        matches(run, input, &arguments)
    })
    .many(),
    Native::new("match", 2, matches).many(),
    Native::new("split", 2, split),
    Native::new("capture_object", 0, capture_object),
];

/// A pattern and its flags, which may come as an array.
fn unpacked(run: &mut Run<'_>, pattern: Value) -> Result<[Value; 2], Stop> {
    match (pattern.kind(), run.heap.cells(pattern)) {
        (Kind::String, _) => Ok([pattern, Value::Null]),
        (Kind::Array, [pattern]) => Ok([*pattern, Value::Null]),
        (Kind::Array, [pattern, flags, ..]) => Ok([*pattern, *flags]),
        _ => run.fail_with(Message(&[Piece::Kind(pattern), Piece::Text(" not a string or array")])),
    }
}

fn prepare(
    run: &mut Run<'_>,
    input: Value,
    arguments: &[Value],
) -> Result<(String, Arc<Regex>), Stop> {
    let (pattern, flags) = (arguments[0], arguments[1]);
    if !input.is_string() {
        return run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" cannot be matched, as it is not a string"),
        ]));
    }
    if !pattern.is_string() {
        return run.fail_with(Message(&[Piece::Value(pattern), Piece::Text(" is not a string")]));
    }
    let flags = match flags.kind() {
        Kind::Null => Flags::default(),
        Kind::String => match Flags::parse(run.heap.str(&flags)) {
            Ok(flags) => flags,
            Err(message) => return run.fail(&message),
        },
        _ => {
            return run.fail_with(Message(&[Piece::Value(flags), Piece::Text(" is not a string")]));
        }
    };
    let text = String::from(run.heap.str(&input));
    let pattern = run.heap.str(&pattern);
    if let Some(regex) = run.plan.regexes.find(pattern, &flags) {
        return Ok((text, regex));
    }
    match run.regexes.get(pattern, &flags) {
        Ok(regex) => Ok((text, regex)),
        Err(message) => run.fail(&message),
    }
}

fn test(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let (text, regex) = prepare(run, input, arguments)?;
    match regex.is_match(&text) {
        Ok(found) => Ok(Value::bool(found)),
        Err(message) => run.fail(&message),
    }
}

fn name(text: &str) -> Value {
    Value::short(text.as_bytes()).expect("the name is short")
}

/// The spans of a match and of its groups, the whole first.
type Spans = Vec<Option<(usize, usize)>>;

fn spans(text: &str, regex: &Regex) -> Result<Vec<Spans>, String> {
    let groups = regex.names().len();
    let mut all = Vec::new();
    regex.matches(text, |found| {
        let mut spans = Vec::with_capacity(groups + 1);
        spans.push(Some(found.span()));
        spans.extend((1..=groups).map(|group| found.group(group)));
        all.push(spans);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

fn matches(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let (text, regex) = prepare(run, input, arguments)?;
    let all = match spans(&text, &regex) {
        Ok(all) => all,
        Err(message) => return run.fail(&message),
    };
    let codepoints = Codepoints::new(&text);
    let base = run.collected.len();
    for spans in &all {
        let found = match_object(run, &codepoints, spans, &regex)?;
        run.collected.push(found);
    }
    let array = run.heap.array(&run.collected[base..]);
    run.collected.truncate(base);
    Ok(array?)
}

fn match_object(
    run: &mut Run<'_>,
    codepoints: &Codepoints<'_>,
    spans: &Spans,
    regex: &Regex,
) -> Result<Value, Stop> {
    let mut captures = Vec::with_capacity(spans.len() - 1);
    for (span, group) in spans[1..].iter().zip(regex.names()) {
        let group = match group {
            Some(group) => run.heap.string(group.as_bytes())?,
            None => Value::Null,
        };
        let capture = match span {
            Some(span) => {
                let (offset, length) = codepoints.count(*span);
                let text = run.heap.string(codepoints.text(*span).as_bytes())?;
                [
                    name("offset"),
                    Value::count(offset),
                    name("length"),
                    Value::count(length),
                    name("string"),
                    text,
                    name("name"),
                    group,
                ]
            }
            None => [
                name("offset"),
                Value::Number(-1.0),
                name("string"),
                Value::Null,
                name("length"),
                Value::Number(0.0),
                name("name"),
                group,
            ],
        };
        captures.push(run.heap.object(&capture)?);
    }
    let captures = run.heap.array(&captures)?;
    let span = spans[0].unwrap_or_default();
    let (offset, length) = codepoints.count(span);
    let text = run.heap.string(codepoints.text(span).as_bytes())?;
    let cells = [
        name("offset"),
        Value::count(offset),
        name("length"),
        Value::count(length),
        name("string"),
        text,
        name("captures"),
        captures,
    ];
    Ok(run.heap.object(&cells)?)
}

/// `split($re; $flags)`
fn split(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let flags = run.arithmetic(crate::plan::Arithmetic::Add, arguments[1], name("g"))?;
    let (text, regex) = prepare(run, input, &[arguments[0], flags])?;
    let all = match spans(&text, &regex) {
        Ok(all) => all,
        Err(message) => return run.fail(&message),
    };
    let mut parts = Vec::with_capacity(all.len() + 1);
    let mut at = 0;
    for spans in &all {
        let (from, to) = spans[0].unwrap_or_default();
        let from = from.max(at);
        if text.is_char_boundary(from) && text.is_char_boundary(to) {
            parts.push(run.heap.substring(input, at, from));
            at = to;
        }
    }
    parts.push(run.heap.substring(input, at, text.len()));
    Ok(run.heap.array(&parts)?)
}

/// The named captures of a match object.
fn capture_object(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    let captures = run.index(input, name("captures"))?;
    let mut object = Value::EMPTY_OBJECT;
    for at in 0..run.heap.cells(captures).len() {
        let capture = run.heap.cell(captures, at);
        let key = run.index(capture, name("name"))?;
        if key.is_string() {
            let text = run.index(capture, name("string"))?;
            object = run.heap.insert(object, key, text)?;
        }
    }
    Ok(object)
}
