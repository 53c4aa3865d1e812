//! `contains`, without recursion.

use alloc::vec::Vec;

use crate::heap::Heap;
use crate::order::DEPTH_MAX;
use crate::value::{Kind, Value};

/// A container that must contain another, and how far this is known.
struct Open {
    a: Value,
    b: Value,
    /// The part of `b` that is looked for.
    wanted: usize,
    /// The element of the array `a` that it is compared with.
    at: usize,
}

impl Heap<'_> {
    /// Whether `a` contains `b`, which are of one kind: strings as parts of strings, arrays if each element is contained
    /// in some element, objects key by key.
    pub(crate) fn contains(&self, a: Value, b: Value) -> bool {
        let mut open = Vec::new();
        let mut result = self.begin(a, b, &mut open);
        loop {
            let Some(top) = open.last_mut() else {
                return result.expect("what is not open is known");
            };
            if let Some(known) = result.take() {
                if known {
                    (top.wanted, top.at) = (top.wanted + 1, 0);
                } else {
                    top.at += 1;
                }
            }
            match self.next_containment(top) {
                Next::Decided(decided) => {
                    open.pop();
                    result = Some(decided);
                    if open.is_empty() {
                        return decided;
                    }
                }
                Next::Compare(part, wanted) => {
                    if open.len() > DEPTH_MAX {
                        self.is_too_deep.set(true);
                        return false;
                    }
                    result = self.begin(part, wanted, &mut open);
                }
            }
        }
    }

    /// The answer, if it needs no look into containers.
    fn begin(&self, a: Value, b: Value, open: &mut Vec<Open>) -> Option<bool> {
        match (a.kind(), b.kind()) {
            (Kind::Object, Kind::Object) | (Kind::Array, Kind::Array) => {
                open.push(Open { a, b, wanted: 0, at: 0 });
                None
            }
            (Kind::String, Kind::String) => Some(self.str(&a).contains(self.str(&b))),
            _ => Some(self.is_equal(a, b)),
        }
    }

    fn next_containment(&self, top: &Open) -> Next {
        let wanted = self.cells(top.b);
        if top.a.kind() == Kind::Array {
            let Some(wanted) = wanted.get(top.wanted) else { return Next::Decided(true) };
            return match self.cells(top.a).get(top.at) {
                Some(part) => Next::Compare(*part, *wanted),
                None => Next::Decided(false),
            };
        }
        let Some(entry) = wanted.get(2 * top.wanted..2 * top.wanted + 2) else {
            return Next::Decided(true);
        };
        match self.get(top.a, &entry[0]) {
            Some(part) if top.at == 0 => Next::Compare(part, entry[1]),
            _ => Next::Decided(false),
        }
    }
}

/// What follows for a container.
enum Next {
    Decided(bool),
    Compare(Value, Value),
}
