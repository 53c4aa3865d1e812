//! The arithmetic operators.

use alloc::vec::Vec;

use super::{Run, Stop};
use crate::error::{Message, Piece};
use crate::number;
use crate::order::DEPTH_MAX;
use crate::plan::Arithmetic;
use crate::text::{self, range_in};
use crate::value::{Kind, Value};

impl Run<'_> {
    /// Fails if a comparison since the last check met values that nest too deep.
    pub(crate) fn check_depth_of(&mut self, message: &str) -> Result<(), Stop> {
        if self.heap.is_too_deep.replace(false) { self.fail(message) } else { Ok(()) }
    }

    pub(crate) fn arithmetic(
        &mut self,
        operator: Arithmetic,
        a: Value,
        b: Value,
    ) -> Result<Value, Stop> {
        if let (Some(x), Some(y)) = (self.heap.double(&a), self.heap.double(&b)) {
            return match operator {
                Arithmetic::Add => Ok(Value::Number(x + y)),
                Arithmetic::Subtract => Ok(Value::Number(x - y)),
                Arithmetic::Multiply => Ok(Value::Number(x * y)),
                Arithmetic::Divide if y == 0.0 => self.fail_division(a, b, " cannot be divided"),
                Arithmetic::Divide => Ok(Value::Number(x / y)),
                Arithmetic::Modulo => match number::modulo(x, y) {
                    Some(rest) => Ok(Value::Number(rest)),
                    None => self.fail_division(a, b, " cannot be divided (remainder)"),
                },
            };
        }
        match operator {
            Arithmetic::Add => self.add(a, b),
            Arithmetic::Subtract => self.subtract(a, b),
            Arithmetic::Multiply => self.multiply(a, b),
            Arithmetic::Divide => self.divide(a, b),
            Arithmetic::Modulo => self.fail_operation(a, b, " cannot be divided (remainder)"),
        }
    }

    fn fail_operation<T>(&mut self, a: Value, b: Value, what: &str) -> Result<T, Stop> {
        self.fail_with(Message(&[
            Piece::Value(a),
            Piece::Text(" and "),
            Piece::Value(b),
            Piece::Text(what),
        ]))
    }

    fn fail_division<T>(&mut self, a: Value, b: Value, what: &str) -> Result<T, Stop> {
        self.fail_with(Message(&[
            Piece::Value(a),
            Piece::Text(" and "),
            Piece::Value(b),
            Piece::Text(what),
            Piece::Text(" because the divisor is zero"),
        ]))
    }

    fn add(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        match (a.kind(), b.kind()) {
            (Kind::Null, _) => Ok(b),
            (_, Kind::Null) => Ok(a),
            (Kind::String, Kind::String) => Ok(self.heap.concat(a, b)?),
            (Kind::Array, Kind::Array) => Ok(self.heap.append_array(a, b)?),
            (Kind::Object, Kind::Object) => self.add_objects(a, b),
            _ => self.fail_operation(a, b, " cannot be added"),
        }
    }

    fn add_objects(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        if self.heap.cells(a).is_empty() {
            return Ok(b);
        }
        let mut sum = a;
        for at in (0..self.heap.cells(b).len()).step_by(2) {
            let (key, value) = (self.heap.cell(b, at), self.heap.cell(b, at + 1));
            sum = self.heap.insert(sum, key, value)?;
        }
        Ok(sum)
    }

    fn subtract(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        if a.kind() != Kind::Array || b.kind() != Kind::Array {
            return self.fail_operation(a, b, " cannot be subtracted");
        }
        let base = self.collected.len();
        // Sorted, so that two long arrays do not take quadratic time.
        let mut removed: Vec<Value> = self.heap.cells(b).to_vec();
        removed.sort_by(|x, y| self.heap.compare_to_sort(*x, *y));
        for at in 0..self.heap.cells(a).len() {
            let element = self.heap.cell(a, at);
            let found = removed.binary_search_by(|x| self.heap.compare_to_sort(*x, element));
            // NaN does not equal itself.
            if !found.is_ok_and(|at| self.heap.is_equal(removed[at], element)) {
                self.collect(element)?;
            }
        }
        self.share_collected(base);
        self.collected_array(base)
    }

    fn multiply(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        match (a.kind(), b.kind()) {
            (Kind::String, Kind::Number) => self.repeat(a, b),
            (Kind::Number, Kind::String) => self.repeat(b, a),
            (Kind::Object, Kind::Object) => self.merge(a, b),
            _ => self.fail_operation(a, b, " cannot be multiplied"),
        }
    }

    fn repeat(&mut self, string: Value, count: Value) -> Result<Value, Stop> {
        let count = self.heap.double(&count).unwrap_or_default();
        let len = self.heap.bytes(&string).len();
        match number::repetitions(count) {
            None => Ok(Value::Null),
            Some(times) if times == 0 || len == 0 => Ok(Value::EMPTY_STRING),
            Some(times) if times.saturating_mul(len as u64) > number::REPETITION_LIMIT => {
                self.fail("Repeat string result too long")
            }
            Some(times) => {
                let mut text = Vec::new();
                text.try_reserve_exact(times as usize * len).map_err(|_| Stop::Full)?;
                for _ in 0..times {
                    text.extend_from_slice(self.heap.bytes(&string));
                }
                Ok(self.heap.string(&text)?)
            }
        }
    }

    /// `*` of objects: those that both have are merged too. Without recursion.
    fn merge(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        // (merged so far, key for the parent, what to merge, its next entry)
        let mut open = alloc::vec![(a, Value::Null, b, 0)];
        loop {
            if open.len() > DEPTH_MAX + 1 {
                return self.fail("Object merge too deep");
            }
            let (merged, _, with, at) = *open.last().expect("the loop ends with the first");
            if at >= self.heap.cells(with).len() {
                let (merged, key, ..) = open.pop().expect("it is there");
                let Some((parent, ..)) = open.last_mut() else { return Ok(merged) };
                *parent = self.heap.insert(*parent, key, merged)?;
                continue;
            }
            let (key, value) = (self.heap.cell(with, at), self.heap.cell(with, at + 1));
            open.last_mut().expect("it is there").3 += 2;
            match self.heap.get(merged, &key) {
                Some(old) if old.kind() == Kind::Object && value.kind() == Kind::Object => {
                    open.push((old, key, value, 0));
                }
                _ => {
                    let merged = self.heap.insert(merged, key, value)?;
                    open.last_mut().expect("it is there").0 = merged;
                }
            }
        }
    }

    fn divide(&mut self, a: Value, b: Value) -> Result<Value, Stop> {
        if a.is_string() && b.is_string() {
            self.split(a, b)
        } else {
            self.fail_operation(a, b, " cannot be divided")
        }
    }

    /// The parts of a string between the occurrences of another.
    pub(crate) fn split(&mut self, string: Value, by: Value) -> Result<Value, Stop> {
        let base = self.collected.len();
        let whole = self.heap.str(&string);
        let ranges: Vec<(usize, usize)> =
            text::split(whole, self.heap.str(&by)).map(|part| range_in(whole, part)).collect();
        for (from, to) in ranges {
            let part = self.heap.substring(string, from, to);
            self.collect(part)?;
        }
        self.collected_array(base)
    }

    pub(super) fn negate(&mut self, value: Value) -> Result<Value, Stop> {
        match value {
            // Not its opposite, so that 0 stays 0.
            Value::Number(number) => Ok(Value::Number(0.0 - number)),
            Value::Literal { .. } => {
                let mut digits = Vec::new();
                number::write_literal(self.heap.bytes(&value), &mut digits);
                let mut negated = Vec::new();
                number::negate_literal(&digits, &mut negated);
                Ok(self.heap.literal(&negated)?)
            }
            _ => self.fail_with(Message(&[Piece::Value(value), Piece::Text(" cannot be negated")])),
        }
    }
}
