//! Deletes what is at paths.

use alloc::vec::Vec;

use super::{Flow, Run, Stop};
use crate::error::{Message, Piece};
use crate::number;
use crate::plan::Node;
use crate::value::{Kind, Value};

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

    /// Deletes what is at these places. Those of one container are deleted together, so that the others stay where
    /// they are, and a container after those in it.
    pub(crate) fn delete_all(
        &mut self,
        whole: Value,
        places: Vec<Vec<Value>>,
    ) -> Result<Value, Stop> {
        let mut places = places;
        if places.iter().any(Vec::is_empty) {
            return Ok(Value::Null);
        }
        places.sort_by(|a, b| self.compare_keys(&b[..b.len() - 1], &a[..a.len() - 1]));
        let mut whole = whole;
        let mut rest = &places[..];
        while let Some(first) = rest.first() {
            let parent = &first[..first.len() - 1];
            let same = rest
                .iter()
                .take_while(|place| self.compare_keys(&place[..place.len() - 1], parent).is_eq());
            let (group, others) = rest.split_at(same.count());
            let keys: Vec<Value> = group.iter().filter_map(|place| place.last().copied()).collect();
            whole = self.delete_in(whole, parent, &keys)?;
            rest = others;
        }
        Ok(whole)
    }

    fn compare_keys(&self, a: &[Value], b: &[Value]) -> core::cmp::Ordering {
        let order = a
            .iter()
            .zip(b)
            .map(|(a, b)| self.heap.compare_to_sort(*a, *b))
            .find(|order| order.is_ne());
        order.unwrap_or_else(|| a.len().cmp(&b.len()))
    }

    pub(super) fn delete_at(&mut self, whole: Value, keys: &[Value]) -> Result<Value, Stop> {
        let Some((last, parent)) = keys.split_last() else { return Ok(Value::Null) };
        self.delete_in(whole, parent, core::slice::from_ref(last))
    }

    /// Deletes parts of the container at `parent`.
    fn delete_in(&mut self, whole: Value, parent: &[Value], keys: &[Value]) -> Result<Value, Stop> {
        self.check_path_depth(parent.len() + 1)?;
        // What is not there needs no deletion, and nothing is made on the way to it.
        let mut container = whole;
        for key in parent {
            container = self.index(container, *key)?;
            if matches!(container, Value::Null) {
                return Ok(whole);
            }
        }
        let Some(shorter) = self.without(container, keys)? else { return Ok(whole) };
        self.set_at(whole, parent, shorter)
    }

    /// A container without some of its parts. `None` if it has none of them.
    fn without(&mut self, of: Value, keys: &[Value]) -> Result<Option<Value>, Stop> {
        let kind = of.kind();
        if kind == Kind::Null {
            return Ok(None);
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
            return Ok(None);
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
        Ok(Some(shorter?))
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
