//! Builtins that take paths as values.

use alloc::vec::Vec;

use super::native::Native;
use crate::error::{Message, Piece};
use crate::run::{Run, Stop};
use crate::value::{Kind, Value};

pub(super) const TABLE: &[Native] = &[
    Native::new("setpath", 2, set_path).mutating(),
    Native::new("delpaths", 1, del_paths).mutating(),
];

fn set_path(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let (path, value) = (arguments[0], arguments[1]);
    if path.kind() != Kind::Array {
        return run.fail("Path must be specified as an array");
    }
    let keys = run.heap.cells(path).to_vec();
    // A container does not become a part of itself.
    run.heap.share(value);
    run.set_at(input, &keys, value)
}

fn del_paths(run: &mut Run<'_>, input: Value, arguments: &[Value]) -> Result<Value, Stop> {
    let paths = arguments[0];
    if paths.kind() != Kind::Array {
        return run.fail("Paths must be specified as an array");
    }
    let mut places = Vec::new();
    for path in run.heap.cells(paths).to_vec() {
        if path.kind() != Kind::Array {
            return run.fail_with(Message(&[
                Piece::Text("Path must be specified as array, not "),
                Piece::Kind(path),
            ]));
        }
        places.push(run.heap.cells(path).to_vec());
    }
    run.delete_all(input, places)
}
