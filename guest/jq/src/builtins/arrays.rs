//! Builtins of arrays.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::native::Native;
use crate::error::{Message, Piece};
use crate::heap::Full;
use crate::plan::{By, Node};
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("sort", 0, sort),
    Native::new("unique", 0, |run, input, _| {
        run.need_array(input, " cannot be sorted, as it is not an array")?;
        let keys = run.heap.cells(input).to_vec();
        run.order_by(By::Unique, input, &keys)
    }),
    Native::new("min", 0, |run, input, _| extreme(run, input, By::Min)),
    Native::new("max", 0, |run, input, _| extreme(run, input, By::Max)),
    Native::new("reverse", 0, reverse),
    Native::new("flatten", 0, |run, input, _| flatten(run, input, f64::INFINITY)),
    Native::new("flatten", 1, |run, input, arguments| flatten_to(run, input, arguments[0])),
    Native::new("transpose", 0, transpose),
    Native::new("bsearch", 1, bsearch),
    Native::new("join", 1, join),
    Native::new("implode", 0, implode),
];

impl<'r> Run<'r> {
    pub(super) fn need_array(&mut self, value: Value, what: &str) -> Result<(), Stop> {
        if value.kind() == Kind::Array {
            return Ok(());
        }
        self.fail_with(Message(&[Piece::Value(value), Piece::Text(what)]))
    }

    /// `sort_by` and its kin, once the keys are there.
    pub(crate) fn order_by(&mut self, by: By, input: Value, keys: &[Value]) -> Result<Value, Stop> {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        if matches!(by, By::Min | By::Max) {
            return Ok(self.extreme_by(by, input, keys));
        }
        order.sort_by(|a, b| self.heap.compare_to_sort(keys[*a as usize], keys[*b as usize]));
        self.check_depth_of("Comparison too deep")?;
        let compare = |a: &u32, b: &u32| self.heap.compare(keys[*a as usize], keys[*b as usize]);
        let base = self.collected.len();
        match by {
            By::Sort => {
                for at in &order {
                    self.collected.push(self.heap.cell(input, *at as usize));
                }
                self.share_above(base);
            }
            By::Unique => {
                let mut last: Option<u32> = None;
                for at in &order {
                    if last.is_none_or(|last| compare(&last, at) != Ordering::Equal) {
                        self.collected.push(self.heap.cell(input, *at as usize));
                        last = Some(*at);
                    }
                }
                self.share_above(base);
            }
            _ => {
                let mut from = 0;
                while from < order.len() {
                    let same = order[from + 1..].iter().take_while(|at| {
                        self.heap.compare(keys[order[from] as usize], keys[**at as usize])
                            == Ordering::Equal
                    });
                    let to = from + 1 + same.count();
                    let group: Vec<Value> = order[from..to]
                        .iter()
                        .map(|at| self.heap.cell(input, *at as usize))
                        .collect();
                    for value in &group {
                        self.heap.share(*value);
                    }
                    let group = self.heap.array(&group)?;
                    self.collected.push(group);
                    from = to;
                }
            }
        }
        let result = self.heap.array(&self.collected[base..]);
        self.collected.truncate(base);
        Ok(result?)
    }

    fn share_above(&mut self, base: usize) {
        for at in base..self.collected.len() {
            let value = self.collected[at];
            self.heap.share(value);
        }
    }

    /// The first of the least, or the last of the greatest.
    fn extreme_by(&self, by: By, input: Value, keys: &[Value]) -> Value {
        let mut best: Option<usize> = None;
        for at in 0..keys.len() {
            let is_better = best.is_none_or(|best| {
                let order = self.heap.compare(keys[at], keys[best]);
                if by == By::Min { order.is_lt() } else { order.is_ge() }
            });
            if is_better {
                best = Some(at);
            }
        }
        best.map_or(Value::Null, |at| self.heap.cell(input, at))
    }

    /// The error of `sort_by` and its kin for what is not an array.
    pub(crate) fn fail_not_sorted<T>(
        &mut self,
        by: By,
        of: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<T, Stop> {
        if input.kind() != Kind::Object {
            return self
                .fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(input)]));
        }
        // jq makes the keys first, which may fail.
        self.heap.share(input);
        let mut keys = Vec::new();
        for at in (1..self.heap.cells(input).len()).step_by(2) {
            let element = self.heap.cell(input, at);
            let base = self.collected.len();
            let flow = self.each(of, frame, element, &mut |run, value| run.collect(value));
            if flow.is_err() {
                self.collected.truncate(base);
            }
            flow?;
            keys.push(self.collected_array(base)?);
        }
        let keys = self.heap.array(&keys)?;
        self.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" and "),
            Piece::Value(keys),
            Piece::Text(match by {
                By::Min | By::Max => " cannot be iterated over",
                _ => " cannot be sorted, as they are not both arrays",
            }),
        ]))
    }
}

fn sort(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    run.need_array(input, " cannot be sorted, as it is not an array")?;
    let keys = run.heap.cells(input).to_vec();
    run.order_by(By::Sort, input, &keys)
}

fn extreme(run: &mut Run<'_>, input: Value, by: By) -> Result<Value, Stop> {
    if input.kind() != Kind::Array {
        return run.fail_with(Message(&[
            Piece::Value(input),
            Piece::Text(" and "),
            Piece::Value(input),
            Piece::Text(" cannot be iterated over"),
        ]));
    }
    let keys = run.heap.cells(input).to_vec();
    run.order_by(by, input, &keys)
}

fn reverse(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    match input.kind() {
        Kind::Null => Ok(Value::EMPTY_ARRAY),
        Kind::Array => {
            let mut cells = run.heap.cells(input).to_vec();
            cells.reverse();
            for cell in &cells {
                run.heap.share(*cell);
            }
            Ok(run.heap.array(&cells)?)
        }
        // jq counts down from the length.
        _ => {
            let length = run.size(input)?;
            if length > 0.0 {
                run.index(input, Value::Number(length - 1.0))
            } else {
                Ok(Value::EMPTY_ARRAY)
            }
        }
    }
}

fn flatten_to(run: &mut Run<'_>, input: Value, depth: Value) -> Result<Value, Stop> {
    if run.heap.compare(depth, Value::Number(0.0)).is_lt() {
        return run.fail("flatten depth must not be negative");
    }
    let Some(levels) = run.heap.double(&depth) else {
        // jq counts down from it once there is something to open.
        let cells = run.heap.cells(input);
        if cells.iter().any(|cell| cell.kind() == Kind::Array) {
            return run.arithmetic(crate::plan::Arithmetic::Subtract, depth, Value::Number(1.0));
        }
        return flatten(run, input, 0.0);
    };
    // jq stops at exactly 0.
    flatten(run, input, if levels % 1.0 == 0.0 { levels } else { f64::INFINITY })
}

/// Without recursion: elements that are arrays are opened as long as the depth allows.
fn flatten(run: &mut Run<'_>, input: Value, depth: f64) -> Result<Value, Stop> {
    if !input.is_container() {
        return run.fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(input)]));
    }
    let (mut at, step) = if input.kind() == Kind::Object { (1, 2) } else { (0, 1) };
    let mut out = Vec::new();
    let mut open: Vec<(Value, usize)> = Vec::new();
    while at < run.heap.cells(input).len() {
        let element = run.heap.cell(input, at);
        at += step;
        if element.kind() != Kind::Array || depth < 1.0 {
            out.push(element);
            continue;
        }
        open.push((element, 0));
        while let Some((array, next)) = open.last_mut() {
            let Some(inner) = run.heap.cells(*array).get(*next).copied() else {
                open.pop();
                continue;
            };
            *next += 1;
            if inner.kind() == Kind::Array && (open.len() as f64) < depth {
                open.push((inner, 0));
            } else {
                out.push(inner);
            }
        }
    }
    for value in &out {
        run.heap.share(*value);
    }
    Ok(run.heap.array(&out)?)
}

fn transpose(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    let rows: Vec<Value> = match input.kind() {
        Kind::Array => run.heap.cells(input).to_vec(),
        Kind::Object => run.heap.cells(input).iter().skip(1).step_by(2).copied().collect(),
        _ => {
            return run
                .fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(input)]));
        }
    };
    let mut width = 0.0;
    for row in &rows {
        width = run.size(*row)?.max(width);
    }
    let mut columns = Vec::new();
    while (columns.len() as f64) < width {
        let at = Value::count(columns.len());
        let mut cells = Vec::with_capacity(rows.len());
        for row in &rows {
            let cell = run.index(*row, at)?;
            run.heap.share(cell);
            cells.push(cell);
        }
        columns.push(run.heap.array(&cells)?);
    }
    Ok(run.heap.array(&columns)?)
}

fn bsearch(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    run.need_array(input, " cannot be searched from")?;
    let cells = run.heap.cells(input);
    let (mut start, mut end) = (0, cells.len());
    while start < end {
        let middle = start + (end - start) / 2;
        match run.heap.compare(arguments[0], cells[middle]) {
            Ordering::Equal => return Ok(Value::Number(middle as f64)),
            Ordering::Less => end = middle,
            Ordering::Greater => start = middle + 1,
        }
    }
    Ok(Value::Number(-1.0 - start as f64))
}

fn join(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let (first, step) = match input.kind() {
        Kind::Array => (0, 1),
        Kind::Object => (1, 2),
        _ => {
            return run
                .fail_with(Message(&[Piece::Text("Cannot iterate over "), Piece::Value(input)]));
        }
    };
    let mut text = Vec::new();
    let mut joined = Value::Null;
    let mut is_text = true;
    for at in (first..run.heap.cells(input).len()).step_by(step) {
        let element = run.heap.cell(input, at);
        let is_first = at == first;
        if is_text && (is_first || arguments[0].is_string()) && is_joinable(element) {
            if !is_first {
                text.extend_from_slice(run.heap.bytes(&arguments[0]));
            }
            write_joined(run, element, &mut text)?;
            continue;
        }
        // The operator gives the error, or the value of a separator that is not a string.
        if is_text {
            joined = run.heap.string(&text)?;
            is_text = false;
        }
        if !is_first {
            joined = run.arithmetic(crate::plan::Arithmetic::Add, joined, arguments[0])?;
        }
        let element = joined_value(run, element)?;
        joined = run.arithmetic(crate::plan::Arithmetic::Add, joined, element)?;
    }
    if is_text { Ok(run.heap.string(&text)?) } else { Ok(joined) }
}

fn is_joinable(value: Value) -> bool {
    !value.is_container()
}

fn write_joined(run: &Run<'_>, value: Value, out: &mut Vec<u8>) -> Result<(), Full> {
    match value.kind() {
        Kind::Null => {}
        Kind::String => out.extend_from_slice(run.heap.bytes(&value)),
        _ => crate::encode::encode(&run.heap, value, out)?,
    }
    run.heap.check_text(out)
}

fn joined_value(run: &mut Run<'_>, value: Value) -> Result<Value, Stop> {
    match value.kind() {
        Kind::Null => Ok(Value::EMPTY_STRING),
        Kind::False | Kind::True | Kind::Number => run.format(crate::plan::Format::Text, value),
        _ => Ok(value),
    }
}

fn implode(run: &mut Run<'_>, input: Value, _: &[Value]) -> Result<Value, Stop> {
    if input.kind() != Kind::Array {
        return run.fail("implode input must be an array");
    }
    let mut text = alloc::string::String::new();
    for at in 0..run.heap.cells(input).len() {
        let value = run.heap.cell(input, at);
        let codepoint = run.heap.double(&value).and_then(crate::text::implode_codepoint);
        let Some(codepoint) = codepoint else {
            return run.fail_with(Message(&[
                Piece::Value(value),
                Piece::Text(" can't be imploded, unicode codepoint needs to be numeric"),
            ]));
        };
        text.push(codepoint);
    }
    Ok(run.heap.string(text.as_bytes())?)
}
