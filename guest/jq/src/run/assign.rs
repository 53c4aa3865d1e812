//! Changes values at paths. What only the evaluation itself holds is changed in place.

use alloc::vec::Vec;

use super::access::Step;
use super::{Flow, Run, Stop};
use crate::number;
use crate::plan::Node;
use crate::value::{Sharing, Value};

/// A container on the way to what is changed.
enum Level {
    /// The child is in this cell.
    Cell {
        container: Value,
        at: usize,
    },
    /// The child is to be added behind the entries, or the elements.
    Key {
        object: Value,
        key: Value,
    },
    Element {
        array: Value,
        at: usize,
    },
    Slice {
        array: Value,
        from: usize,
        to: usize,
    },
}

impl<'r> Run<'r> {
    /// `path = value`, for one value.
    pub(super) fn set(
        &mut self,
        path: &'r Node,
        value: Value,
        is_simple: bool,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        if is_simple {
            let keys = self.simple_path(path, frame, input)?;
            if value.is_identical(&input) {
                // A container does not become a part of itself.
                self.heap.share(value);
            }
            return self.set_at(input, &keys, value);
        }
        // It goes to several places, or the paths may look at the input again.
        self.heap.share(value);
        self.each_place(path, frame, input, &mut |run, state, keys| {
            let whole = core::mem::take(&mut run.states[state]);
            run.states[state] = run.set_at(whole, keys, value)?;
            Ok(())
        })
    }

    /// `path |= f`
    pub(super) fn update(
        &mut self,
        path: &'r Node,
        f: &'r Node,
        is_simple: bool,
        frame: u32,
        input: Value,
    ) -> Result<Value, Stop> {
        if is_simple {
            let keys = self.simple_path(path, frame, input)?;
            let Some(whole) = self.update_at(input, &keys, f, frame)? else {
                return self.delete_all(input, alloc::vec![keys]);
            };
            return Ok(whole);
        }
        let base = self.collected.len();
        let whole = self.each_place(path, frame, input, &mut |run, state, keys| {
            let whole = core::mem::take(&mut run.states[state]);
            run.states[state] = match run.update_at(whole, keys, f, frame)? {
                Some(whole) => whole,
                None => {
                    run.collect_place(keys)?;
                    whole
                }
            };
            Ok(())
        });
        let deleted = self.collected_places(base);
        let whole = whole?;
        if deleted.is_empty() { Ok(whole) } else { self.delete_all(whole, deleted) }
    }

    /// Calls `change` with the keys of each place that a path expression leads to. The whole is in a state.
    pub(super) fn each_place(
        &mut self,
        path: &'r Node,
        frame: u32,
        input: Value,
        change: &mut dyn FnMut(&mut Run<'r>, usize, &[Value]) -> Flow,
    ) -> Result<Value, Stop> {
        self.heap.share(input);
        let state = self.states.len();
        self.states.push(input);
        let base = self.path.len();
        let outer = self.begin_path(input);
        let flow = self.paths(path, frame, input, &mut |run, value| {
            run.check_is_path(value)?;
            let keys = run.path[base..].to_vec();
            change(run, state, &keys)
        });
        let whole = self.states[state];
        self.states.truncate(state);
        self.path.truncate(base);
        self.at_path = outer;
        flow.map(|()| whole)
    }

    /// The value with the value at the end of these keys replaced.
    pub(crate) fn set_at(
        &mut self,
        whole: Value,
        keys: &[Value],
        value: Value,
    ) -> Result<Value, Stop> {
        // The value may be the whole or a part of it: this must not be changed by what follows.
        self.heap.share_alias(whole, value);
        let (levels, _) = self.descend(whole, keys)?;
        self.ascend(levels, value)
    }

    /// The same with the first value that `f` gives for it. `None` if it gives none.
    fn update_at(
        &mut self,
        whole: Value,
        keys: &[Value],
        f: &'r Node,
        frame: u32,
    ) -> Result<Option<Value>, Stop> {
        match self.descend(whole, keys) {
            Ok((levels, old)) => match self.first_value(f, frame, old)? {
                Some(value) => self.ascend(levels, value).map(Some),
                None => Ok(None),
            },
            Err(Stop::Error) => self.fail_update(whole, keys, f, frame),
            Err(stop) => Err(stop),
        }
    }

    /// What cannot be changed is still looked at, and the error of `f` comes first.
    fn fail_update(
        &mut self,
        whole: Value,
        keys: &[Value],
        f: &'r Node,
        frame: u32,
    ) -> Result<Option<Value>, Stop> {
        let error = self.take_error();
        let mut old = whole;
        for key in keys {
            old = self.index(old, *key)?;
        }
        if self.first_value(f, frame, old)?.is_none() {
            return Ok(None);
        }
        self.error = error;
        Err(Stop::Error)
    }

    /// Goes down to the end of the keys. The containers that are to be changed are exclusive.
    fn descend(&mut self, whole: Value, keys: &[Value]) -> Result<(Vec<Level>, Value), Stop> {
        self.check_path_depth(keys.len())?;
        let mut levels = Vec::with_capacity(keys.len());
        let (mut value, mut most) = (whole, Sharing::Fresh);
        for key in keys {
            let (container, step) = self.step_into(value, *key)?;
            let (level, child) = match step {
                Step::Key(key) => match self.heap.find(container, &key) {
                    Some(entry) => self.exclusive_cell(container, 2 * entry + 1, most)?,
                    None => (Level::Key { object: container, key }, Value::Null),
                },
                Step::Index(index) => {
                    let at = self.index_to_write(container, index)?;
                    if at < self.heap.cells(container).len() {
                        self.exclusive_cell(container, at, most)?
                    } else {
                        (Level::Element { array: container, at }, Value::Null)
                    }
                }
                Step::Slice { from, to } => {
                    let is_null = matches!(value, Value::Null);
                    let child =
                        if is_null { Value::Null } else { self.heap.part(container, from, to) };
                    (Level::Slice { array: container, from, to }, child)
                }
            };
            levels.push(level);
            (value, most) = (child, Sharing::Stored);
        }
        Ok((levels, value))
    }

    fn exclusive_cell(
        &mut self,
        container: Value,
        at: usize,
        most: Sharing,
    ) -> Result<(Level, Value), Stop> {
        let container = self.heap.exclusive(container, most)?;
        Ok((Level::Cell { container, at }, self.heap.cell(container, at)))
    }

    fn index_to_write(&mut self, array: Value, index: f64) -> Result<usize, Stop> {
        let len = self.heap.cells(array).len();
        number::store_index(index, len).or_else(|message| self.fail(message))
    }

    /// Puts a value into the containers, from the innermost out.
    fn ascend(&mut self, levels: Vec<Level>, value: Value) -> Result<Value, Stop> {
        let mut child = value;
        let mut is_leaf = true;
        for level in levels.into_iter().rev() {
            child = match level {
                Level::Cell { container, at } => {
                    if is_leaf {
                        self.heap.write(container, at, child);
                    } else {
                        self.heap.write_back(container, at, child);
                    }
                    container
                }
                Level::Key { object, key } => self.heap.add_entry(object, key, child)?,
                Level::Element { array, at } => {
                    let mut array = array;
                    let missing = at - self.heap.cells(array).len();
                    if missing > 0 {
                        array = self.padded(array, missing)?;
                    }
                    self.heap.append(array, &[child])?
                }
                Level::Slice { array, from, to } => self.replace_slice(array, from, to, child)?,
            };
            is_leaf = false;
        }
        Ok(child)
    }

    fn padded(&mut self, array: Value, nulls: usize) -> Result<Value, Stop> {
        const CHUNK: [Value; 64] = [Value::Null; 64];
        let mut array = self.heap.with_room(array, nulls + 1)?;
        let mut left = nulls;
        while left > 0 {
            let some = left.min(CHUNK.len());
            array = self.heap.append(array, &CHUNK[..some])?;
            left -= some;
        }
        Ok(array)
    }

    fn replace_slice(
        &mut self,
        array: Value,
        from: usize,
        to: usize,
        with: Value,
    ) -> Result<Value, Stop> {
        if !matches!(with, Value::Array { .. }) {
            return self.fail("A slice of an array can only be assigned another array");
        }
        let base = self.collected.len();
        self.heap.share(array);
        self.heap.share(with);
        let cells = self.heap.cells(array);
        self.collected.extend_from_slice(&cells[..from]);
        self.collected.extend_from_slice(self.heap.cells(with));
        self.collected.extend_from_slice(&self.heap.cells(array)[to..]);
        self.share_collected(base);
        self.collected_array(base)
    }

    /// Elements that another container holds too.
    pub(super) fn share_collected(&mut self, base: usize) {
        for at in base..self.collected.len() {
            let value = self.collected[at];
            self.heap.share(value);
        }
    }
}
