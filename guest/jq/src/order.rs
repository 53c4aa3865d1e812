//! jq's order of all values, without recursion.
//!
//! null, false, true, numbers, strings by bytes, arrays element by element, objects by their sorted keys and then by
//! the values in the order of the keys.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::heap::Heap;
use crate::number;
use crate::value::{Kind, Value};

/// How deep values may nest where two of them are compared. It is jq's own limit.
pub(crate) const DEPTH_MAX: usize = 10_000;

/// Two containers that are being compared.
enum Pair {
    Arrays {
        a: Value,
        b: Value,
        at: usize,
    },
    /// The places of the entries, sorted by key. The keys are equal.
    Objects {
        a: Value,
        b: Value,
        places: Vec<(u32, u32)>,
        at: usize,
    },
}

impl Heap<'_> {
    /// The order of two values. It is not a total one: NaN is less than itself, and two literals may differ although
    /// one double equals both.
    #[inline]
    pub(crate) fn compare(&self, a: Value, b: Value) -> Ordering {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => compare_doubles(a, b),
            _ if a.is_container() && a.kind() == b.kind() => self.compare_containers(a, b, false),
            _ => self.compare_scalars(a, b),
        }
    }

    /// The same as a total order, for sorting.
    #[inline]
    pub(crate) fn compare_to_sort(&self, a: Value, b: Value) -> Ordering {
        if a.is_container() && a.kind() == b.kind() {
            return self.compare_containers(a, b, true);
        }
        self.compare_scalars_to_sort(a, b)
    }

    fn compare_scalars_to_sort(&self, a: Value, b: Value) -> Ordering {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) if a.is_nan() && b.is_nan() => Ordering::Equal,
            (Value::Number(a), Value::Number(b)) => compare_doubles(a, b),
            (Value::Literal { .. }, Value::Number(double)) => self.compare_literal(a, double),
            (Value::Number(double), Value::Literal { .. }) => {
                self.compare_literal(b, double).reverse()
            }
            _ => self.compare_scalars(a, b),
        }
    }

    /// By the digits that the double is written with.
    fn compare_literal(&self, literal: Value, double: f64) -> Ordering {
        let order = compare_doubles(self.double(&literal).unwrap_or_default(), double);
        if order != Ordering::Equal {
            return order;
        }
        let mut digits = Vec::new();
        number::write_double(double, &mut digits);
        number::compare(self.bytes(&literal), &digits)
    }

    pub(crate) fn is_equal(&self, a: Value, b: Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b,
            _ if a.is_string() => b.is_string() && self.is_equal_string(&a, &b),
            // Even if NaN is in it.
            _ if a.is_container() && a.is_identical(&b) => true,
            _ => self.compare(a, b) == Ordering::Equal,
        }
    }

    /// The value of a number.
    #[inline]
    pub(crate) fn double(&self, number: &Value) -> Option<f64> {
        match number {
            Value::Number(number) => Some(*number),
            Value::Literal { .. } => Some(number::to_double(self.bytes(number))),
            _ => None,
        }
    }

    fn compare_scalars(&self, a: Value, b: Value) -> Ordering {
        match (a.kind(), b.kind()) {
            (Kind::Number, Kind::Number) => match (a, b) {
                (Value::Literal { .. }, Value::Literal { .. }) => {
                    number::compare(self.bytes(&a), self.bytes(&b))
                }
                _ => compare_doubles(
                    self.double(&a).unwrap_or_default(),
                    self.double(&b).unwrap_or_default(),
                ),
            },
            (Kind::String, Kind::String) => self.bytes(&a).cmp(self.bytes(&b)),
            (a, b) => a.cmp(&b),
        }
    }

    #[inline(never)]
    fn compare_containers(&self, a: Value, b: Value, to_sort: bool) -> Ordering {
        let mut open = Vec::new();
        let order = self.open(a, b, &mut open);
        if order != Ordering::Equal {
            return order;
        }
        while let Some(pair) = open.last_mut() {
            let Some((a, b)) = self.next_pair(pair) else {
                let order = self.end_of(pair);
                if order != Ordering::Equal {
                    return order;
                }
                open.pop();
                continue;
            };
            let order = if a.is_container() && a.kind() == b.kind() {
                if open.len() >= DEPTH_MAX {
                    self.is_too_deep.set(true);
                    return Ordering::Equal;
                }
                self.open(a, b, &mut open)
            } else if to_sort {
                self.compare_scalars_to_sort(a, b)
            } else {
                self.compare_scalars(a, b)
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }

    /// Begins to compare two containers of one kind.
    fn open(&self, a: Value, b: Value, open: &mut Vec<Pair>) -> Ordering {
        if a.kind() == Kind::Array {
            open.push(Pair::Arrays { a, b, at: 0 });
            return Ordering::Equal;
        }
        let (keys_a, keys_b) = (self.sorted_places(a), self.sorted_places(b));
        for (place_a, place_b) in keys_a.iter().zip(&keys_b) {
            let order = self.key_bytes(a, *place_a).cmp(self.key_bytes(b, *place_b));
            if order != Ordering::Equal {
                return order;
            }
        }
        if keys_a.len() == keys_b.len() {
            open.push(Pair::Objects {
                a,
                b,
                places: keys_a.into_iter().zip(keys_b).collect(),
                at: 0,
            });
        } else {
            return keys_a.len().cmp(&keys_b.len());
        }
        Ordering::Equal
    }

    fn next_pair(&self, pair: &mut Pair) -> Option<(Value, Value)> {
        match pair {
            Pair::Arrays { a, b, at } => {
                *at += 1;
                Some((*self.cells(*a).get(*at - 1)?, *self.cells(*b).get(*at - 1)?))
            }
            Pair::Objects { a, b, places, at } => {
                *at += 1;
                let (place_a, place_b) = places.get(*at - 1)?;
                Some((
                    self.cell(*a, 2 * *place_a as usize + 1),
                    self.cell(*b, 2 * *place_b as usize + 1),
                ))
            }
        }
    }

    fn end_of(&self, pair: &Pair) -> Ordering {
        match pair {
            Pair::Arrays { a, b, .. } => self.cells(*a).len().cmp(&self.cells(*b).len()),
            Pair::Objects { .. } => Ordering::Equal,
        }
    }

    fn key_bytes(&self, object: Value, place: u32) -> &[u8] {
        self.bytes(&self.cells(object)[2 * place as usize])
    }

    /// The entries of an object in the order of their keys.
    pub(crate) fn sorted_places(&self, object: Value) -> Vec<u32> {
        let mut places: Vec<u32> = (0..(self.cells(object).len() / 2) as u32).collect();
        places.sort_unstable_by(|a, b| self.key_bytes(object, *a).cmp(self.key_bytes(object, *b)));
        places
    }
}

/// NaN is below all numbers, itself included.
pub(crate) fn compare_doubles(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(if a.is_nan() { Ordering::Less } else { Ordering::Greater })
}
