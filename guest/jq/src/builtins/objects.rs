//! Builtins of objects.

use alloc::vec::Vec;

use super::native::Native;
use crate::decode::object_with_repeated_keys;
use crate::error::{Message, Piece};
use crate::number;
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("keys", 0, |run, input, _| keys(run, input, true)),
    Native::new("keys_unsorted", 0, |run, input, _| keys(run, input, false)),
    Native::new("has", 1, has),
    Native::new("to_entries", 0, to_entries),
    Native::new("from_entries", 0, from_entries),
];

fn name(text: &str) -> Value {
    Value::short(text.as_bytes()).expect("the name is short")
}

fn keys(run: &mut Run<'_>, input: Value, is_sorted: bool) -> Result<Value, Stop> {
    let keys: Vec<Value> = match input.kind() {
        Kind::Array => (0..run.heap.cells(input).len()).map(Value::count).collect(),
        Kind::Object => {
            let key = |place: u32| run.heap.cell(input, 2 * place as usize);
            if is_sorted {
                run.heap.sorted_places(input).into_iter().map(key).collect()
            } else {
                (0..(run.heap.cells(input).len() / 2) as u32).map(key).collect()
            }
        }
        _ => return run.fail_with(Message(&[Piece::Value(input), Piece::Text(" has no keys")])),
    };
    Ok(run.heap.array(&keys)?)
}

fn has(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let key = arguments[0];
    match (input.kind(), key.kind()) {
        (Kind::Null, _) => Ok(Value::False),
        (Kind::Object, Kind::String) => Ok(Value::bool(run.heap.find(input, &key).is_some())),
        (Kind::Array, Kind::Number) => {
            let index = run.heap.double(&key).unwrap_or_default();
            Ok(Value::bool(number::contains_index(index, run.heap.cells(input).len())))
        }
        _ => run.fail_with(Message(&[
            Piece::Text("Cannot check whether "),
            Piece::Kind(input),
            Piece::Text(" has a "),
            Piece::Kind(key),
            Piece::Text(" key"),
        ])),
    }
}

fn to_entries(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    let (key_name, value_name) = (name("key"), name("value"));
    let is_object = match input.kind() {
        Kind::Object => true,
        Kind::Array => false,
        _ => return run.fail_with(Message(&[Piece::Value(input), Piece::Text(" has no keys")])),
    };
    let count = run.heap.cells(input).len() / if is_object { 2 } else { 1 };
    let mut entries = Vec::with_capacity(count);
    for at in 0..count {
        let (key, value) = if is_object {
            (run.heap.cell(input, 2 * at), run.heap.cell(input, 2 * at + 1))
        } else {
            (Value::count(at), run.heap.cell(input, at))
        };
        run.heap.share(value);
        entries.push(run.heap.object(&[key_name, key, value_name, value])?);
    }
    Ok(run.heap.array(&entries)?)
}

fn from_entries(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    let (first, step) = match input.kind() {
        Kind::Array => (0, 1),
        Kind::Object => (1, 2),
        _ => {
            return run
                .fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(input)]));
        }
    };
    let mut cells = Vec::new();
    for at in (first..run.heap.cells(input).len()).step_by(step) {
        let entry = run.heap.cell(input, at);
        let key = entry_part(run, entry, &["key", "Key", "name", "Name"])?;
        let has_value = has(run, entry, &[name("value")])?;
        let value = run.index(entry, name(if has_value.is_true() { "value" } else { "Value" }))?;
        if !key.is_string() {
            return run.fail_with(Message(&[
                Piece::Text("Cannot use "),
                Piece::Value(key),
                Piece::Text(" as object key"),
            ]));
        }
        run.heap.share(value);
        cells.extend_from_slice(&[key, value]);
    }
    Ok(object_with_repeated_keys(&mut run.heap, &cells)?)
}

/// The first of these fields that is not null or false, or the last one.
fn entry_part(run: &mut Run<'_>, entry: Value, names: &[&str]) -> Result<Value, Stop> {
    let mut value = Value::Null;
    for field in names {
        value = run.index(entry, name(field))?;
        if value.is_true() {
            break;
        }
    }
    Ok(value)
}
