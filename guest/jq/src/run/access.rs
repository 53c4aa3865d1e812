//! Reads parts of values: by key, by index, by slice, by path.

use super::{Flow, Run, Stop};
use crate::error::{Message, Piece};
use crate::number;
use crate::order::DEPTH_MAX;
use crate::text;
use crate::value::{Kind, Value};

/// What a key asks of a container.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Key(Value),
    Index(f64),
    /// Of an array, resolved against its length.
    Slice {
        from: usize,
        to: usize,
    },
}

impl Run<'_> {
    /// `of[key]`
    pub(crate) fn index(&mut self, of: Value, key: Value) -> Result<Value, Stop> {
        match (of.kind(), key.kind()) {
            (Kind::Object, Kind::String) => Ok(self.heap.get(of, &key).unwrap_or_default()),
            (Kind::Array, Kind::Number) => {
                let index = self.heap.double(&key).unwrap_or_default();
                let len = self.heap.cells(of).len();
                let at = number::element_index(index, len);
                Ok(at.map_or(Value::Null, |at| self.heap.cell(of, at)))
            }
            (Kind::Null, Kind::String | Kind::Number) => Ok(Value::Null),
            (Kind::Array | Kind::String | Kind::Null, Kind::Object) => {
                let (from, to) = self.slice_bounds(key);
                self.slice(of, from, to)
            }
            (Kind::Array, Kind::Array) => self.indices_of_array(of, key),
            _ => self.fail_index(of, key),
        }
    }

    pub(super) fn fail_index<T>(&mut self, of: Value, key: Value) -> Result<T, Stop> {
        self.fail_with(Message(&[
            Piece::Text("Cannot index "),
            Piece::Kind(of),
            Piece::Text(" with "),
            Piece::Value(key),
        ]))
    }

    /// The bounds that a path has for a slice: `{"start": 1, "end": 2}`.
    pub(super) fn slice_bounds(&self, key: Value) -> (Value, Value) {
        let part = |name: &[u8]| {
            let name = Value::short(name).expect("it is short");
            // A bound that is not there is not a number.
            self.heap.get(key, &name).unwrap_or(Value::False)
        };
        (part(b"start"), part(b"end"))
    }

    /// `of[from:to]`
    pub(crate) fn slice(&mut self, of: Value, from: Value, to: Value) -> Result<Value, Stop> {
        match of.kind() {
            Kind::Null => Ok(Value::Null),
            Kind::Array => {
                let len = self.heap.cells(of).len();
                let (from, to) = self.slice_range(len, from, to)?;
                Ok(self.heap.part(of, from, to))
            }
            Kind::String => {
                let len = text::codepoint_count(self.heap.str(&of));
                let (from, to) = self.slice_range(len, from, to)?;
                let (from, to) = self.codepoint_range(&of, from, to);
                Ok(self.heap.substring(of, from, to))
            }
            _ => {
                let key = self.slice_key(from, to)?;
                self.fail_index(of, key)
            }
        }
    }

    /// The range that two bounds mean in a value of this length.
    pub(super) fn slice_range(
        &mut self,
        len: usize,
        from: Value,
        to: Value,
    ) -> Result<(usize, usize), Stop> {
        let bound = |run: &Self, value: Value| match value {
            Value::Null => Ok(None),
            _ => run.heap.double(&value).map(Some).ok_or(()),
        };
        match (bound(self, from), bound(self, to)) {
            (Ok(from), Ok(to)) => Ok(number::slice_bounds(from, to, len)),
            _ => self.fail("Array/string slice indices must be integers"),
        }
    }

    /// The key of a slice in a path.
    pub(super) fn slice_key(&mut self, from: Value, to: Value) -> Result<Value, Stop> {
        let name = |name: &[u8]| Value::short(name).expect("it is short");
        Ok(self.heap.object(&[name(b"start"), from, name(b"end"), to])?)
    }

    /// `getpath`: what is missing on the way is null.
    pub(crate) fn get_path(&mut self, of: Value, path: Value) -> Result<Value, Stop> {
        self.check_path(path)?;
        self.check_path_depth(self.heap.cells(path).len())?;
        let mut value = of;
        for at in 0..self.heap.cells(path).len() {
            let key = self.heap.cell(path, at);
            value = self.index(value, key)?;
        }
        Ok(value)
    }

    pub(super) fn check_path_depth(&mut self, keys: usize) -> Flow {
        if keys > DEPTH_MAX { self.fail("Path too deep") } else { Ok(()) }
    }

    pub(super) fn check_path(&mut self, path: Value) -> Flow {
        if matches!(path, Value::Array { .. }) {
            Ok(())
        } else {
            self.fail("Path must be specified as an array")
        }
    }

    /// What a key asks of a container that is to be changed. `null` becomes what the key needs.
    pub(super) fn step_into(&mut self, of: Value, key: Value) -> Result<(Value, Step), Stop> {
        match (of.kind(), key.kind()) {
            (Kind::Object, Kind::String) => Ok((of, Step::Key(key))),
            (Kind::Null, Kind::String) => Ok((Value::EMPTY_OBJECT, Step::Key(key))),
            (Kind::Array | Kind::Null, Kind::Number) => {
                let array = if of.kind() == Kind::Null { Value::EMPTY_ARRAY } else { of };
                Ok((array, Step::Index(self.heap.double(&key).unwrap_or_default())))
            }
            (Kind::Array | Kind::Null, Kind::Object) => {
                let array = if of.kind() == Kind::Null { Value::EMPTY_ARRAY } else { of };
                let (from, to) = self.slice_bounds(key);
                let (from, to) = self.slice_range(self.heap.cells(array).len(), from, to)?;
                Ok((array, Step::Slice { from, to: to.max(from) }))
            }
            (Kind::String, Kind::Object) => {
                let (from, to) = self.slice_bounds(key);
                self.slice_range(0, from, to)?;
                self.fail("Cannot update string slices")
            }
            (Kind::Array, Kind::Array) => self.fail("Cannot update field at array index of array"),
            _ => self.fail_index(of, key),
        }
    }

    /// Where one array occurs in another.
    pub(crate) fn indices_of_array(&mut self, of: Value, part: Value) -> Result<Value, Stop> {
        let base = self.collected.len();
        let (len, wanted) = (self.heap.cells(of).len(), self.heap.cells(part).len());
        if wanted == 0 {
            return Ok(Value::EMPTY_ARRAY);
        }
        for at in 0..(len + 1).saturating_sub(wanted) {
            let is_here = (0..wanted).all(|offset| {
                self.heap.is_equal(self.heap.cell(of, at + offset), self.heap.cell(part, offset))
            });
            if is_here {
                self.collect(Value::count(at))?;
            }
        }
        self.collected_array(base)
    }
}
