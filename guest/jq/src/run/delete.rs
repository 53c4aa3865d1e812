//! Deletes what is at paths.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Flow, Run, Stop};
use crate::error::{Message, Piece};
use crate::number;
use crate::plan::Node;
use crate::value::{Kind, Value};

/// A container of which parts are deleted.
struct Open {
    container: Value,
    /// The places in it that are still to be looked at.
    places: Range<usize>,
    /// The keys of the parts that are deleted whole.
    keys: Vec<Value>,
}

impl Open {
    fn new(container: Value, places: Range<usize>) -> Self {
        Self { container, places, keys: Vec::new() }
    }
}

impl<'r> Run<'r> {
    /// `del(path)`
    pub(super) fn delete(
        &mut self,
        path: &'r Node,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        let base = self.collected.len();
        let whole =
            self.each_place(path, frame, input, &mut |run, _, keys| run.collect_place(keys));
        let places = self.collected_places(base);
        self.delete_all(whole?, places)
    }

    /// Deletes what is at these places, in jq's order: container by container along the sorted places, what is inside of
    /// a part before the parts themselves. What is inside of a part that is deleted is not looked at.
    pub(crate) fn delete_all(
        &mut self,
        whole: Value,
        places: Vec<Vec<Value>>,
    ) -> Result<Value, Stop> {
        let mut places = places;
        if places.iter().any(Vec::is_empty) {
            return Ok(Value::Null);
        }
        places.sort_by(|a, b| self.compare_keys(a, b));
        for place in &places {
            self.check_path_depth(place.len())?;
        }
        let mut open = Vec::new();
        let mut inner = Open::new(whole, 0..places.len());
        loop {
            let depth = open.len();
            let Some(first) = inner.places.next() else {
                let Open { container, keys, .. } = inner;
                let new = if keys.is_empty() { container } else { self.without(container, &keys)? };
                let Some(outer) = open.pop() else { return Ok(new) };
                inner = outer;
                let key = places[inner.places.start - 1][open.len()];
                inner.container = self.set_at(inner.container, &[key], new)?;
                continue;
            };
            let key = places[first][depth];
            let mut same = first..first + 1;
            while same.end < inner.places.end
                && self.heap.compare_to_sort(key, places[same.end][depth]).is_eq()
            {
                same.end += 1;
            }
            inner.places.start = same.end;
            if places[first].len() == depth + 1 {
                inner.keys.push(key);
                continue;
            }
            let part = self.index(inner.container, key)?;
            if !matches!(part, Value::Null) {
                open.push(core::mem::replace(&mut inner, Open::new(part, same)));
            }
        }
    }

    fn compare_keys(&self, a: &[Value], b: &[Value]) -> core::cmp::Ordering {
        let order = a
            .iter()
            .zip(b)
            .map(|(a, b)| self.heap.compare_to_sort(*a, *b))
            .find(|order| order.is_ne());
        order.unwrap_or_else(|| a.len().cmp(&b.len()))
    }

    /// A container without some of its parts.
    fn without(&mut self, of: Value, keys: &[Value]) -> Result<Value, Stop> {
        let kind = of.kind();
        if kind == Kind::Null {
            return Ok(of);
        }
        if kind != Kind::Object && kind != Kind::Array {
            return self
                .fail_with(Message(&[Piece::Text("Cannot delete fields from "), Piece::Kind(of)]));
        }
        let parts = self.heap.cells(of).len() / if kind == Kind::Object { 2 } else { 1 };
        let mut deleted = alloc::vec![false; parts];
        for key in keys {
            match (kind, key.kind()) {
                (Kind::Object, Kind::String) => {
                    if let Some(entry) = self.heap.find(of, key) {
                        deleted[entry] = true;
                    }
                }
                (Kind::Array, Kind::Number) => {
                    let index = self.heap.double(key).unwrap_or_default();
                    if let Some(at) = number::deletion_index(index, parts) {
                        deleted[at] = true;
                    }
                }
                (Kind::Array, Kind::Object) => {
                    let (from, to) = self.slice_bounds(*key);
                    let (from, to) = self.slice_range(parts, from, to)?;
                    deleted[from..to.max(from)].fill(true);
                }
                _ => {
                    return self.fail_with(Message(&[
                        Piece::Text("Cannot delete "),
                        Piece::Kind(*key),
                        Piece::Text(if kind == Kind::Object {
                            " field of "
                        } else {
                            " element of "
                        }),
                        Piece::Kind(of),
                    ]));
                }
            }
        }
        if !deleted.contains(&true) {
            return Ok(of);
        }
        let width = if kind == Kind::Object { 2 } else { 1 };
        let base = self.collected.len();
        for part in (0..parts).filter(|part| !deleted[*part]) {
            let cells = &self.heap.cells(of)[width * part..width * (part + 1)];
            self.collected.extend_from_slice(cells);
        }
        self.share_collected(base);
        let cells = &self.collected[base..];
        let shorter =
            if kind == Kind::Object { self.heap.object(cells) } else { self.heap.array(cells) };
        self.collected.truncate(base);
        Ok(shorter?)
    }

    /// Keeps the keys of a place where what gives up the dead finds them.
    pub(super) fn collect_place(&mut self, keys: &[Value]) -> Flow {
        let keys = self.heap.array(keys)?;
        self.collect(keys)
    }

    pub(super) fn collected_places(&mut self, base: usize) -> Vec<Vec<Value>> {
        let places =
            self.collected[base..].iter().map(|keys| self.heap.cells(*keys).to_vec()).collect();
        self.collected.truncate(base);
        places
    }
}
