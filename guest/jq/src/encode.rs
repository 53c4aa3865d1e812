//! Writes values as JSON text, without recursion.

use alloc::vec::Vec;

use crate::heap::{Full, Heap};
use crate::number;
use crate::order::DEPTH_MAX;
use crate::text;
use crate::text::window::{self, WINDOW};
use crate::value::{Kind, Origin, SHORT_MAX, Value};

/// A container that is being written.
struct Open<'h> {
    /// Those that are not written yet.
    cells: &'h [Value],
    is_object: bool,
}

/// Writes a value on one line. A value that holds others more than once can be far longer than its memory: a text that
/// would not fit into the memory is not written to its end.
pub(crate) fn encode(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>) -> Result<(), Full> {
    write(heap, value, out, heap.limit());
    heap.check_text(out)
}

/// Writes a value on one line, and returns how many arrays and objects nest in it.
pub(crate) fn encode_measured(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>) -> usize {
    write(heap, value, out, usize::MAX)
}

/// Writes a value, and stops soon after `bytes` bytes.
pub(crate) fn encode_start(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>, bytes: usize) {
    write(heap, value, out, out.len() + bytes);
}

fn write(heap: &Heap<'_>, value: Value, out: &mut Vec<u8>, end: usize) -> usize {
    if !value.is_container() {
        scalar(heap, &value, out);
        return 0;
    }
    if let Some(levels) = copy_source(heap, &value, out, (0, end)) {
        return levels;
    }
    let mut levels = 1;
    let mut outer = Vec::new();
    let mut inner = begin(heap, &value, out);
    let mut is_first = true;
    loop {
        let Open { cells, is_object } = &mut inner;
        let Some((first, rest)) = cells.split_first() else {
            out.push(if *is_object { b'}' } else { b']' });
            let Some(open) = outer.pop() else { return levels };
            inner = open;
            is_first = false;
            continue;
        };
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        let (element, rest) = match (*is_object, rest) {
            (true, [element, rest @ ..]) => {
                string(heap, first, out);
                out.push(b':');
                (element, rest)
            }
            _ => (first, rest),
        };
        *cells = rest;
        if element.is_container() {
            if let Some(inside) = copy_source(heap, element, out, (outer.len() + 1, end)) {
                levels = levels.max(outer.len() + 1 + inside);
                continue;
            }
            levels = levels.max(outer.len() + 2);
            if outer.len() >= DEPTH_MAX {
                out.extend_from_slice(b"\"<skipped: too deep>\"");
                continue;
            }
            outer.push(core::mem::replace(&mut inner, begin(heap, element, out)));
            is_first = true;
        } else {
            scalar(heap, element, out);
        }
        if out.len() > end {
            return levels;
        }
    }
}

/// Copies a container from the document, if it has it as it is to be written. Gives how many nest in it.
#[inline(always)]
fn copy_source(
    heap: &Heap<'_>,
    value: &Value,
    out: &mut Vec<u8>,
    (outer, end): (usize, usize),
) -> Option<usize> {
    let (text, levels) = heap.source_of(value)?;
    if outer + levels > DEPTH_MAX || text.len() > end - out.len().min(end) {
        return None;
    }
    out.extend_from_slice(text);
    Some(levels)
}

#[inline(always)]
fn begin<'h>(heap: &'h Heap<'_>, value: &Value, out: &mut Vec<u8>) -> Open<'h> {
    let is_object = value.kind() == Kind::Object;
    out.push(if is_object { b'{' } else { b'[' });
    Open { cells: heap.cells(*value), is_object }
}

#[inline(always)]
fn scalar(heap: &Heap<'_>, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Short { .. } | Value::Text { .. } => string(heap, value, out),
        Value::Number(number) => number::write_double(*number, out),
        Value::Literal { .. } => heap.append_bytes(value, out),
        Value::True => out.extend_from_slice(b"true"),
        Value::False => out.extend_from_slice(b"false"),
        _ => out.extend_from_slice(b"null"),
    }
}

#[inline(always)]
fn string(heap: &Heap<'_>, value: &Value, out: &mut Vec<u8>) {
    let (len, bytes) = match value {
        Value::Short { len, bytes } => (usize::from(*len), bytes),
        Value::Text { origin: Origin::Document, .. } => {
            // The document has it as it is to be written.
            out.push(b'"');
            heap.append_bytes(value, out);
            out.push(b'"');
            return;
        }
        _ => return text::write_json_string(heap.bytes(value), out),
    };
    // The zeros behind its end are not plain.
    let mut text = [0; WINDOW];
    text[..SHORT_MAX].copy_from_slice(bytes);
    if window::plain_len(&text) < len {
        return text::write_json_string(&bytes[..len], out);
    }
    let mut quoted = [b'"'; WINDOW];
    quoted[1..=SHORT_MAX].copy_from_slice(bytes);
    quoted[len + 1] = b'"';
    window::append(out, &quoted, 0, len + 2);
}
