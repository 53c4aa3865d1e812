//! Writes values as JSON text, without recursion.

use alloc::vec::Vec;

use crate::heap::Heap;
use crate::number;
use crate::order::DEPTH_MAX;
use crate::text;
use crate::value::{Kind, Value};

/// A container that is being written, and its next cell.
struct Open {
    value: Value,
    at: usize,
}

/// Writes a value on one line.
pub(crate) fn encode(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>) {
    write(heap, value, out, usize::MAX);
}

/// Writes a value on one line, and returns how many arrays and objects nest in it.
pub(crate) fn encode_measured(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>) -> usize {
    write(heap, value, out, usize::MAX)
}

/// Writes a value, and stops soon after `bytes` bytes: for messages that quote its start only.
pub(crate) fn encode_start(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>, bytes: usize) {
    write(heap, value, out, out.len() + bytes);
}

fn write(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>, end: usize) -> usize {
    if !value.is_container() {
        scalar(heap, &value, out);
        return 0;
    }
    let mut levels = 1;
    let mut open = Vec::new();
    begin(value, out, &mut open);
    while let Some(Open { value, at }) = open.last_mut() {
        let is_object = value.kind() == Kind::Object;
        let cells = heap.cells(*value);
        let Some(cell) = cells.get(*at) else {
            out.push(if is_object { b'}' } else { b']' });
            open.pop();
            continue;
        };
        if *at > 0 {
            out.push(b',');
        }
        let element = if is_object {
            text::write_json_string(heap.bytes(cell), out);
            out.push(b':');
            cells[*at + 1]
        } else {
            *cell
        };
        *at += if is_object { 2 } else { 1 };
        if element.is_container() {
            levels = levels.max(open.len() + 1);
            if open.len() > DEPTH_MAX {
                out.extend_from_slice(b"\"<skipped: too deep>\"");
                continue;
            }
            begin(element, out, &mut open);
        } else {
            scalar(heap, &element, out);
        }
        if out.len() > end {
            break;
        }
    }
    levels
}

fn begin(value: Value, out: &mut Vec<u8>, open: &mut Vec<Open>) {
    out.push(if value.kind() == Kind::Object { b'{' } else { b'[' });
    open.push(Open { value, at: 0 });
}

#[inline]
fn scalar(heap: &Heap<'_>, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Short { .. } | Value::Text { .. } => text::write_json_string(heap.bytes(value), out),
        Value::Number(number) => number::write_double(*number, out),
        Value::Literal { .. } => number::write_literal(heap.bytes(value), out),
        Value::True => out.extend_from_slice(b"true"),
        Value::False => out.extend_from_slice(b"false"),
        _ => out.extend_from_slice(b"null"),
    }
}
